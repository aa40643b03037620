// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"bytes"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/usher-dev/usher/internal/portal/web"
)

// Render writes a whole page, or an error.
func (s *Site) Render(w http.ResponseWriter, status int, templates *template.Template, name string, view View) {
	var body bytes.Buffer
	if err := templates.ExecuteTemplate(&body, name, view); err != nil {
		s.broken(w, err)
		return
	}
	p := view.page()
	if p.Logo.Origin != "" {
		w.Header().Set("Content-Security-Policy", web.ContentPolicy+"; img-src "+p.Logo.Origin)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", p.Language())
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// AddMistakes puts mistakes on the page, in its language. If it returns false, a text is missing and the request is answered.
func (s *Site) AddMistakes(w http.ResponseWriter, p *Page, mistakes []Mistake) bool {
	for _, m := range mistakes {
		text, err := p.T(m.Key, m.Gaps...)
		if err != nil {
			s.broken(w, err)
			return false
		}
		p.Mistakes = append(p.Mistakes, ShownMistake{Field: m.Field, Text: text})
	}
	return true
}

// broken answers a request after an error that only a mistake in a template or a catalogue can cause.
func (s *Site) broken(w http.ResponseWriter, err error) {
	s.Log.Error(err, "Could not render a page")
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}

// Fail shows the page for an error: that the link leads nowhere, or that the visitor can try again.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) {
	var wait web.WaitError
	switch {
	case errors.As(err, &wait):
		s.RenderNotice(w, r, nil, NoticeTooMany, web.Seconds(time.Duration(wait)))
	case errors.Is(err, ErrUnknown):
		web.AtLeast(r.Context(), s.Limits.EvenTime)
		s.RenderNotice(w, r, nil, NoticeUnknown, 0)
	case errors.Is(err, web.ErrBusy):
		s.RenderNotice(w, r, nil, NoticeUnavailable, web.RetryBusy)
	default:
		s.Log.Info("Could not answer a visit; the page asks the visitor to try again", "cause", Cause(err))
		s.RenderNotice(w, r, nil, NoticeUnavailable, web.RetryUnavailable)
	}
}
