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
	"github.com/usher-dev/usher/internal/message/catalogue"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/portal.css
var stylesheetText []byte

const stylesheetPath = "/assets/portal.css"

var (
	pageTemplates = template.Must(template.ParseFS(templateFiles, "templates/*.html"))
	spoken        = loadLanguages()
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
	// Query is what links within the portal end with, so that the language stays.
	Query string
	// Accent is the colour of the page, as six hexadecimal digits.
	Accent string
	// Tone is how a notice looks: "good", "calm" or "bad".
	Tone string

	// The rest is empty on pages for nobody in particular.

	// Path of the link.
	Path                       string
	Account, Monogram          string
	Logo                       logo
	ContactEmail, ContactPhone string
	ProductURL, TermsURL       string
	Email, Role                string
	Expires                    *metav1.Time

	// ProfilePath leads to the profile, from pages that mention it.
	ProfilePath string
	// Profile is there on the page of that.
	Profile *profilePage

	Personal, Secret []field
	Terms            bool
	Mistakes         []shownMistake
}

// field is one input of the form, with the page that it is on.
type field struct {
	*page
	Name, Type, Autocomplete string
	Value, Error             string
	// Hint is the catalogue's key of what stands under the label; may be empty.
	Hint string
	// Fixed is set where the member's spec says what it is.
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

// FixedHint is the catalogue's key of who says what a fixed field holds: the account, or of its own contact the operator.
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

// AsksInside tells whether whom to ask is part of what the page has to say, and not of its foot.
func (p *page) AsksInside() bool { return p.Account != "" && p.Tone != "" && p.Tone != toneGood }

// Languages are all that there are, in the order of their tags.
func (p *page) Languages() []*catalogue.Catalogue { return spoken.sorted }

// Dir is the direction of writing in the page's language.
func (p *page) Dir() string { return p.catalogue.Dir }

// LanguageName is the name of the page's language, in that language.
func (p *page) LanguageName() string { return p.catalogue.Name }

// T is the text of key in the page's language. The gaps are names and values of placeholders, in turn.
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

// newPage is a page about v, or about nobody if v is nil.
func newPage(r *http.Request, v *visit, kind string) *page {
	p := &page{catalogue: spoken.choose(r, v), Kind: kind, Query: switchedQuery(r), Accent: defaultAccent}
	if v == nil {
		return p
	}
	account := &v.account.Spec
	p.Path = v.link.path()
	p.Accent, p.Logo = accentOf(account.Branding), logoOf(account.Branding)
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

// monogram is the first letter or digit of a name, for the place where a logo would be.
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
	page.fields(&page.Personal, personalFields(a, &v.member.Spec)...)
	page.fields(&page.Secret,
		field{Name: fieldPassword, Type: "password", Autocomplete: "new-password", Hint: "hint.password", Required: true},
		field{Name: fieldConfirm, Type: "password", Autocomplete: "new-password", Required: true},
	)
	page.Terms = a.terms
	p.render(w, status, page, "form.html")
}

// personalFields are about who the member is.
func personalFields(a answers, known *usherv1.MemberSpec) []field {
	return []field{
		{Name: fieldSalutation, Type: "text", Autocomplete: "honorific-prefix", Value: a.salutation, Fixed: known.Salutation != ""},
		{Name: fieldGivenName, Type: "text", Autocomplete: "given-name", Value: a.givenName, Fixed: known.GivenName != ""},
		{Name: fieldFamilyName, Type: "text", Autocomplete: "family-name", Value: a.familyName, Fixed: known.FamilyName != ""},
		{Name: fieldPhone, Type: "tel", Autocomplete: "tel", Value: a.phone, Fixed: known.Phone != ""},
	}
}

// fields puts fields on the page, with what is wrong with each.
func (p *page) fields(to *[]field, fields ...field) {
	for _, f := range fields {
		f.page, f.Error = p, p.ErrorOf(f.Name)
		*to = append(*to, f)
	}
}

// addMistakes puts mistakes into the page's words; false where they could not be, and the answer is given.
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

// render writes a whole page, or none.
func (p *Portal) render(w http.ResponseWriter, status int, page *page, name string) {
	var body bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&body, name, page); err != nil {
		p.broken(w, err)
		return
	}
	if page.Logo.Origin != "" {
		w.Header().Set("Content-Security-Policy", contentPolicy+"; img-src "+page.Logo.Origin)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", page.Language())
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// broken is for what only a mistake in a template or a catalogue can bring about.
func (p *Portal) broken(w http.ResponseWriter, err error) {
	p.log.Error(err, "a page cannot be shown")
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}

// fail shows the page for an error of look, accept or decline.
func (p *Portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errUnknown):
		evenOut(r.Context(), p.evenTime)
		p.renderNotice(w, r, nil, noticeUnknown, 0)
	case errors.Is(err, errBusy):
		p.renderNotice(w, r, nil, noticeUnavailable, retryBusy)
	default:
		p.log.Info("a visit could not be answered; the visitor is asked to try again", "cause", cause(err))
		p.renderNotice(w, r, nil, noticeUnavailable, retryUnavailable)
	}
}

// logOf is the log for a genuine visit. It names no address, and never the token.
func (p *Portal) logOf(v *visit) logr.Logger {
	return p.log.WithValues("namespace", v.invitation.Namespace, "invitation", v.invitation.Name)
}
