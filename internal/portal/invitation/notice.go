// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invitation

import (
	"net/http"

	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/page"
)

// Notices.
var (
	noticeWelcome  = page.Notice{Name: "welcome", Status: http.StatusOK, Tone: page.ToneGood, Product: page.ProductMain}
	noticeWaiting  = page.Notice{Name: "waiting", Status: http.StatusOK, Tone: page.ToneGood, Product: page.ProductQuiet}
	noticeFarewell = page.Notice{Name: "farewell", Status: http.StatusOK, Tone: page.ToneCalm}

	noticeUsed           = page.Notice{Name: "used", Status: http.StatusGone, Tone: page.ToneCalm, Product: page.ProductQuiet}
	noticeDeclined       = page.Notice{Name: "declined", Status: http.StatusGone, Tone: page.ToneCalm}
	noticeExpired        = page.Notice{Name: "expired", Status: http.StatusGone, Tone: page.ToneBad}
	noticeRevoked        = page.Notice{Name: "revoked", Status: http.StatusGone, Tone: page.ToneBad}
	noticeMemberDisabled = page.Notice{Name: "member-disabled", Status: http.StatusGone, Tone: page.ToneBad}
)

var noticeOfRefusal = map[invite.Refusal]page.Notice{
	invite.RefusedUsed:            noticeUsed,
	invite.RefusedDeclined:        noticeDeclined,
	invite.RefusedExpired:         noticeExpired,
	invite.RefusedRevoked:         noticeRevoked,
	invite.RefusedMemberDisabled:  noticeMemberDisabled,
	invite.RefusedAccountDisabled: page.NoticeAccountDisabled,
}
