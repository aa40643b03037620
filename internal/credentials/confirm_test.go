// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// A link that confirmed an address says nothing of an address that the credentials move to without one.
func TestMoveForgetsTheLinkThatWasConfirmed(t *testing.T) {
	g := NewWithT(t)
	secret := adasAcceptance(t)
	Confirm(secret, "king@acme.example", "c0ffee", aSigner(t))
	g.Expect(secret.Annotations).To(HaveKeyWithValue(usherv1.ConfirmedAnnotation, "c0ffee"))
	Move(secret, &usherv1.Member{Spec: usherv1.MemberSpec{Email: "noel@acme.example"}}, aSigner(t))
	g.Expect(secret.Annotations).NotTo(HaveKey(usherv1.ConfirmedAnnotation))
	g.Expect(secret.Annotations).To(HaveKeyWithValue(usherv1.ProfileGenerationAnnotation, "2"))
	g.Expect(Read(secret, aSigner(t))).To(And(HaveField("Signature", Signed), HaveField("Email", "noel@acme.example")))
}
