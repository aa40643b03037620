// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/usher-dev/usher/api/v1alpha1"
)

// MemberBuilder builds a Member.
type MemberBuilder struct{ object v1alpha1.Member }

// Member starts a Member of DefaultAccount with the address <name>@acme.example.
func Member(name string) *MemberBuilder {
	return &MemberBuilder{v1alpha1.Member{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.MemberSpec{
			AccountRef: v1alpha1.AccountReference{Name: DefaultAccount},
			Email:      v1alpha1.EmailAddress(name + "@acme.example"),
		},
	}}
}

// Build returns a new Member.
func (b *MemberBuilder) Build() *v1alpha1.Member { return b.object.DeepCopy() }

// In sets the namespace.
func (b *MemberBuilder) In(namespace string) *MemberBuilder {
	b.object.Namespace = namespace
	return b
}

// Account names the Account.
func (b *MemberBuilder) Account(name string) *MemberBuilder {
	b.object.Spec.AccountRef.Name = name
	return b
}

// Email sets the e-mail address.
func (b *MemberBuilder) Email(address string) *MemberBuilder {
	b.object.Spec.Email = v1alpha1.EmailAddress(address)
	return b
}

// Name sets the person's name.
func (b *MemberBuilder) Name(given, family string) *MemberBuilder {
	b.object.Spec.GivenName, b.object.Spec.FamilyName = v1alpha1.Line(given), v1alpha1.Line(family)
	return b
}

// Salutation sets the salutation.
func (b *MemberBuilder) Salutation(text string) *MemberBuilder {
	b.object.Spec.Salutation = v1alpha1.Line(text)
	return b
}

// Phone sets the phone number.
func (b *MemberBuilder) Phone(number string) *MemberBuilder {
	b.object.Spec.Phone = v1alpha1.Line(number)
	return b
}

// Language sets the language of mails and pages.
func (b *MemberBuilder) Language(tag v1alpha1.Language) *MemberBuilder {
	b.object.Spec.Language = tag
	return b
}

// Role sets the role.
func (b *MemberBuilder) Role(role string) *MemberBuilder {
	b.object.Spec.Role = role
	return b
}

// Rights sets the rights on top of the role's.
func (b *MemberBuilder) Rights(rights ...v1alpha1.Right) *MemberBuilder {
	b.object.Spec.Rights = rights
	return b
}

// Pools names the SeatPools that the member takes a seat from.
func (b *MemberBuilder) Pools(names ...string) *MemberBuilder {
	b.object.Spec.SeatPoolRefs = nil
	for _, name := range names {
		b.object.Spec.SeatPoolRefs = append(b.object.Spec.SeatPoolRefs, v1alpha1.SeatPoolReference{Name: name})
	}
	return b
}

// Disabled sets the state Disabled.
func (b *MemberBuilder) Disabled() *MemberBuilder {
	b.object.Spec.State = v1alpha1.StateDisabled
	return b
}

// Immediate sets activation without an invitation.
func (b *MemberBuilder) Immediate() *MemberBuilder {
	b.object.Spec.Activation = v1alpha1.ActivateImmediately
	return b
}

// ReassignTo names the successor for the objects that the member owns.
func (b *MemberBuilder) ReassignTo(name string) *MemberBuilder {
	b.object.Spec.ReassignTo = &v1alpha1.MemberReference{Name: name}
	return b
}

// Status changes the status, which the API server accepts only through the subresource.
func (b *MemberBuilder) Status(change func(*v1alpha1.MemberStatus)) *MemberBuilder {
	change(&b.object.Status)
	return b
}
