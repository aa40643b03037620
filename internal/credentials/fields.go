// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	corev1 "k8s.io/api/core/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Field is something personal that a member may say, unless the Member's spec says it. The table [Fields] is all that the form of
// an invitation, the profile, the credentials Secret and the reading of a Member know of it.
type Field struct {
	// Key of the credentials Secret.
	Key string
	// Name of the input on a page. Its label is the catalogue's text "field." + Name.
	Name string
	// Type and Autocomplete of the input, as HTML has them.
	Type, Autocomplete string
	// MaxLength in characters, as the API has it. A field with a limit takes one line of text.
	MaxLength int
	// Choice is set if the field takes a language of the catalogue, and no other text.
	Choice bool
	// ProfileOnly is set if the form of an invitation does not ask for the field.
	ProfileOnly bool
	// OfSpec returns what the Member's spec says; empty if the member may say it.
	OfSpec func(*usherv1.MemberSpec) string
}

// Lengths of the API, in characters.
const (
	maxName  = 100
	maxShort = 50
)

// Fields are the personal fields, in the order of the page.
var Fields = []Field{
	{
		Key: KeySalutation, Name: "salutation", Type: "text", Autocomplete: "honorific-prefix", MaxLength: maxShort,
		OfSpec: func(s *usherv1.MemberSpec) string { return string(s.Salutation) },
	},
	{
		Key: KeyGivenName, Name: "given_name", Type: "text", Autocomplete: "given-name", MaxLength: maxName,
		OfSpec: func(s *usherv1.MemberSpec) string { return string(s.GivenName) },
	},
	{
		Key: KeyFamilyName, Name: "family_name", Type: "text", Autocomplete: "family-name", MaxLength: maxName,
		OfSpec: func(s *usherv1.MemberSpec) string { return string(s.FamilyName) },
	},
	{
		Key: KeyPhone, Name: "phone", Type: "tel", Autocomplete: "tel", MaxLength: maxShort,
		OfSpec: func(s *usherv1.MemberSpec) string { return string(s.Phone) },
	},
	{
		Key: KeyLanguage, Name: "language", Choice: true, ProfileOnly: true,
		OfSpec: func(s *usherv1.MemberSpec) string { return string(s.Language) },
	},
}

// Personal is what is said of a person, by the Key of the [Field]. A field without a value is left out.
type Personal map[string]string

// OfSpec returns what a Member's spec says.
func OfSpec(spec *usherv1.MemberSpec) Personal {
	said := Personal{}
	for _, f := range Fields {
		said.Set(f.Key, f.OfSpec(spec))
	}
	return said
}

// Said returns what the member says in the credentials, as far as it can be used.
func Said(secret *corev1.Secret) Personal {
	said := Personal{}
	for _, f := range Fields {
		text, _ := f.usable(secret)
		said.Set(f.Key, text)
	}
	return said
}

// Known returns what is known of a member: what the spec says, and where it says nothing, what the member says.
func Known(spec *usherv1.MemberSpec, secret *corev1.Secret) Personal {
	known := Said(secret)
	for key, value := range OfSpec(spec) {
		known[key] = value
	}
	return known
}

// Set sets a field, or removes it if value is empty.
func (p Personal) Set(key, value string) {
	if value == "" {
		delete(p, key)
		return
	}
	p[key] = value
}
