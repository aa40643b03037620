// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/reason"
)

// formerTries is how often the former address is tried before the link goes out although it was not told.
const formerTries = 3

// EmailChangeObservation is all that a decision about the mails of a Member's change of address depends on.
type EmailChangeObservation struct {
	Member *usherv1.Member
	// Account of the Member; nil if it does not exist.
	Account *usherv1.Account
	// Turn has the recipients whose mail may be sent although the mail server is not ready: it is asked with one mail at a time.
	Turn []usherv1.EmailChangeRecipient
	// KeyID names the key that links are made with. KeyLost: the key of the link that was sent is no longer among the token keys.
	KeyID   string
	KeyLost bool
}

// EmailChangePlan is which mail about a change of address to send.
type EmailChangePlan struct {
	// Change is the complete new status.emailChange; nil if there is none. If Send is set, it is the claim of an attempt, to be written
	// before anything is sent.
	Change *usherv1.EmailChange
	// Send is the recipient of the mail that is due; empty if none is.
	Send usherv1.EmailChangeRecipient
	// AwaitsTurn is the recipient of a mail that is due and only waits for the mail server; empty if none is.
	AwaitsTurn usherv1.EmailChangeRecipient
	// Wake is when to decide again if nothing changes before; zero for never.
	Wake time.Time

	changes bool
	clock   moment.Clock
}

// NeedsLiveReads reports whether the plan sends a mail or makes a link, and so must be made from live reads.
func (p EmailChangePlan) NeedsLiveReads() bool { return p.changes }

// DecideEmailChange returns what to do at now about the mails of a change of address. The address in use is told of the change, and then
// the link is mailed to the new one: the notice comes before anyone can confirm.
func DecideEmailChange(o EmailChangeObservation, now time.Time) EmailChangePlan {
	p := EmailChangePlan{Change: o.Member.Status.EmailChange.DeepCopy(), clock: moment.At(now, o.Member)}
	p.decide(o, now)
	p.changes = !equality.Semantic.DeepEqual(p.Change, o.Member.Status.EmailChange)
	return p
}

func (p *EmailChangePlan) decide(o EmailChangeObservation, now time.Time) {
	c := p.Change
	if _, waits := invite.ChangeOf(o.Member); !waits || !mayMail(o.Member, o.Account, now) ||
		c.ExpiresAt != nil && !now.Before(c.ExpiresAt.Time) {
		return
	}
	if c.ExpiresAt != nil && !p.clock.Believes(c.ExpiresAt.Time, invite.LongestTTL) { // else the link works for as long as a clock was ahead
		c.ExpiresAt = moment.Ref(now.Add(invite.AccountTTL(o.Account)))
	}
	if o.KeyLost {
		c.KeyID, c.ExpiresAt = "", nil
		c.Mails = slices.DeleteFunc(c.Mails, func(m usherv1.EmailChangeMail) bool { return m.To == usherv1.MailToNewAddress })
	}
	if o.Account.DeliversByLink() {
		if c.ExpiresAt == nil {
			c.KeyID, c.ExpiresAt = o.KeyID, moment.Ref(now.Add(invite.AccountTTL(o.Account)))
		}
		return
	}
	for _, to := range []usherv1.EmailChangeRecipient{usherv1.MailToFormerAddress, usherv1.MailToNewAddress} {
		if p.attempt(to, reason.OfDelivery(o.Account).ByMail || slices.Contains(o.Turn, to)); !p.mayGoOn(to) {
			return
		}
	}
}

// attempt makes the mail to a recipient the claim of an attempt, if one is due now and may be sent.
func (p *EmailChangePlan) attempt(to usherv1.EmailChangeRecipient, may bool) {
	mail := mailOf(p.Change, to)
	if mail == nil {
		mail = &usherv1.EmailChangeMail{To: to, State: usherv1.EndNoticePending}
	}
	n := changeMail(mail)
	switch {
	case n.ended():
	case n.awaits(p.clock):
		if at := mail.NextAttemptAt.Time; p.Wake.IsZero() || at.Before(p.Wake) {
			p.Wake = at
		}
	case !may:
		p.AwaitsTurn = to
	default:
		n.claim(p.clock.Now)
		p.Send = to
		if mailOf(p.Change, to) == nil {
			p.Change.Mails = append(p.Change.Mails, *mail)
		}
	}
}

// mayGoOn reports whether the mail after that to a recipient may be sent.
func (p *EmailChangePlan) mayGoOn(to usherv1.EmailChangeRecipient) bool {
	mail := mailOf(p.Change, to)
	if p.Send != "" || p.AwaitsTurn != "" || mail == nil {
		return false
	}
	return changeMail(mail).ended() || mail.State == usherv1.EndNoticePending && mail.Attempts >= formerTries
}

// mayMail reports whether mails about a change of address may be sent: the Member and its account, which may be nil, have not lost access.
func mayMail(m *usherv1.Member, account *usherv1.Account, now time.Time) bool {
	return m.DeletionTimestamp == nil && m.Spec.State != usherv1.StateDisabled && !m.Spec.Ended(now) &&
		account != nil && account.DeletionTimestamp == nil && account.Spec.State != usherv1.StateDisabled
}

// mailOf returns what a change of address, which may be nil, records of the mail to that recipient; nil if nothing.
func mailOf(c *usherv1.EmailChange, to usherv1.EmailChangeRecipient) *usherv1.EmailChangeMail {
	if c == nil {
		return nil
	}
	i := slices.IndexFunc(c.Mails, func(m usherv1.EmailChangeMail) bool { return m.To == to })
	if i < 0 {
		return nil
	}
	return &c.Mails[i]
}

// ChangeMail returns the Member's mail about a change of address to that recipient; nil if there is none.
func ChangeMail(member *usherv1.Member, to usherv1.EmailChangeRecipient) *usherv1.EmailChangeMail {
	return mailOf(member.Status.EmailChange, to)
}

// ChangeMailAttempt returns the latest attempt at the mail to that recipient. A change that began after it ends it.
func ChangeMailAttempt(member *usherv1.Member, to usherv1.EmailChangeRecipient) delivery.Attempt {
	mail := ChangeMail(member, to)
	if mail == nil {
		return delivery.Attempt{Message: string(to)}
	}
	c := member.Status.EmailChange
	about := fmt.Sprintf("%s, %s, %d", to, c.Email, c.RequestedAt.Unix())
	if to == usherv1.MailToNewAddress {
		about += ", " + c.KeyID // with another key it is another link
	}
	return changeMail(mail).attempt(about)
}

// ExtendChangeMail moves the end of the lease of the attempt at the mail to that recipient.
func ExtendChangeMail(member *usherv1.Member, to usherv1.EmailChangeRecipient, until time.Time) {
	ChangeMail(member, to).NextAttemptAt = moment.Ref(until)
}

// ConcludeChangeMail records how the attempt at the mail to that recipient ended; a nil failure means that the server accepted the mail at
// now. The link works for ttl from then on.
func ConcludeChangeMail(
	member *usherv1.Member, to usherv1.EmailChangeRecipient, failure *delivery.Failure, now time.Time, ttl time.Duration,
) {
	changeMail(ChangeMail(member, to)).conclude(member.UID, failure, now)
	if to == usherv1.MailToNewAddress && failure == nil {
		member.Status.EmailChange.ExpiresAt = moment.Ref(now.Add(ttl))
	}
}
