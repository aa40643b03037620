// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package labels

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
)

// anyName is the name of an object, from one character to 253. Many share their beginning.
var anyName = rapid.Custom(func(t *rapid.T) string {
	start := strings.Repeat(rapid.SampledFrom([]string{"a", "a.", "a-", "a--b.", "0"}).Draw(t, "start"), 253)
	name := start[:rapid.IntRange(0, 252).Draw(t, "length")] + rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,4}[a-z0-9])?`).Draw(t, "end")
	name = strings.TrimRight(name[:min(len(name), 253)], ".-")
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		t.Skip()
	}
	return name
})

func TestWhatIsMadeOfANameIsValidAndNoOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, other := anyName.Draw(t, "name"), anyName.Draw(t, "other")
		if faults := validation.IsValidLabelValue(Value(name)); len(faults) > 0 {
			t.Fatalf("%s: %v", Value(name), faults)
		}
		if (Value(name) == Value(other)) != (name == other) {
			t.Fatalf("%s and %s have the label %s", name, other, Value(name))
		}
		if Shortened(Value(name)) != (len(name) > 63) {
			t.Fatalf("%s is shortened: %t", Value(name), Shortened(Value(name)))
		}
		if Shortened(Value(name)) && len(validation.IsDNS1123Subdomain(Value(name))) == 0 {
			t.Fatalf("%s is also the name of an object", Value(name))
		}
		for _, prefix := range []string{"usher-", "usher-account-"} {
			made := Name(prefix, name)
			if faults := validation.IsDNS1123Subdomain(made); len(faults) > 0 {
				t.Fatalf("%s: %v", made, faults)
			}
			if (made == Name(prefix, other)) != (name == other) {
				t.Fatalf("%s and %s are both %s", name, other, made)
			}
		}
		part := Cut(name, rapid.IntRange(1, 251).Draw(t, "limit"))
		if faults := validation.IsDNS1123Subdomain(part + "-x"); len(faults) > 0 {
			t.Fatalf("%s-x: %v", part, faults)
		}
	})
}

// A shortened value cannot be chosen as the name of another object, and two long names need no luck to differ.
func TestShortNamesAreTheirOwnValues(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Value("acme")).To(Equal("acme"))
	g.Expect(Value("")).To(BeEmpty())
	long := strings.Repeat("a", 63)
	g.Expect(Value(long)).To(Equal(long))
	g.Expect(Value(long + "a")).To(HaveLen(63))
	g.Expect(Value(long + "a")).NotTo(Equal(Value(long + "b")))
}
