// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"net/url"
	"strings"
	"unicode/utf8"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/session"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Names of the fields that only the sign-in page and the profile have.
const (
	fieldEmail          = "email"
	fieldCompany        = "company"
	fieldOldPassword    = "old_password"
	fieldContactEmail   = page.CompanyFields + "email"
	fieldContactPhone   = page.CompanyFields + "phone"
	fieldContactAddress = page.CompanyFields + "address"
)

// Lengths, which are those of the API, in characters.
const (
	maxContactPhone = 50
	maxPostal       = 500
)

// profileForm is what a profile's fields hold.
type profileForm struct {
	personal                                   credentials.Personal
	password                                   page.Password
	old                                        string
	contactEmail, contactPhone, contactAddress string
}

// profileAnswers returns what is known of the member and the company.
func profileAnswers(v *session.Member) profileForm {
	return profileForm{
		personal:       credentials.Known(&v.Member.Spec, &v.Credentials),
		contactEmail:   string(v.Contact.Email),
		contactPhone:   string(v.Contact.Phone),
		contactAddress: v.Contact.Address,
	}
}

// profileAnswersOf returns what is known, with the part that an action is about replaced by what the form says.
func profileAnswersOf(form url.Values, v *session.Member, action string) profileForm {
	known := profileAnswers(v)
	switch action {
	case actionDetails:
		for _, f := range credentials.Fields {
			page.TypePersonal(known.personal, f, form, &v.Member)
		}
	case actionPassword:
		known.old = form.Get(fieldOldPassword)
		known.password = page.Password{Typed: form.Get(page.FieldPassword), Confirm: form.Get(page.FieldConfirm)}
	case actionCompany:
		known.contactEmail = strings.TrimSpace(form.Get(fieldContactEmail))
		known.contactPhone = strings.TrimSpace(form.Get(fieldContactPhone))
		known.contactAddress = trimmedLines(form.Get(fieldContactAddress))
	}
	return known
}

// mistakesOfCompany returns at most one mistake for each field of the company. What the account's spec says is not the member's to correct.
func (f profileForm) mistakesOfCompany(spec *usherv1.AccountContact) []page.Mistake {
	var found []page.Mistake
	if f.contactEmail != "" && (spec == nil || f.contactEmail != string(spec.Email)) {
		if _, err := usherv1.EmailAddress(f.contactEmail).Mailbox(); err != nil {
			found = append(found, page.Mistake{Field: fieldContactEmail, Key: "error.email"})
		}
	}
	found = append(found, page.MistakeOfLine(fieldContactPhone, f.contactPhone, maxContactPhone)...)
	switch {
	case !web.IsLine(strings.ReplaceAll(f.contactAddress, "\n", " ")):
		found = append(found, page.Mistake{Field: fieldContactAddress, Key: "error.address"})
	case utf8.RuneCountInString(f.contactAddress) > maxPostal:
		found = append(found, page.Mistake{Field: fieldContactAddress, Key: "error.long", Gaps: []any{"max", maxPostal}})
	}
	return found
}
