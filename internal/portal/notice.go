// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"net/http"
	"strconv"

	"github.com/usher-dev/usher/internal/invite"
)

// notice is a page that says one thing and what to do next. Its texts are notice.<name>.title, .text and .next of the catalogue.
type notice struct {
	name   string
	status int
	tone   string
}

// Tones of notices.
const (
	toneGood = "good"
	toneCalm = "calm"
	toneBad  = "bad"
)

// Notices.
var (
	noticeWelcome  = notice{"welcome", http.StatusOK, toneGood}
	noticeWaiting  = notice{"waiting", http.StatusOK, toneGood}
	noticeFarewell = notice{"farewell", http.StatusOK, toneCalm}

	noticeUsed            = notice{"used", http.StatusGone, toneCalm}
	noticeDeclined        = notice{"declined", http.StatusGone, toneCalm}
	noticeExpired         = notice{"expired", http.StatusGone, toneBad}
	noticeRevoked         = notice{"revoked", http.StatusGone, toneBad}
	noticeMemberDisabled  = notice{"member-disabled", http.StatusGone, toneBad}
	noticeAccountDisabled = notice{"account-disabled", http.StatusGone, toneBad}

	noticeProfileDisabled        = notice{"profile-disabled", http.StatusForbidden, toneBad}
	noticeProfileAccountDisabled = notice{"profile-account-disabled", http.StatusForbidden, toneBad}
	noticeProfileWaiting         = notice{"profile-waiting", http.StatusForbidden, toneCalm}

	noticeUnknown     = notice{"unknown", http.StatusNotFound, toneBad}
	noticeMalformed   = notice{"malformed", http.StatusBadRequest, toneBad}
	noticeForeign     = notice{"foreign", http.StatusForbidden, toneBad}
	noticeTooLarge    = notice{"too-large", http.StatusRequestEntityTooLarge, toneBad}
	noticeTooMany     = notice{"too-many", http.StatusTooManyRequests, toneBad}
	noticeUnavailable = notice{"unavailable", http.StatusServiceUnavailable, toneBad}
)

var noticeOfRefusal = map[invite.Refusal]notice{
	invite.RefusedUsed:            noticeUsed,
	invite.RefusedDeclined:        noticeDeclined,
	invite.RefusedExpired:         noticeExpired,
	invite.RefusedRevoked:         noticeRevoked,
	invite.RefusedMemberDisabled:  noticeMemberDisabled,
	invite.RefusedAccountDisabled: noticeAccountDisabled,
}

// renderNotice shows a notice about v, or about no one if v is nil. retryAfter is in seconds; 0 leaves it out.
func (p *Portal) renderNotice(w http.ResponseWriter, r *http.Request, v *visit, n notice, retryAfter int) {
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	page := newPage(r, v, n.name)
	page.Tone = n.tone
	if n == noticeWelcome && p.membersAt != nil {
		page.ProfilePath = profileOf(v)
	}
	p.render(w, n.status, page, "notice.html")
}
