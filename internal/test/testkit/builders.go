// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/usher-dev/usher/api/v1alpha1"
)

// Each builder builds a valid object with what every test needs and nothing more. Its methods change one field and return the
// builder. Build returns a new object every time:
//
//	ada := testkit.Member("ada").In(ns).Email("ada@acme.example").Pools("acme-base").Build()

// DefaultAccount is the account that built objects belong to unless they say otherwise.
const DefaultAccount = "acme"

// AccountBuilder builds an Account.
type AccountBuilder struct{ object v1alpha1.Account }

// Account starts an Account whose display name is its name.
func Account(name string) *AccountBuilder {
	return &AccountBuilder{v1alpha1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.AccountSpec{DisplayName: v1alpha1.Line(name)},
	}}
}

// Build returns a new Account.
func (b *AccountBuilder) Build() *v1alpha1.Account { return b.object.DeepCopy() }

// In sets the namespace.
func (b *AccountBuilder) In(namespace string) *AccountBuilder {
	b.object.Namespace = namespace
	return b
}

// DisplayName sets the company's name.
func (b *AccountBuilder) DisplayName(name string) *AccountBuilder {
	b.object.Spec.DisplayName = v1alpha1.Line(name)
	return b
}

// Disabled sets the state Disabled.
func (b *AccountBuilder) Disabled() *AccountBuilder {
	b.object.Spec.State = v1alpha1.StateDisabled
	return b
}

// Language sets the language of mails and pages.
func (b *AccountBuilder) Language(tag v1alpha1.Language) *AccountBuilder {
	b.object.Spec.Language = tag
	return b
}

// MailSecret names the SMTP Secret.
func (b *AccountBuilder) MailSecret(name string) *AccountBuilder {
	b.mail().SecretRef = &v1alpha1.SecretReference{Name: name}
	return b
}

// Templates names the ConfigMap with the account's own templates.
func (b *AccountBuilder) Templates(name string) *AccountBuilder {
	b.mail().TemplatesRef = &v1alpha1.ConfigMapReference{Name: name}
	return b
}

// ReplyTo sets the address for replies to an invitation.
func (b *AccountBuilder) ReplyTo(address string) *AccountBuilder {
	b.mail().ReplyTo = v1alpha1.EmailAddress(address)
	return b
}

func (b *AccountBuilder) mail() *v1alpha1.AccountMail {
	if b.object.Spec.Mail == nil {
		b.object.Spec.Mail = &v1alpha1.AccountMail{}
	}
	return b.object.Spec.Mail
}

// Contact sets the company's contact.
func (b *AccountBuilder) Contact(email, phone, address string) *AccountBuilder {
	b.object.Spec.Contact = &v1alpha1.AccountContact{
		Email: v1alpha1.EmailAddress(email), Phone: v1alpha1.Line(phone), Address: address,
	}
	return b
}

// ProductURL sets where a new member is sent.
func (b *AccountBuilder) ProductURL(url string) *AccountBuilder {
	b.object.Spec.ProductURL = v1alpha1.WebURL(url)
	return b
}

// TermsURL sets the URL of the terms that an invitee must accept.
func (b *AccountBuilder) TermsURL(url string) *AccountBuilder {
	b.object.Spec.TermsURL = v1alpha1.WebURL(url)
	return b
}

// InvitationTTL sets how long links are valid.
func (b *AccountBuilder) InvitationTTL(ttl string) *AccountBuilder {
	b.object.Spec.Invitations.TTL = v1alpha1.TTL(ttl)
	return b
}

// DeliversByLink makes links available at the link endpoint instead of by mail.
func (b *AccountBuilder) DeliversByLink() *AccountBuilder {
	b.mail().Delivery = v1alpha1.DeliveryLink
	return b
}

// Reminders sets how long before a link's expiry reminders are sent; none for no reminders.
func (b *AccountBuilder) Reminders(before ...v1alpha1.Lead) *AccountBuilder {
	b.object.Spec.Invitations.Reminders = append([]v1alpha1.Lead{}, before...)
	return b
}

