// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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

// StylesheetPath is the path of [Stylesheet].
const StylesheetPath = "/assets/portal.css"

var shared = template.Must(template.ParseFS(templateFiles, "templates/*.html"))

// Templates returns the templates in the folder "templates" of files, with those that all pages share: "top", "bottom", "summary" and
// "field". It is for package variables: a template that has been executed cannot be copied.
func Templates(files fs.FS) *template.Template {
	return template.Must(template.Must(shared.Clone()).ParseFS(files, "templates/*.html"))
}

// Stylesheet serves the style sheet of all pages, without the colours of an account.
func Stylesheet(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(stylesheetText)
}

// Page is what the template of any page may show. html/template escapes all of it where it is written. The data of a template embeds
// a *Page.
type Page struct {
	catalogue *catalogue.Catalogue

	// Title is the catalogue's key of the page's title.
	Title string
	// Query ends the links within the portal, so that the language is kept.
	Query string
	// Accent is the colour of the page, as six hexadecimal digits.
	Accent string
	// Tone is how a notice looks: "good", "calm" or "bad".
	Tone     string
	Mistakes []ShownMistake
	// Hidden is what a switch of the language posts, so that what was typed is kept. Without it the switch is a link.
	Hidden []Input

	// The rest is empty on pages about no one.

	Account, Monogram          string
	Logo                       web.Logo
	ContactEmail, ContactPhone string
	ProductURL, TermsURL       string
	Email, Role                string
}

// View is the data of a template: a struct that embeds a *Page.
type View interface{ page() *Page }

func (p *Page) page() *Page { return p }

// Input is a hidden input of a form.
type Input struct{ Name, Value string }

// Field is one input of a form, with the page that it is on.
type Field struct {
	*Page
	Name, Type, Autocomplete string
	Value, Error             string
	// Hint is the catalogue's key of the text under the label; may be empty.
	Hint string
	// Fixed is set if the member's spec says the value.
	Fixed    bool
	Required bool
}

// DescribedBy lists the ids of what explains the field.
func (f Field) DescribedBy() string {
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
func (f Field) FixedHint() string {
	if strings.HasPrefix(f.Name, CompanyFields) {
		return "hint.fixed.company"
	}
	return "hint.fixed"
}

// ShownMistake is a mistake in words.
type ShownMistake struct{ Field, Text string }

// Language of the page as a BCP 47 tag.
func (p *Page) Language() string { return string(p.catalogue.Tag) }

// AsksInside reports whether the contact is part of the page's message, and not of its foot.
func (p *Page) AsksInside() bool { return p.Account != "" && p.Tone != "" && p.Tone != ToneGood }

// Languages returns all languages, in the order of their tags.
func (p *Page) Languages() []*catalogue.Catalogue { return web.Spoken.Sorted }

// Dir is the direction of writing in the page's language.
func (p *Page) Dir() string { return p.catalogue.Dir }

// LanguageName is the name of the page's language, in that language.
func (p *Page) LanguageName() string { return p.catalogue.Name }

// T is the text of key in the page's language. The gaps are alternating names and values of placeholders.
func (p *Page) T(key string, gaps ...any) (string, error) {
	values := make(map[string]string, len(gaps)/2)
	for i := 0; i+1 < len(gaps); i += 2 {
		values[fmt.Sprint(gaps[i])] = fmt.Sprint(gaps[i+1])
	}
	text, err := p.catalogue.Page(key, values)
	return text.String(), err
}

// Moment writes t in the page's language.
func (p *Page) Moment(t *metav1.Time) string { return p.catalogue.PageMoment(t.Time) }

// Machine writes t for machines.
func (p *Page) Machine(t *metav1.Time) string { return t.UTC().Format(time.RFC3339) }

// Dial is the contact's phone as a link; html/template would not let its scheme through by itself.
func (p *Page) Dial() template.URL {
	return template.URL("tel:" + strings.Map(func(r rune) rune {
		if r == '+' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, p.ContactPhone))
}

// ErrorOf is what is wrong with a field, if anything.
func (p *Page) ErrorOf(name string) string {
	i := slices.IndexFunc(p.Mistakes, func(m ShownMistake) bool { return m.Field == name })
	if i < 0 {
		return ""
	}
	return p.Mistakes[i].Text
}

// languageOf chooses the language of a page about a person, or about no one if who is nil.
func languageOf(r *http.Request, who *Person) *catalogue.Catalogue {
	if who == nil {
		return web.Spoken.Choose(r, "", "")
	}
	known := credentials.Known(&who.Member.Spec, &who.Credentials)
	return web.Spoken.Choose(r, usherv1.Language(known[credentials.KeyLanguage]), who.Account.Spec.Language)
}

// New returns a page about a person, or about no one if who is nil. The title is a key of the catalogue.
func New(r *http.Request, who *Person, title string) *Page {
	p := &Page{catalogue: languageOf(r, who), Title: title, Query: web.SwitchedQuery(r), Accent: web.DefaultAccent}
	if who == nil {
		return p
	}
	account := &who.Account.Spec
	p.Accent, p.Logo = web.AccentOf(account.Branding), web.LogoOf(account.Branding)
	p.Account = string(account.DisplayName)
	p.Monogram = monogram(p.Account)
	p.ProductURL, p.TermsURL = string(account.ProductURL), string(account.TermsURL)
	p.ContactEmail, p.ContactPhone = string(who.Contact.Email), string(who.Contact.Phone)
	if p.ContactEmail == "" && account.Mail != nil {
		p.ContactEmail = string(account.Mail.ReplyTo)
	}
	p.Email = string(who.Member.EmailInUse())
	if p.Role = who.Member.Status.Role; p.Role == "" {
		p.Role = who.Member.Spec.Role
	}
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
