// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestAProfileIsKeptAndCounted(t *testing.T) {
	g := NewWithT(t)
	secret := &corev1.Secret{Data: map[string][]byte{KeyEmail: []byte("ada@acme.example"), KeyPhone: []byte("1")}}
	g.Expect(Read(secret, nil).ProfileGeneration).To(BeZero())
	profile := Personal{KeySalutation: "Mx", KeyGivenName: "Ada", KeyFamilyName: "King", KeyLanguage: "fr"}
	SetProfile(secret, profile)
	g.Expect(Said(secret)).To(Equal(profile))
	g.Expect(secret.Data).To(And(HaveKey(KeyEmail), Not(HaveKey(KeyPhone))), "what is emptied is left out")
	g.Expect(Read(secret, nil)).To(And(HaveField("ProfileGeneration", BeEquivalentTo(1)), HaveField("FamilyName", "King")))
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
	foreign := &corev1.Secret{ObjectMeta: secret.ObjectMeta, Type: corev1.SecretTypeOpaque, Data: map[string][]byte{KeyContactEmail: []byte("eve@acme.example")}}
	g.Expect(Contact(account, foreign)).To(Equal(usherv1.AccountContact{}), "a Secret that Usher did not make")
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
	cutAtADot := strings.Repeat("a.", 126) + "a"
	g.Expect(validation.IsDNS1123Subdomain(CompanyName(cutAtADot))).To(BeEmpty())
}

// anyName is the name of an object, of any length. Long ones share their beginning, and end in any way.
func anyName(longest int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		name := rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,3}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,3}[a-z0-9])?){0,3}`).Draw(t, "end")
		if rapid.Bool().Draw(t, "long") {
			start := strings.Repeat(rapid.SampledFrom([]string{"a.b-", "a-", "a", "a.", "a--"}).Draw(t, "start"), longest)
			name = start[:rapid.IntRange(0, max(0, longest-len(name))).Draw(t, "length")] + name
		}
		name = name[:min(len(name), longest)]
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			t.Skip()
		}
		return name
	})
}

// Whatever the names of the account and the member, the Secrets' names and labels are valid, and lead back to them and to no other.
func TestEveryNameLeadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		accounts, members := anyName(253), anyName(240)
		account := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: accounts.Draw(t, "account")}}
		member := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: members.Draw(t, "member")}}
		member.Spec.AccountRef.Name = account.Name
		company, secret := NewCompany(account), New(member, Answers{}, metav1.Now().Time, aSigner(t))
		for _, o := range []*corev1.Secret{company, secret} {
			if faults := validation.IsDNS1123Subdomain(o.Name); len(faults) > 0 {
				t.Fatalf("%s: %v", o.Name, faults)
			}
			for key, value := range o.Labels {
				if faults := validation.IsValidLabelValue(value); len(faults) > 0 {
					t.Fatalf("%s=%s: %v", key, value, faults)
				}
			}
		}
		if is, found := MemberOf(secret.Name); !found || is != member.Name {
			t.Fatalf("the Secret of %s is that of %s", member.Name, is)
		}
		if !IsCompany(company, types.NamespacedName{Namespace: "acme", Name: account.Name}) {
			t.Fatalf("%s is not the Secret of %s", company.Name, account.Name)
		}
		for _, other := range []string{
			accounts.Draw(t, "another account"), strings.TrimPrefix(company.Name, "usher-account-"), company.Labels[usherv1.AccountLabel],
		} {
			if is := IsCompany(company, types.NamespacedName{Namespace: "acme", Name: other}); is != (other == account.Name) {
				t.Fatalf("%s, made of %s, is that of %s: %t", company.Name, account.Name, other, is)
			}
		}
	})
}
