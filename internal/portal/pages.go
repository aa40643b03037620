// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/message/catalogue"
	"github.com/usher-dev/usher/internal/portal/web"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/portal.css
var stylesheetText []byte

const stylesheetPath = "/assets/portal.css"

var (
	pageTemplates = template.Must(template.ParseFS(templateFiles, "templates/*.html"))
)

func stylesheet(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(stylesheetText)
}

// page is what a template may show. html/template escapes all of it where it is written.
type page struct {
	catalogue *catalogue.Catalogue

	// Kind is the notice's name, or "form", "decline", "sign-in" or "profile".
	Kind string
	// Query ends the links within the portal, so that the language is kept.
	Query string
	// Accent is the colour of the page, as six hexadecimal digits.
	Accent string
	// Tone is how a notice looks: "good", "calm" or "bad".
	Tone string

	// The rest is empty on pages about no one.

	// Path of the link.
	Path                       string
	Account, Monogram          string
	Logo                       web.Logo
	ContactEmail, ContactPhone string
	ProductURL, TermsURL       string
	Email, Role                string
	Expires                    *metav1.Time

	// ProfilePath leads to the profile, from pages that mention it.
	ProfilePath string
	// Profile is set on the profile page.
	Profile *profilePage

	Personal, Secret []field
	Terms            bool
	Mistakes         []shownMistake
}

// field is one input of a form, with the page that it is on.
type field struct {
	*page
	Name, Type, Autocomplete string
	Value, Error             string
	// Hint is the catalogue's key of the text under the label; may be empty.
	Hint string
	// Fixed is set if the member's spec says the value.
	Fixed    bool
	Required bool
}

// DescribedBy lists the ids of what explains the field.
func (f field) DescribedBy() string {
	var ids []string
	if f.Fixed || f.Hint != "" {
		ids = append(ids, f.Name+"-hint")
	}
	if f.Error != "" {
		ids = append(ids, f.Name+"-error")
	}
	return strings.Join(ids, " ")
}

// FixedHint is the catalogue's key of the text that says who sets a fixed field: the account, or for its own contact the operator.
func (f field) FixedHint() string {
	if strings.HasPrefix(f.Name, contactFields) {
		return "hint.fixed.company"
	}
	return "hint.fixed"
}

// shownMistake is a mistake in words.
type shownMistake struct{ Field, Text string }

// Language of the page as a BCP 47 tag.
func (p *page) Language() string { return string(p.catalogue.Tag) }

// AsksInside reports whether the contact is part of the page's message, and not of its foot.
func (p *page) AsksInside() bool { return p.Account != "" && p.Tone != "" && p.Tone != toneGood }

// Languages returns all languages, in the order of their tags.
func (p *page) Languages() []*catalogue.Catalogue { return web.Spoken.Sorted }

// Dir is the direction of writing in the page's language.
func (p *page) Dir() string { return p.catalogue.Dir }

// LanguageName is the name of the page's language, in that language.
func (p *page) LanguageName() string { return p.catalogue.Name }

// T is the text of key in the page's language. The gaps are alternating names and values of placeholders.
func (p *page) T(key string, gaps ...any) (string, error) {
	values := make(map[string]string, len(gaps)/2)
	for i := 0; i+1 < len(gaps); i += 2 {
		values[fmt.Sprint(gaps[i])] = fmt.Sprint(gaps[i+1])
	}
	text, err := p.catalogue.Page(key, values)
	return text.String(), err
}

// Moment writes t in the page's language.
func (p *page) Moment(t *metav1.Time) string { return p.catalogue.PageMoment(t.Time) }

// Machine writes t for machines.
func (p *page) Machine(t *metav1.Time) string { return t.UTC().Format(time.RFC3339) }