// Plan sets the name of the plan.
func (b *AccountBuilder) Plan(name string) *AccountBuilder {
	b.object.Spec.PlanRef = &v1alpha1.PlanReference{Name: name}
	return b
}

// AddOns sets the add-ons that the account has.
func (b *AccountBuilder) AddOns(names ...string) *AccountBuilder {
	b.object.Spec.AddOns = append([]string{}, names...)
	return b
}

// Status changes the status, which the API server accepts only through the subresource.
func (b *AccountBuilder) Status(change func(*v1alpha1.AccountStatus)) *AccountBuilder {
	change(&b.object.Status)
	return b
}

// SeatPoolBuilder builds a SeatPool.
type SeatPoolBuilder struct{ object v1alpha1.SeatPool }

// SeatPool starts a base pool of DefaultAccount without seats.
func SeatPool(name string) *SeatPoolBuilder {
	return &SeatPoolBuilder{v1alpha1.SeatPool{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.SeatPoolSpec{AccountRef: v1alpha1.AccountReference{Name: DefaultAccount}},
	}}
}

// Build returns a new SeatPool.
func (b *SeatPoolBuilder) Build() *v1alpha1.SeatPool { return b.object.DeepCopy() }

// In sets the namespace.
func (b *SeatPoolBuilder) In(namespace string) *SeatPoolBuilder {
	b.object.Namespace = namespace
	return b
}

// Account names the Account.
func (b *SeatPoolBuilder) Account(name string) *SeatPoolBuilder {
	b.object.Spec.AccountRef.Name = name
	return b
}

// Seats sets the number of bought seats.
func (b *SeatPoolBuilder) Seats(n int32) *SeatPoolBuilder {
	b.object.Spec.Seats = &n
	return b
}

// AddOn makes the pool one of an add-on.
func (b *SeatPoolBuilder) AddOn(name string) *SeatPoolBuilder {
	b.object.Spec.AddOn = name
	return b
}

// OnAcceptance reserves seats on acceptance, not on invitation.
func (b *SeatPoolBuilder) OnAcceptance() *SeatPoolBuilder {
	b.object.Spec.Reservation = v1alpha1.ReserveOnAcceptance
	return b
}

// Status changes the status, which the API server accepts only through the subresource.
func (b *SeatPoolBuilder) Status(change func(*v1alpha1.SeatPoolStatus)) *SeatPoolBuilder {
	change(&b.object.Status)
	return b
}

// InvitationBuilder builds an Invitation.
type InvitationBuilder struct{ object v1alpha1.Invitation }

// Invitation starts an Invitation of the Member with the same name.
func Invitation(name string) *InvitationBuilder {
	return &InvitationBuilder{v1alpha1.Invitation{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.InvitationSpec{MemberRef: v1alpha1.MemberReference{Name: name}},
	}}
}

// Build returns a new Invitation.
func (b *InvitationBuilder) Build() *v1alpha1.Invitation { return b.object.DeepCopy() }

// In sets the namespace.
func (b *InvitationBuilder) In(namespace string) *InvitationBuilder {
	b.object.Namespace = namespace
	return b
}

// Member names the Member.
func (b *InvitationBuilder) Member(name string) *InvitationBuilder {
	b.object.Spec.MemberRef.Name = name
	return b
}

// SendGeneration sets the requested sending.
func (b *InvitationBuilder) SendGeneration(n int64) *InvitationBuilder {
	b.object.Spec.SendGeneration = n
	return b
}

// Revoked sets the state Revoked.
func (b *InvitationBuilder) Revoked() *InvitationBuilder {
	b.object.Spec.State = v1alpha1.InvitationRevokedWish
	return b
}

// TTL sets how long the link is valid.
func (b *InvitationBuilder) TTL(ttl string) *InvitationBuilder {
	b.object.Spec.TTL = v1alpha1.TTL(ttl)
	return b
}

// Status changes the status, which the API server accepts only through the subresource.
func (b *InvitationBuilder) Status(change func(*v1alpha1.InvitationStatus)) *InvitationBuilder {
	change(&b.object.Status)
	return b
}
