// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"net/http"
	"strconv"
)

// Notice is a page that says one thing and what to do next. Its texts are notice.<name>.title, .text and .next of the catalogue.
type Notice struct {
	Name   string
	Status int
	Tone   string
	// Product is how the button that opens the product looks: "main" or "quiet"; without one if empty.
	Product string
	// ProfilePath leads to the member's profile; empty if the notice does not mention it.
	ProfilePath string
	// ForgotPath leads to where a link is requested that sets a new password; empty if the notice does not mention it.
	ForgotPath string
}

// Tones of notices.
const (
	ToneGood = "good"
	ToneCalm = "calm"
	ToneBad  = "bad"
)

// Looks of the button that opens the product.
const (
	ProductMain  = "main"
	ProductQuiet = "quiet"
)

// Notices about no one.
var (
	NoticeUnknown     = Notice{Name: "unknown", Status: http.StatusNotFound, Tone: ToneBad}
	NoticeMalformed   = Notice{Name: "malformed", Status: http.StatusBadRequest, Tone: ToneBad}
	NoticeForeign     = Notice{Name: "foreign", Status: http.StatusForbidden, Tone: ToneBad}
	NoticeTooLarge    = Notice{Name: "too-large", Status: http.StatusRequestEntityTooLarge, Tone: ToneBad}
	NoticeTooMany     = Notice{Name: "too-many", Status: http.StatusTooManyRequests, Tone: ToneBad}
	NoticeUnavailable = Notice{Name: "unavailable", Status: http.StatusServiceUnavailable, Tone: ToneBad}
)

// noticeView is what the template of a notice may show.
type noticeView struct {
	*Page
	Notice Notice
}

// RenderNotice shows a notice about a person, or about no one if who is nil. retryAfter is in seconds; 0 leaves it out.
func (s *Site) RenderNotice(w http.ResponseWriter, r *http.Request, who *Person, n Notice, retryAfter int) {
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	p := New(r, who, "notice."+n.Name+".title")
	p.Tone = n.Tone
	s.Render(w, n.Status, shared, "notice.html", noticeView{Page: p, Notice: n})
}
