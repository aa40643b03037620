// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/credentials"
)

// inUse is the address that access and signing in have to follow: the one that the member has accepted at or confirmed last, which its
// credentials say, else the spec's. Usher's own idea of it is not asked.
func (w *world) inUse(m *usherv1.Member) usherv1.EmailAddress {
	if secret := w.credentials(m.Name); w.accepted(m, secret) && emailOf(secret) != "" {
		return emailOf(secret)
	}
	return m.Spec.Email
}

func emailOf(secret *corev1.Secret) usherv1.EmailAddress {
	return usherv1.EmailAddress(secret.Data[credentials.KeyEmail])
}

// opensFor reports whether a member may sign in with an address: it is in use, or its status still says so, and it was proven.
func (w *world) opensFor(m *usherv1.Member, address string) bool {
	is := usherv1.EmailAddress(address)
	return w.inUse(m).SameAs(is) || usherv1.EmailAddress(m.Status.Email).SameAs(is) && w.pastFacts.addresses[is.Key()][m.UID]
}

// strays reports whether an acceptance may be dropped because it was given at another address than the spec has: neither the status nor the
// metadata says that it was given before the address changed.
func strays(m *usherv1.Member, secret *corev1.Secret) bool {
	email := emailOf(secret)
	return email != "" && !m.Spec.Email.SameAs(email) && m.Status.AcceptedAt == nil &&
		!usherv1.EmailAddress(m.Annotations[usherv1.EmailInUseAnnotation]).SameAs(email)
}

// noteProven remembers the address that a member has proven: it has accepted at the address that the spec names or named then, or confirmed
// it. A member that needs no invitation proves none.
func (w *world) noteProven(name string) {
	m, secret := w.member(name), w.credentials(name)
	if m == nil || !w.accepted(m, secret) {
		return
	}
	address, proven := emailOf(secret).Key(), w.pastFacts.proven[name]
	if m.Spec.Email.SameAs(emailOf(secret)) {
		proven[address] = true
	}
	if !proven[address] {
		return
	}
	if w.pastFacts.addresses[address] == nil {
		w.pastFacts.addresses[address] = map[types.UID]bool{}
	}
	w.pastFacts.addresses[address][m.UID] = true
}

// checkProof: what made or changed the address of credentials may do so.
func (w *world) checkProof(c change) {
	was, _ := c.before.(*corev1.Secret)
	is, _ := c.after.(*corev1.Secret)
	name, ofMember := strings.CutPrefix(c.key().Name, "usher-member-")
	if is == nil || !ofMember || is.Type != credentials.Type {
		return
	}
	address := emailOf(is)
	switch by := w.actor; {
	case was == nil:
		w.checkAccepted(name, address)
	case emailOf(was).SameAs(address):
	case by != nil && by.visit != nil && by.visit.confirm != nil:
		w.checkConfirmed(w.member(name), by.visit, is)
		w.pastFacts.proven[name][address.Key()] = true
	case by != nil && by.on == members && by.facts.immediate && slices.Contains(by.facts.wanted, address.Key()):
		w.pastFacts.proven[name][address.Key()] = true
		if len(is.Data[credentials.KeyPasswordHash]) > 0 {
			w.violated("proven", "member %s has another address, which it did not confirm, and the password that it had", name)
		}
	default:
		w.violated("proven", "the credentials of member %s are for %s, which no one has confirmed", name, address)
	}
}

// checkAccepted: a member accepts at the address that its invitation was mailed to.
func (w *world) checkAccepted(name string, address usherv1.EmailAddress) {
	w.pastFacts.proven[name] = map[string]bool{}
	if w.actor == nil { // it was restored
		w.pastFacts.proven[name][address.Key()] = true
		return
	}
	if mail := w.actor.answers(); mail != "" && !address.SameAs(usherv1.EmailAddress(mail)) {
		w.violated("proven", "the link that was mailed to %s was answered, and member %s has accepted at %s", mail, name, address)
	}
}

// answers is the address of the mail that the task's visit answers; empty if it is none.
func (t *task) answers() string {
	if t.visit == nil || t.visit.mail == nil {
		return ""
	}
	return t.visit.mail.mail.To
}

// checkEmailAtRest: the address in use is the one that was accepted at or confirmed last; while the spec names another one, the member says
// so, and only then.
func (w *world) checkEmailAtRest(m *usherv1.Member) {
	if !w.accepted(m, w.credentials(m.Name)) {
		if m.Status.EmailChange != nil || conditions.Reason(m.Status.Conditions, usherv1.ConditionEmailChange) != "" {
			w.violated("email-at-rest", "member %s has not accepted, and waits for a change of its address", m.Name)
		}
		return
	}
	inUse := w.inUse(m)
	differs := !inUse.SameAs(m.Spec.Email)
	if !differs {
		inUse = m.Spec.Email
	}
	if m.Status.Email != string(inUse) || differs && m.Spec.Activation == usherv1.ActivateImmediately {
		w.violated("email-at-rest", "member %s says that %q is in use; should be %q, and its spec says %q",
			m.Name, m.Status.Email, inUse, m.Spec.Email)
	}
	marked := usherv1.EmailAddress(m.Annotations[usherv1.EmailInUseAnnotation])
	if differs && !marked.SameAs(inUse) || !differs && marked != "" {
		w.violated("email-at-rest", "the metadata of member %s says that %q is in use; it is %q, and its spec says %q",
			m.Name, marked, inUse, m.Spec.Email)
	}
	is, want := conditions.Reason(m.Status.Conditions, usherv1.ConditionEmailChange), w.wantEmail(m, differs)
	if !slices.Contains(want, is) {
		w.violated("email-at-rest", "member %s says %q of its new address; should say %q", m.Name, is, want)
	}
	if (m.Status.EmailChange != nil) != (differs && w.holder(m, string(m.Spec.Email)) == "") {
		w.violated("email-at-rest", "member %s waits for a change of address: %t; its spec says %q, and %q is in use",
			m.Name, m.Status.EmailChange != nil, m.Spec.Email, inUse)
	}
}

// wantEmail returns what the EmailChange condition may say of a member that has accepted.
func (w *world) wantEmail(m *usherv1.Member, differs bool) []string {
	c := m.Status.EmailChange
	switch {
	case !differs:
		return []string{""}
	case w.holder(m, string(m.Spec.Email)) != "":
		return []string{usherv1.ReasonDuplicateEmail}
	case c == nil:
		return []string{"that it waits"}
	case c.ExpiresAt != nil && !w.now().Before(c.ExpiresAt.Time):
		return []string{usherv1.ReasonConfirmationExpired}
	case !w.changing(m, w.now()):
		return []string{usherv1.ReasonAwaitingConfirmation, usherv1.ReasonMailRejected}
	case strings.Contains(string(m.Spec.Email), badAddress) && !w.account().DeliversByLink() && c.ExpiresAt == nil:
		return []string{usherv1.ReasonMailRejected}
	case c.ExpiresAt == nil && !refused(c):
		return []string{"that the link was sent"}
	case c.ExpiresAt == nil:
		return []string{usherv1.ReasonMailRejected}
	}
	return []string{usherv1.ReasonAwaitingConfirmation}
}

// refused reports whether the mail with the link was refused.
func refused(c *usherv1.EmailChange) bool {
	return slices.ContainsFunc(c.Mails, func(m usherv1.EmailChangeMail) bool {
		return m.To == usherv1.MailToNewAddress && m.State == usherv1.EndNoticeFailed
	})
}