// Dial is the contact's phone as a link; html/template would not let its scheme through by itself.
func (p *page) Dial() template.URL {
	return template.URL("tel:" + strings.Map(func(r rune) rune {
		if r == '+' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, p.ContactPhone))
}

// ErrorOf is what is wrong with a field, if anything.
func (p *page) ErrorOf(name string) string {
	i := slices.IndexFunc(p.Mistakes, func(m shownMistake) bool { return m.Field == name })
	if i < 0 {
		return ""
	}
	return p.Mistakes[i].Text
}

// languageOf chooses the language of a page about v, or about no one if v is nil.
func languageOf(r *http.Request, v *visit) *catalogue.Catalogue {
	if v == nil {
		return web.Spoken.Choose(r, "", "")
	}
	known := credentials.Known(&v.member.Spec, &v.credentials)
	return web.Spoken.Choose(r, usherv1.Language(known[credentials.KeyLanguage]), v.account.Spec.Language)
}

// newPage returns a page about v, or about no one if v is nil.
func newPage(r *http.Request, v *visit, kind string) *page {
	p := &page{catalogue: languageOf(r, v), Kind: kind, Query: web.SwitchedQuery(r), Accent: web.DefaultAccent}
	if v == nil {
		return p
	}
	account := &v.account.Spec
	p.Path = v.link.path()
	p.Accent, p.Logo = web.AccentOf(account.Branding), web.LogoOf(account.Branding)
	p.Account = string(account.DisplayName)
	p.Monogram = monogram(p.Account)
	p.ProductURL, p.TermsURL = string(account.ProductURL), string(account.TermsURL)
	p.ContactEmail, p.ContactPhone = string(v.contact.Email), string(v.contact.Phone)
	if p.ContactEmail == "" && account.Mail != nil {
		p.ContactEmail = string(account.Mail.ReplyTo)
	}
	p.Email = string(v.member.Spec.Email)
	if p.Role = v.member.Status.Role; p.Role == "" {
		p.Role = v.member.Spec.Role
	}
	p.Expires = v.invitation.Status.ExpiresAt
	return p
}

// monogram returns the first letter or digit of a name, which is shown in place of a logo.
func monogram(name string) string {
	i := strings.IndexFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	if i < 0 {
		return ""
	}
	letter, _ := utf8.DecodeRuneInString(name[i:])
	return string(unicode.ToUpper(letter))
}

// renderForm shows the form with what is known or was typed, and what is wrong with it.
func (p *Portal) renderForm(w http.ResponseWriter, r *http.Request, status int, v *visit, a answers, mistakes []mistake) {
	page := newPage(r, v, "form")
	if !p.addMistakes(w, page, mistakes) {
		return
	}
	page.fields(&page.Personal, personalFields(a.personal, &v.member.Spec)...)
	page.fields(&page.Secret,
		field{Name: fieldPassword, Type: "password", Autocomplete: "new-password", Hint: "hint.password", Required: true},
		field{Name: fieldConfirm, Type: "password", Autocomplete: "new-password", Required: true},
	)
	page.Terms = a.terms
	p.render(w, status, page, "form.html")
}

// personalFields returns the inputs of the personal fields.
func personalFields(personal credentials.Personal, spec *usherv1.MemberSpec) []field {
	var fields []field
	for _, f := range credentials.Fields {
		if !f.Choice {
			fields = append(fields, field{
				Name: f.Name, Type: f.Type, Autocomplete: f.Autocomplete, Value: personal[f.Key], Fixed: f.OfSpec(spec) != "",
			})
		}
	}
	return fields
}

// fields puts fields on the page, with what is wrong with each.
func (p *page) fields(to *[]field, fields ...field) {
	for _, f := range fields {
		f.page, f.Error = p, p.ErrorOf(f.Name)
		*to = append(*to, f)
	}
}

// addMistakes puts mistakes on the page, in its language. If it returns false, a text is missing and the request is answered.
func (p *Portal) addMistakes(w http.ResponseWriter, page *page, mistakes []mistake) bool {
	for _, m := range mistakes {
		text, err := page.T(m.key, m.gaps...)
		if err != nil {
			p.broken(w, err)
			return false
		}
		page.Mistakes = append(page.Mistakes, shownMistake{m.field, text})
	}
	return true
}

// render writes a whole page, or an error.
func (p *Portal) render(w http.ResponseWriter, status int, page *page, name string) {
	var body bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&body, name, page); err != nil {
		p.broken(w, err)
		return
	}
	if page.Logo.Origin != "" {
		w.Header().Set("Content-Security-Policy", web.ContentPolicy+"; img-src "+page.Logo.Origin)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", page.Language())
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// broken answers a request after an error that only a mistake in a template or a catalogue can cause.
func (p *Portal) broken(w http.ResponseWriter, err error) {
	p.log.Error(err, "Could not render a page")
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}

// fail shows the page for an error of look, accept or decline.
func (p *Portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errUnknown):
		web.AtLeast(r.Context(), p.evenTime)
		p.renderNotice(w, r, nil, noticeUnknown, 0)
	case errors.Is(err, web.ErrBusy):
		p.renderNotice(w, r, nil, noticeUnavailable, web.RetryBusy)
	default:
		p.log.Info("Could not answer a visit; the page asks the visitor to try again", "cause", cause(err))
		p.renderNotice(w, r, nil, noticeUnavailable, web.RetryUnavailable)
	}
}

// logOf returns the logger of a genuine visit. It names no address, and never the token.
func (p *Portal) logOf(v *visit) logr.Logger {
	return p.log.WithValues("namespace", v.invitation.Namespace, "invitation", v.invitation.Name)
}
