// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Names of the form's fields.
const (
	fieldPassword = "password"
	fieldConfirm  = "password_confirm"
	fieldTerms    = "terms"
)

// Lengths of a password.
const (
	minPasswordLetters = 12
)

// noticeOfForm returns the page for a form that could not be read.
func noticeOfForm(err error) notice {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return noticeTooLarge
	}
	return noticeMalformed
}

// answers are what the invitee typed, or what is known already.
type answers struct {
	personal          credentials.Personal
	password, confirm string
	terms             bool
}

// prefilled returns the answers that the member's spec gives.
func prefilled(member *usherv1.Member) answers {
	known := credentials.OfSpec(&member.Spec)
	for _, f := range credentials.Fields {
		if f.ProfileOnly {
			delete(known, f.Key) // the form neither shows nor records it
		}
	}
	return answers{personal: known}
}

// answersOf returns the answers of a form. What the member's spec says wins: the page shows it and accepts nothing else.
func answersOf(form url.Values, member *usherv1.Member) answers {
	a := prefilled(member)
	a.password, a.confirm, a.terms = form.Get(fieldPassword), form.Get(fieldConfirm), form.Get(fieldTerms) == "on"
	for _, f := range credentials.Fields {
		if !f.ProfileOnly {
			typePersonal(a.personal, f, form, member)
		}
	}
	return a
}

// typePersonal takes a field from a form, unless the member's spec says it.
func typePersonal(personal credentials.Personal, f credentials.Field, form url.Values, member *usherv1.Member) {
	if f.OfSpec(&member.Spec) == "" {
		personal.Set(f.Key, strings.TrimSpace(form.Get(f.Name)))
	}
}

// mistake is what is wrong with one field: a key of the catalogue and what fills its gaps.
type mistake struct {
	field string
	key   string
	gaps  []any
}

// mistakes returns at most one mistake per field, in the order of the page.
func (a answers) mistakes(v *visit) []mistake {
	found := append(mistakesInPersonal(a.personal), a.mistakesOfPassword(v)...)
	if v.account.Spec.TermsURL != "" && !a.terms {
		found = append(found, mistake{field: fieldTerms, key: "error.terms"})
	}
	return found
}

func mistakesInPersonal(personal credentials.Personal) []mistake {
	var found []mistake
	for _, f := range credentials.Fields {
		value := personal[f.Key]
		if !f.Choice {
			found = append(found, mistakeOfLine(f.Name, value, f.MaxLength)...)
		} else if _, there := web.Spoken.ByTag[usherv1.Language(value)]; !there && value != "" {
			found = append(found, mistake{field: f.Name, key: "error.language"})
		}
	}
	return found
}

// mistakeOfLine returns what is wrong with a line of text, if anything.
func mistakeOfLine(field, value string, longest int) []mistake {
	switch {
	case !web.IsLine(value):
		return []mistake{{field: field, key: "error.characters"}}
	case utf8.RuneCountInString(value) > longest:
		return []mistake{{field, "error.long", []any{"max", longest}}}
	}
	return nil
}

// mistakesOfPassword returns what is wrong with a new password, if anything.
func (a answers) mistakesOfPassword(v *visit) []mistake {
	one := func(field, key string, gaps ...any) []mistake { return []mistake{{field, key, gaps}} }
	switch {
	case a.password == "":
		return one(fieldPassword, "error.password.missing")
	case !web.IsLine(a.password):
		return one(fieldPassword, "error.password.characters")
	case utf8.RuneCountInString(a.password) < minPasswordLetters:
		return one(fieldPassword, "error.password.short", "min", minPasswordLetters)
	case len(a.password) > web.MaxPasswordBytes:
		return one(fieldPassword, "error.password.long", "max", web.MaxPasswordBytes)
	case a.passwordIsKnown(v):
		return one(fieldPassword, "error.password.known")
	case a.confirm == "":
		return one(fieldConfirm, "error.confirm.missing")
	case a.confirm != a.password:
		return one(fieldConfirm, "error.confirm.different")
	}
	return nil
}

// passwordIsKnown reports whether the password is the address or a name, which is what a stranger would try first.
func (a answers) passwordIsKnown(v *visit) bool {
	email := string(v.member.Spec.Email)
	local, _, _ := strings.Cut(email, "@")
	given, family := a.personal[credentials.KeyGivenName], a.personal[credentials.KeyFamilyName]
	for _, known := range []string{
		email, local,
		given, family,
		given + " " + family, given + family,
		family + " " + given, family + given,
		string(v.account.Spec.DisplayName),
	} {
		if strings.EqualFold(strings.TrimSpace(a.password), known) {
			return true
		}
	}
	return false
}
