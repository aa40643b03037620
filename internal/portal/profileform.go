// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Names of the fields that only the sign-in page and the profile have.
const (
	fieldEmail          = "email"
	fieldOldPassword    = "old_password"
	contactFields       = "contact_"
	fieldContactEmail   = contactFields + "email"
	fieldContactPhone   = contactFields + "phone"
	fieldContactAddress = contactFields + "address"
)

// Lengths, which are those of the API, in characters; of an address in bytes too.
const (
	maxAddress      = 254
	maxContactPhone = 50
	maxPostal       = 500
)

// profileForm is what a profile's fields hold.
type profileForm struct {
	answers
	old                                        string
	contactEmail, contactPhone, contactAddress string
}

// profileAnswers returns what is known of the visit's member and company.
func profileAnswers(v *visit) profileForm {
	return profileForm{
		answers:        answers{personal: credentials.Known(&v.member.Spec, &v.credentials)},
		contactEmail:   string(v.contact.Email),
		contactPhone:   string(v.contact.Phone),
		contactAddress: v.contact.Address,
	}
}

// profileAnswersOf returns what is known, with the part that an action is about replaced by what the form says.
func profileAnswersOf(form url.Values, v *visit, action string) profileForm {
	known := profileAnswers(v)
	switch action {
	case actionDetails:
		for _, f := range credentials.Fields {
			typePersonal(known.personal, f, form, &v.member)
		}
	case actionPassword:
		known.old, known.password, known.confirm = form.Get(fieldOldPassword), form.Get(fieldPassword), form.Get(fieldConfirm)
	case actionCompany:
		known.contactEmail = strings.TrimSpace(form.Get(fieldContactEmail))
		known.contactPhone = strings.TrimSpace(form.Get(fieldContactPhone))
		known.contactAddress = trimmedLines(form.Get(fieldContactAddress))
	}
	return known
}

func (f profileForm) mistakesOfCompany() []mistake {
	var found []mistake
	if f.contactEmail != "" && !isAddress(f.contactEmail) {
		found = append(found, mistake{field: fieldContactEmail, key: "error.email"})
	}
	found = append(found, mistakeOfLine(fieldContactPhone, f.contactPhone, maxContactPhone)...)
	switch {
	case !web.IsLine(strings.ReplaceAll(f.contactAddress, "\n", " ")):
		found = append(found, mistake{field: fieldContactAddress, key: "error.address"})
	case utf8.RuneCountInString(f.contactAddress) > maxPostal:
		found = append(found, mistake{fieldContactAddress, "error.long", []any{"max", maxPostal}})
	}
	return found
}

// isAddress reports whether the API accepts s as an e-mail address.
func isAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.In(r, unicode.C, unicode.Z) || strings.ContainsRune(`@<>()[],;:"\`, r)
	}
	return found && local != "" && domain != "" && len(s) <= maxAddress && utf8.ValidString(s) &&
		!strings.ContainsFunc(local, odd) && !strings.ContainsFunc(domain, odd)
}

// profilePage is what the profile page shows besides what every page shows.
type profilePage struct {
	// Saved is the action that has just been done; may be empty.
	Saved  string
	Rights []string
	// Seats are the add-ons that the member has a seat of; "" is the base product.
	Seats []string
	// Chosen is the language that was chosen; may be empty.
	Chosen        usherv1.Language
	LanguageFixed bool
	// Company and its Address are set if the member may change them.
	Company []field
	Address *field
}

// renderSignIn asks for an address and a password; problem is the catalogue's key of what was wrong; may be empty.
func (p *Portal) renderSignIn(w http.ResponseWriter, r *http.Request, status int, email, problem string) {
	page := newPage(r, nil, actionSignIn)
	if problem != "" && !p.addMistakes(w, page, []mistake{{field: fieldEmail, key: problem}}) {
		return
	}
	page.fields(&page.Secret,
		field{Name: fieldEmail, Type: "email", Autocomplete: "username", Value: email, Required: true},
		field{Name: fieldPassword, Type: "password", Autocomplete: "current-password", Required: true},
	)
	p.render(w, status, page, "signin.html")
}

// renderProfile shows the profile with what is known or was typed, and what is wrong with it.
func (p *Portal) renderProfile(w http.ResponseWriter, r *http.Request, status int, v *visit, f profileForm, mistakes []mistake) {
	page := newPage(r, v, "profile")
	if !p.addMistakes(w, page, mistakes) {
		return
	}
	spec, contact := &v.member.Spec, usherv1.AccountContact{}
	if v.account.Spec.Contact != nil {
		contact = *v.account.Spec.Contact
	}
	page.fields(&page.Personal, personalFields(f.personal, spec)...)
	page.fields(&page.Secret,
		field{Name: fieldOldPassword, Type: "password", Autocomplete: "current-password", Required: true},
		field{Name: fieldPassword, Type: "password", Autocomplete: "new-password", Hint: "hint.password", Required: true},
		field{Name: fieldConfirm, Type: "password", Autocomplete: "new-password", Required: true},
	)
	me := &profilePage{Chosen: usherv1.Language(f.personal[credentials.KeyLanguage]), LanguageFixed: spec.Language != ""}
	page.Profile = me
	parts := []string{actionDetails, actionPassword, actionCompany}
	if saved := r.URL.Query().Get("saved"); slices.Contains(parts, saved) && len(mistakes) == 0 {
		me.Saved = saved
	}
	for _, right := range v.member.Status.Rights {
		me.Rights = append(me.Rights, string(right))
	}
	for _, seat := range v.member.Status.Seats {
		if seat.Held() {
			me.Seats = append(me.Seats, seat.AddOn)
		}
	}
	if v.administers {
		page.fields(&me.Company,
			field{Name: fieldContactEmail, Type: "email", Autocomplete: "off", Value: f.contactEmail, Fixed: contact.Email != ""},
			field{Name: fieldContactPhone, Type: "tel", Autocomplete: "off", Value: f.contactPhone, Fixed: contact.Phone != ""},
			field{Name: fieldContactAddress, Autocomplete: "off", Value: f.contactAddress, Fixed: contact.Address != ""},
		)
		last := len(me.Company) - 1
		me.Company, me.Address = me.Company[:last], &me.Company[last]
	}
	p.render(w, status, page, "profile.html")
}
