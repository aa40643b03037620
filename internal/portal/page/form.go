// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"net/url"
	"strings"
	"unicode/utf8"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/blocklist"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Names of the fields of a new password.
const (
	FieldPassword = "password"
	FieldConfirm  = "password_confirm"
)

// CompanyFields begins the names of the fields about an account's company.
const CompanyFields = "contact_"

// MinPasswordLetters is the least length of a password, in characters.
const MinPasswordLetters = 12

// Mistake is what is wrong with one field: a key of the catalogue and what fills its gaps.
type Mistake struct {
	Field string
	Key   string
	Gaps  []any
}

// TypePersonal takes a field from a form, unless the member's spec says it.
func TypePersonal(personal credentials.Personal, f credentials.Field, form url.Values, member *usherv1.Member) {
	if f.OfSpec(&member.Spec) == "" {
		personal.Set(f.Key, strings.TrimSpace(form.Get(f.Name)))
	}
}

// MistakesInPersonal returns at most one mistake for each personal field.
func MistakesInPersonal(personal credentials.Personal) []Mistake {
	var found []Mistake
	for _, f := range credentials.Fields {
		value := personal[f.Key]
		if !f.Choice {
			found = append(found, MistakeOfLine(f.Name, value, f.MaxLength)...)
		} else if _, there := web.Spoken.ByTag[usherv1.Language(value)]; !there && value != "" {
			found = append(found, Mistake{Field: f.Name, Key: "error.language"})
		}
	}
	return found
}

// MistakeOfLine returns what is wrong with a line of text, if anything.
func MistakeOfLine(field, value string, longest int) []Mistake {
	switch {
	case !web.IsLine(value):
		return []Mistake{{Field: field, Key: "error.characters"}}
	case utf8.RuneCountInString(value) > longest:
		return []Mistake{{Field: field, Key: "error.long", Gaps: []any{"max", longest}}}
	}
	return nil
}

// Password is a new password, as it was typed twice.
type Password struct{ Typed, Confirm string }

// Mistakes returns what is wrong with the new password of a person, if anything. What counts is the form in which it is hashed. Personal
// is what is known of them.
func (p Password) Mistakes(who *Person, personal credentials.Personal) []Mistake {
	one := func(field, key string, gaps ...any) []Mistake { return []Mistake{{Field: field, Key: key, Gaps: gaps}} }
	form, err := web.Opaque(p.Typed)
	switch {
	case p.Typed == "":
		return one(FieldPassword, "error.password.missing")
	case err != nil:
		return one(FieldPassword, "error.password.characters")
	case utf8.RuneCountInString(form) < MinPasswordLetters:
		return one(FieldPassword, "error.password.short", "min", MinPasswordLetters)
	case len(form) > web.MaxPasswordBytes:
		return one(FieldPassword, "error.password.long", "max", web.MaxPasswordBytes)
	case who.Member.EmailInUse().SameAs(usherv1.EmailAddress(strings.TrimSpace(form))),
		blocklist.Personal(form, namesOf(who, personal)...):
		return one(FieldPassword, "error.password.known")
	case blocklist.Common(form):
		return one(FieldPassword, "error.password.common")
	case p.Confirm == "":
		return one(FieldConfirm, "error.confirm.missing")
	}
	if confirmed, err := web.Opaque(p.Confirm); err != nil || confirmed != form {
		return one(FieldConfirm, "error.confirm.different")
	}
	return nil
}

// namesOf returns what a stranger knows of a person: the address, the names, and what the company and the product are called.
func namesOf(who *Person, personal credentials.Personal) []string {
	email := string(who.Member.EmailInUse())
	local, _, _ := strings.Cut(email, "@")
	given, family := personal[credentials.KeyGivenName], personal[credentials.KeyFamilyName]
	names := []string{email, local, given, family, given + family, family + given, string(who.Account.Spec.DisplayName), who.Account.Name}
	if product, err := url.Parse(string(who.Account.Spec.ProductURL)); err == nil && product.Host != "" {
		names = append(names, product.Hostname())
	}
	return names
}

// PersonalFields returns the inputs of the personal fields.
func PersonalFields(personal credentials.Personal, spec *usherv1.MemberSpec) []Field {
	var fields []Field
	for _, f := range credentials.Fields {
		if !f.Choice {
			fields = append(fields, Field{
				Name: f.Name, Type: f.Type, Autocomplete: f.Autocomplete, Value: personal[f.Key], Fixed: f.OfSpec(spec) != "",
			})
		}
	}
	return fields
}

// PasswordFields returns the inputs of a new password.
func PasswordFields() []Field {
	return []Field{
		{Name: FieldPassword, Type: "password", Autocomplete: "new-password", Hint: "hint.password", Required: true},
		{Name: FieldConfirm, Type: "password", Autocomplete: "new-password", Required: true},
	}
}

// Fields returns the fields for the page, with what is wrong with each.
func (p *Page) Fields(fields ...Field) []Field {
	for i := range fields {
		fields[i].Page, fields[i].Error = p, p.ErrorOf(fields[i].Name)
	}
	return fields
}
