// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestAProfileIsKeptAndCounted(t *testing.T) {
	g := NewWithT(t)
	secret := &corev1.Secret{Data: map[string][]byte{KeyEmail: []byte("ada@acme.example"), KeyPhone: []byte("1")}}
	g.Expect(Read(secret).ProfileGeneration).To(BeZero())
	profile := Personal{KeySalutation: "Mx", KeyGivenName: "Ada", KeyFamilyName: "King", KeyLanguage: "fr"}
	SetProfile(secret, profile)
	g.Expect(Said(secret)).To(Equal(profile))
	g.Expect(secret.Data).To(And(HaveKey(KeyEmail), Not(HaveKey(KeyPhone))), "what is emptied is left out")
	g.Expect(Read(secret)).To(And(HaveField("ProfileGeneration", BeEquivalentTo(1)), HaveField("FamilyName", "King")))
	SetProfile(secret, profile)
	g.Expect(ProfileGeneration(secret)).To(BeEquivalentTo(2))
	for _, odd := range []string{"-1", "", "x", "9007199254740992", "9223372036854775807"} {
		g.Expect(ProfileGeneration(&metav1.ObjectMeta{Annotations: map[string]string{usherv1.ProfileGenerationAnnotation: odd}})).To(BeZero())
	}
	empty := &corev1.Secret{}
	SetProfile(empty, profile)
	g.Expect(Said(empty)).To(Equal(profile))
}

func TestTheSpecsContactWinsFieldByField(t *testing.T) {
	g := NewWithT(t)
	account := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "acme"}}
	secret := NewCompany(account)
	g.Expect(Contact(account, secret)).To(Equal(usherv1.AccountContact{}))
	g.Expect(Contact(account, &corev1.Secret{})).To(Equal(usherv1.AccountContact{}))
	said := usherv1.AccountContact{Email: "desk@acme.example", Phone: "12", Address: "here\nand there"}
	SetContact(secret, said)
	g.Expect(Contact(account, secret)).To(Equal(said))
	account.Spec.Contact = &usherv1.AccountContact{Phone: "99"}
	g.Expect(Contact(account, secret)).To(Equal(usherv1.AccountContact{Email: "desk@acme.example", Phone: "99", Address: "here\nand there"}))
	g.Expect(account.Spec.Contact.Email).To(BeEmpty())
	SetContact(secret, usherv1.AccountContact{})
	g.Expect(secret.Data).To(BeEmpty())
}

func TestNamesThatASecretCanHave(t *testing.T) {
	g := NewWithT(t)
	g.Expect(CompanyName("acme")).To(Equal("usher-account-acme"))
	long := strings.Repeat("a", 250)
	g.Expect(CompanyName(long)).To(HaveLen(253))
	g.Expect(CompanyName(long)).NotTo(Equal(CompanyName(long + "b")))
}
