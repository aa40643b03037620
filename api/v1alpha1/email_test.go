// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestEmailAddressKey(t *testing.T) {
	g := NewWithT(t)
	for address, key := range map[usherv1.EmailAddress]string{
		"":                  "",
		"ada@acme.example":  "ada@acme.example",
		"Ada@ACME.example":  "ada@acme.example",
		"ÄDA@ACME.example":  "äda@acme.example",
		"ada@acme.example.": "ada@acme.example.",
	} {
		g.Expect(address.Key()).To(Equal(key))
		g.Expect(address.SameAs(usherv1.EmailAddress(key))).To(BeTrue())
	}
	g.Expect(usherv1.EmailAddress("ada@acme.example").SameAs("bob@acme.example")).To(BeFalse())
}
