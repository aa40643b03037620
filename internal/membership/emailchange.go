// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/moment"
)

// emailInUse returns the address that access and signing in follow: the one that the credentials are for, as the spec spells it if it is
// the same. Before there is an acceptance it is the spec's. While signatures cannot be checked, it stays as it is.
func emailInUse(o Observation, accepted bool) usherv1.EmailAddress {
	wanted := o.Member.Spec.Email
	if !accepted || o.Credentials.Email == "" {
		return wanted
	}
	said := usherv1.EmailAddress(o.Credentials.Email)
	if o.Credentials.Signature == creds.Unchecked {
		said = o.Member.EmailInUse()
	}
	if wanted.SameAs(said) {
		return wanted
	}
	return said
}

// settleEmail decides what becomes of a change of address: it begins when spec.email is no longer the address in use, and is over when it
// is again. The address in use is marked in the Member's metadata first, so that a restore that loses the status does not take the
// acceptance for another person's.
func (d *Decision) settleEmail(o Observation, accepted bool, now time.Time) {
	m, s := o.Member, &d.Status
	stays := accepted && m.DeletionTimestamp == nil
	differs := stays && !m.Spec.Email.SameAs(usherv1.EmailAddress(s.Email))
	changes := differs && m.Spec.Activation != usherv1.ActivateImmediately
	if marked := m.Annotations[usherv1.EmailInUseAnnotation]; differs {
		d.MarkEmail = !d.MoveCredentials && !usherv1.EmailAddress(marked).SameAs(usherv1.EmailAddress(s.Email))
	} else {
		d.MarkEmail = stays && marked != ""
	}
	_, impossible := m.Spec.Email.Mailbox()
	switch c := s.EmailChange; {
	case !changes || o.Holder != "" || impossible != nil:
		s.EmailChange = nil
	case c == nil || !m.Spec.Email.SameAs(usherv1.EmailAddress(c.Email)) || !o.Member.EmailInUse().SameAs(usherv1.EmailAddress(s.Email)):
		s.EmailChange = &usherv1.EmailChange{Email: string(m.Spec.Email), RequestedAt: moment.Of(now)}
	case c.ExpiresAt != nil && now.Before(c.ExpiresAt.Time):
		d.wakeBy(c.ExpiresAt.Time)
	}
	d.emailWaits(o, changes, impossible, now)
}

// emailChange is what the EmailChange condition says; its reason is empty if there is no change of address.
type emailChange struct{ reason, message string }

// emailWaits decides what the EmailChange condition says.
func (d *Decision) emailWaits(o Observation, changes bool, impossible error, now time.Time) {
	if !changes {
		return
	}
	c, by := d.Status.EmailChange, o.Account
	switch {
	case o.Holder != "":
		d.email = saysAddressTaken(o.Holder)
	case impossible != nil:
		d.email = saysNoMailboxForChange(impossible)
	case c.ExpiresAt != nil && !now.Before(c.ExpiresAt.Time):
		d.email = saysConfirmationExpired()
	case c.ExpiresAt != nil:
		d.email = saysAwaitingConfirmation(c.ExpiresAt, by != nil && by.DeliversByLink())
	default:
		d.email = saysLinkNotSent(mailOf(c, usherv1.MailToNewAddress), !mayMail(o.Member, by, now))
	}
}

// The sentences of the EmailChange condition.

func saysAddressTaken(holder string) emailChange {
	return emailChange{usherv1.ReasonDuplicateEmail, "Member " + holder + " of this account has the address in spec.email; correct one of " +
		"them; status.email stays in use"}
}

func saysNoMailboxForChange(err error) emailChange {
	return emailChange{usherv1.ReasonMailRejected, "No mail can go to spec.email, and none is sent: " + err.Error() +
		"; correct it; status.email stays in use"}
}

func saysConfirmationExpired() emailChange {
	return emailChange{usherv1.ReasonConfirmationExpired, "The new address was not confirmed in time, and status.email stays in use; " +
		"to have another link sent, set spec.email to status.email, and then to the new address again"}
}

// saysAwaitingConfirmation: the link works.
func saysAwaitingConfirmation(expires *metav1.Time, byLink bool) emailChange {
	how := "The link that was mailed to spec.email"
	if byLink {
		how = "The link that confirms spec.email"
	}
	return emailChange{usherv1.ReasonAwaitingConfirmation, how + " works until " + until(expires) +
		"; status.email stays in use until it is opened and confirmed"}
}

// saysLinkNotSent: mail is what the status says of the mail with the link; nil if nothing. held reports whether no mail is sent for now.
func saysLinkNotSent(mail *usherv1.EmailChangeMail, held bool) emailChange {
	switch {
	case mail != nil && mail.State == usherv1.EndNoticeFailed:
		return emailChange{usherv1.ReasonMailRejected, "The mail server refused the mail to spec.email" + code(mail.LastError) +
			"; correct it; status.email stays in use"}
	case held:
		return emailChange{usherv1.ReasonAwaitingConfirmation, "A link is mailed to spec.email once the member and its account are not " +
			"disabled; status.email stays in use until it is confirmed"}
	case mail != nil && mail.LastError != nil:
		return emailChange{usherv1.ReasonAwaitingConfirmation, "The mail server did not take the mail to spec.email" + code(mail.LastError) +
			"; trying again; status.email stays in use until the link in it is confirmed"}
	}
	return emailChange{usherv1.ReasonAwaitingConfirmation,
		"A link is on its way to spec.email; status.email stays in use until it is confirmed"}
}

// code returns the code of a failure in parentheses, after a space; nothing if there is none.
func code(e *usherv1.SendError) string {
	if e == nil {
		return ""
	}
	return " (" + e.Code + ")"
}
