// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"net/http"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/portal/page"
)

// Notices for members who are not Active.
var (
	noticeDisabled        = page.Notice{Name: "profile-disabled", Status: http.StatusForbidden, Tone: page.ToneBad}
	noticeAccountDisabled = page.Notice{Name: "profile-account-disabled", Status: http.StatusForbidden, Tone: page.ToneBad}
	noticeWaiting         = page.Notice{Name: "profile-waiting", Status: http.StatusForbidden, Tone: page.ToneCalm}
)

// Disabled returns the notice for a member whose access was withdrawn; nil for any other. The spec counts at once, whatever the status
// still says.
func Disabled(who *page.Person, now time.Time) *page.Notice {
	switch {
	case who.Member.Spec.State == usherv1.StateDisabled || who.Member.Spec.Ended(now):
		return &noticeDisabled
	case who.Account.Spec.State == usherv1.StateDisabled:
		return &noticeAccountDisabled
	}
	return nil
}

// Standing returns the notice for a member who is not Active; nil for one who is.
func Standing(who *page.Person, now time.Time) *page.Notice {
	if notice := Disabled(who, now); notice != nil {
		return notice
	}
	if who.Member.Status.State != usherv1.ObservedActive {
		return &noticeWaiting
	}
	return nil
}
