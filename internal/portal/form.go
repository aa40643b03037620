// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
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
	// maxPasswordBytes is where bcrypt stops reading.
	maxPasswordBytes = 72
)

// readForm reads the request's body into r.PostForm, or fails with *http.MaxBytesError or what is wrong with it.
func readForm(w http.ResponseWriter, r *http.Request) error {
	whole := r.Body
	r.Body = http.MaxBytesReader(w, whole, maxBodyBytes)
	err := r.ParseForm()
	arrived(r)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		_, _ = io.CopyN(io.Discard, whole, maxDrainBytes)
	}
	return err
}

// noticeOfForm is the page for a form that readForm could not read.
func noticeOfForm(err error) notice {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return noticeTooLarge
	}
	return noticeMalformed
}

// answers are what the invitee typed, or what is already known.
type answers struct {
	personal          credentials.Personal
	password, confirm string
	terms             bool
}

// prefilled are the answers that the member's spec gives.
func prefilled(member *usherv1.Member) answers {
	known := credentials.OfSpec(&member.Spec)
	for _, f := range credentials.Fields {
		if f.ProfileOnly {
			delete(known, f.Key) // the form neither shows nor records it
		}
	}
	return answers{personal: known}
}

// answersOf are a form's answers. What the member's spec sets wins: the page shows it and takes no other.
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
		} else if _, there := spoken.byTag[usherv1.Language(value)]; !there && value != "" {
			found = append(found, mistake{field: f.Name, key: "error.language"})
		}
	}
	return found
}

// mistakeOfLine returns what is wrong with a line of text, if anything.
func mistakeOfLine(field, value string, longest int) []mistake {
	switch {
	case !isLine(value):
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
	case !isLine(a.password):
		return one(fieldPassword, "error.password.characters")
	case utf8.RuneCountInString(a.password) < minPasswordLetters:
		return one(fieldPassword, "error.password.short", "min", minPasswordLetters)
	case len(a.password) > maxPasswordBytes:
		return one(fieldPassword, "error.password.long", "max", maxPasswordBytes)
	case a.passwordIsKnown(v):
		return one(fieldPassword, "error.password.known")
	case a.confirm == "":
		return one(fieldConfirm, "error.confirm.missing")
	case a.confirm != a.password:
		return one(fieldConfirm, "error.confirm.different")
	}
	return nil
}

// passwordIsKnown tells whether the password is the address or a name, which is what somebody else would try first.
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

// isLine tells whether s is what the API takes for a line of text: UTF-8 without control characters and line breaks.
func isLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	})
}
