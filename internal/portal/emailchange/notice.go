// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package emailchange

import (
	"net/http"

	"github.com/usher-dev/usher/internal/portal/page"
)

// Notices.
var (
	noticeDone = page.Notice{Name: "change-done", Status: http.StatusOK, Tone: page.ToneGood, Product: page.ProductMain}

	noticeExpired        = page.Notice{Name: "change-expired", Status: http.StatusGone, Tone: page.ToneBad}
	noticeTaken          = page.Notice{Name: "change-taken", Status: http.StatusGone, Tone: page.ToneBad}
	noticeMemberDisabled = page.Notice{Name: "change-member-disabled", Status: http.StatusGone, Tone: page.ToneBad}
)
