// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"testing"

	"pgregory.net/rapid"
)

// What is known of a domain without the tables is what the tables say.
func TestACanonicalDomainStaysAsItIs(t *testing.T) {
	part := rapid.OneOf(rapid.SampledFrom([]string{"a", "acme", ".", "."}), rapid.SampledFrom([]string{"xn--", "xn--bcher-kva", "-", "_", "ü", "。", "ß"}),
		rapid.StringMatching(`[ -@\[-~]{0,4}`))
	rapid.Check(t, func(t *rapid.T) {
		domain := ""
		for _, p := range rapid.SliceOfN(part, 0, 5).Draw(t, "parts") {
			domain += p
		}
		ascii, err := asciiDomain(domain)
		if isCanonical(domain) && err == nil && ascii != domain {
			t.Fatalf("%q becomes %q", domain, ascii)
		}
	})
}
