// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"net/http"

	"github.com/usher-dev/usher/internal/portal/page"
)

// Notices.
var (
	noticeProfileDisabled = page.Notice{
		Name: "profile-disabled", Status: http.StatusForbidden, Tone: page.ToneBad,
	}
	noticeProfileAccountDisabled = page.Notice{
		Name: "profile-account-disabled", Status: http.StatusForbidden, Tone: page.ToneBad,
	}
	noticeProfileWaiting = page.Notice{
		Name: "profile-waiting", Status: http.StatusForbidden, Tone: page.ToneCalm,
	}
)
