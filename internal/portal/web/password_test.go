// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/crypto/bcrypt"
)

// Each line is one password, typed on different keyboards.
var sameTyped = [][]string{
	{"correct horse battery"},
	{"p\u00e4ssw\u00f6rter \u00fcberall", "pa\u0308sswo\u0308rter u\u0308berall", "p\u00e4sswo\u0308rter\u00a0\u00fcberall"},
	{"mot de passe \u00e9l\u00e9gant", "mot\u00a0de\u202fpasse\u3000e\u0301le\u0301gant"},
	{"\u1e69 and \u1e69 and more", "s\u0323\u0307 and s\u0307\u0323 and more"},
}

func TestAPasswordIsTheSameOnEveryKeyboard(t *testing.T) {
	h := NewHasher(bcrypt.MinCost, 1)
	for _, forms := range sameTyped {
		for _, set := range forms {
			g := NewWithT(t)
			hash, err := h.Hash(t.Context(), set)
			g.Expect(err).NotTo(HaveOccurred())
			for _, typed := range forms {
				g.Expect(h.Matches(t.Context(), hash, typed)).To(BeTrue(), "%+q typed for %+q", typed, set)
			}
			for _, wrong := range []string{strings.ToUpper(set), set + " ", " " + set, strings.ReplaceAll(forms[0], " ", "  "), "passworter uberall", ""} {
				g.Expect(h.Matches(t.Context(), hash, wrong)).To(BeFalse(), "%+q typed for %+q", wrong, set)
			}
		}
	}
}

// Hashes from before are of what was typed.
func TestAHashOfWhatWasTypedStillMatches(t *testing.T) {
	h := NewHasher(bcrypt.MinCost, 1)
	for _, forms := range append(sameTyped, []string{"an emoji \u2764\ufe0f and more"}, []string{"two parts \U0001F468\u200d\U0001F469"}, []string{"private \ue000 letters"}) {
		for _, typed := range forms {
			g := NewWithT(t)
			hash, err := bcrypt.GenerateFromPassword([]byte(typed), bcrypt.MinCost)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(h.Matches(t.Context(), hash, typed)).To(BeTrue(), "%+q", typed)
			g.Expect(h.Matches(t.Context(), hash, typed+"x")).To(BeFalse())
		}
	}
}

// bcrypt reads 72 bytes of the form that it hashes.
func TestOnlyWholePasswordsMatch(t *testing.T) {
	h := NewHasher(bcrypt.MinCost, 1)
	g := NewWithT(t)
	longest := strings.Repeat("\u00e9", MaxPasswordBytes/2)
	hash, err := h.Hash(t.Context(), strings.Repeat("e\u0301", MaxPasswordBytes/2)) // 108 bytes as it is typed
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(h.Matches(t.Context(), hash, longest)).To(BeTrue())
	g.Expect(h.Matches(t.Context(), hash, longest+"x")).To(BeFalse())
	_, err = h.Hash(t.Context(), strings.Repeat("\u0958", MaxPasswordBytes/3)) // 72 bytes, and 144 in one form
	g.Expect(err).To(HaveOccurred())
}

// A password in another form costs two comparisons, with or without a hash to compare with, so that its time shows only how it was typed.
func TestComparisonsDoNotDependOnTheHash(t *testing.T) {
	h := NewHasher(bcrypt.MinCost, 1)
	some, err := h.Hash(t.Context(), "correct horse battery")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	compared := 0
	h.compare = func(hash, password []byte) error { compared++; return bcrypt.CompareHashAndPassword(hash, password) }
	for typed, want := range map[string]int{"plain": 1, "": 1, "\u00e9": 1, "e\u0301": 2, "a\u00a0b": 2, "\u200d": 1, strings.Repeat("x", 100): 1, strings.Repeat("e\u0301", 100): 2} {
		for _, hash := range [][]byte{nil, some} {
			compared = 0
			NewWithT(t).Expect(h.Matches(t.Context(), hash, typed)).To(BeFalse())
			NewWithT(t).Expect(compared).To(Equal(want), "%.20q", typed)
		}
	}
}

func TestCharactersThatAPasswordCannotHave(t *testing.T) {
	for _, typed := range []string{
		"", "a line\nbreak", "a tab\t", "a zero\x00", "\u2028", "zero\u200bwidth", "joined \U0001F468\u200d\U0001F469", "heart \u2764\ufe0f", "\ue000", "\xff", "cut \xe2\x82",
		"soft\u00adhyphen", "\U000E0041",
	} {
		if form, err := Opaque(typed); err == nil {
			t.Errorf("%+q is accepted as %+q", typed, form)
		}
	}
}

func FuzzOpaque(f *testing.F) {
	for _, forms := range sameTyped {
		for _, typed := range forms {
			f.Add(typed)
		}
	}
	for _, seed := range []string{"", "\xff", "\u0344\u0344", "\u2000\u2001", "\u0958", "\uac00\u11a8", strings.Repeat("a\u0301", 100), strings.Repeat("\u0301", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		form, err := Opaque(typed)
		if err != nil {
			return
		}
		if again, err := Opaque(form); err != nil || again != form {
			t.Fatalf("%+q is hashed as %+q, and that as %+q: %v", typed, form, again, err)
		}
		if !IsLine(form) || form == "" {
			t.Fatalf("%+q is hashed as %+q", typed, form)
		}
	})
}
