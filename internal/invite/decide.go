// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/reason"
)

// answeredPause is how long the Member is given to take note of an answer.
const answeredPause = 2 * time.Second

// Observation is everything that a decision about an Invitation depends on.
type Observation struct {
	Invitation *usherv1.Invitation
	// Member is nil if it does not exist.
	Member *usherv1.Member
	// Account of the Member; nil if it does not exist.
	Account *usherv1.Account
	// KeyLost: the key that the link in the mail was made with is no longer among the token keys.
	KeyLost bool
	// Answered: there is a credentials Secret that the Member's status does not mention yet. Only a live read shows it.
	Answered bool
	// Foreign: a Secret without Usher's signature has the name of the Member's credentials, so that no answer could be recorded. Only a live
	// read shows it.
	Foreign bool
	// Hold delays the next mail; nil if nothing does, or if that is not known.
	Hold *delivery.Hold
	// HoldLifted: the hold that the status may report does not delay the mail, since its account has another mail server now.
	HoldLifted bool
	// Turn: the mail may be sent although the mail server is not ready, which is asked with one mail at a time.
	Turn bool
	// Doubtful: the mail server has refused others in the same way since it refused this recipient, so the refusal was not the recipient's.
	Doubtful bool
}

// Plan is what to do next.
type Plan struct {
	// Status is the complete new status. If Send is set it is the fence: it must be written before anything is sent.
	Status usherv1.InvitationStatus
	// Send: the mail that Status describes is sent.
	Send bool
	// Remind is the point of the reminder that is sent; empty if the mail is the invitation itself.
	Remind usherv1.Lead
	// AwaitsTurn: a mail is due, and only waits for the mail server.
	AwaitsTurn bool
	// Wake is when to look again if nothing happens before; zero for never.
	Wake time.Time

	// told is the hold that Status reports.
	told *delivery.Hold
	// before is the status that the plan changes.
	before usherv1.InvitationStatus
}

// NeedsLiveReads reports whether the plan must be made again on live reads before it is written: it ends a link or makes another. A
// plan that sends a mail is made again by the sender.
func (p Plan) NeedsLiveReads() bool {
	return !p.Send && (p.Status.State != p.before.State || p.Status.LinkGeneration != p.before.LinkGeneration)
}

// Decide returns what to do with the observed Invitation at now.
func Decide(o Observation, now time.Time) Plan {
	inv := o.Invitation
	next := *inv.Status.DeepCopy()
	next.ObservedGeneration = inv.Generation
	if next.State == "" {
		next.State = usherv1.InvitationPending
	}
	if lifted(o) {
		next.NextAttemptAt = nil
	}
	p := Plan{Status: next, before: inv.Status}
	p.decide(o, now)
	if again := describe(&p.Status, o, p.told, now); !again.IsZero() {
		p.wakeBy(again)
	}
	return p
}

func (p *Plan) decide(o Observation, now time.Time) {
	inv, s := o.Invitation, &p.Status
	switch {
	case o.Member != nil && o.Member.Status.AcceptedAt != nil:
		p.settle(usherv1.InvitationAccepted)
		s.SendGeneration = inv.Spec.SendGeneration // a resend after the acceptance is handled by doing nothing
		s.AcceptedAt = o.Member.Status.AcceptedAt
	case o.Answered, o.Foreign && Cleared(o.Member, inv, o.Account): // the Member is about to say so
		p.Wake = now.Add(answeredPause)
	case inv.Spec.State == usherv1.InvitationRevokedWish:
		p.settle(usherv1.InvitationRevoked)
	case o.Member == nil:
		p.endLink()
	case isOut(o.Member, now):
		p.settle(usherv1.InvitationRevoked)
	case s.State == usherv1.InvitationSending && clockOf(o, now).Awaits(s.NextAttemptAt, longestLease(o, now)):
		p.Wake = s.NextAttemptAt.Time
		p.told = toldNow(o, now)
	case Asked(inv, string(o.Member.Spec.Email)):
		p.sendNew(o, now)
	case s.State == usherv1.InvitationSent:
		p.doubt(o, now)
		p.expire(now)
		if s.State == usherv1.InvitationSent {
			p.remind(o, now)
		}
	default:
		p.tryAgain(o, now)
	}
}

// tryAgain looks after a link that is not out.
func (p *Plan) tryAgain(o Observation, now time.Time) {
	switch s := &p.Status; s.State {
	case usherv1.InvitationPending, usherv1.InvitationSending:
		p.sendAgain(o, now)
	case usherv1.InvitationFailed:
		if o.Doubtful {
			s.State, s.NextAttemptAt = usherv1.InvitationPending, moment.Ref(now)
		}
	}
}

// isOut reports whether the Member itself says that it has no access. An end of access that another clock has recorded counts, too: no
// event comes when it has come by this one.
func isOut(m *usherv1.Member, now time.Time) bool {
	return m.DeletionTimestamp != nil || m.Spec.State == usherv1.StateDisabled || reason.AccessEnded(m, now)
}

// Asked reports whether a new link is wanted: nothing was sent yet, sendGeneration was raised, the address changed, a revoked
// invitation is open again, or the credentials that an acceptance made are gone. It does not ask whether the member has accepted.
func Asked(inv *usherv1.Invitation, email string) bool {
	if inv.Spec.State == usherv1.InvitationRevokedWish {
		return false
	}
	return !Current(inv, email) || inv.Status.State == usherv1.InvitationRevoked || inv.Status.State == usherv1.InvitationAccepted
}

// Cleared reports whether the Member, in the state that it recorded, may be sent this Invitation: it holds the seat that it needs. A member
// that is activated without an invitation is sent none, and an Invitation that was made for an earlier Member of this name is about to be
// deleted.
func Cleared(member *usherv1.Member, inv *usherv1.Invitation, account *usherv1.Account) bool {
	if member.Spec.Activation == usherv1.ActivateImmediately || Leftover(inv, member, account) {
		return false
	}
	return reason.OfMember(member).Invitable && member.Status.ObservedGeneration == member.Generation &&
		member.Status.InvitationRef != nil && member.Status.InvitationRef.Name == inv.Name
}

func (p *Plan) expire(now time.Time) {
	s := &p.Status
	s.NextAttemptAt = nil
	if s.ExpiresAt == nil {
		return
	}
	if now.Before(s.ExpiresAt.Time) {
		p.Wake = s.ExpiresAt.Time
		return
	}
	p.settle(usherv1.InvitationExpired)
}

// endLink revokes the link of a Member that no longer exists, if there is a link.
func (p *Plan) endLink() {
	if p.Status.LinkGeneration > 0 {
		p.settle(usherv1.InvitationRevoked)
	}
}

// settle ends the present link in state. If another link is asked for, that still shows.
func (p *Plan) settle(state usherv1.InvitationState) {
	p.Status.State = state
	p.Status.NextAttemptAt = nil
	for i := range p.Status.Reminders {
		p.Status.Reminders[i].NextAttemptAt = nil
	}
}

// TTL returns how long the Invitation's link works: its own ttl, else its account's, else seven days.
func TTL(inv *usherv1.Invitation, account *usherv1.Account) time.Duration {
	if d := inv.Spec.TTL.Duration(); d > 0 {
		return d
	}
	return AccountTTL(account)
}

// AccountTTL returns how long the links of an account, which may be nil, work: its own ttl, else seven days.
func AccountTTL(account *usherv1.Account) time.Duration {
	if account != nil {
		if d := account.Spec.Invitations.TTL.Duration(); d > 0 {
			return d
		}
	}
	return usherv1.DefaultTTL
}

// Language returns the language that the Member reads: its own, else its account's, else en-GB.
func Language(member *usherv1.Member, account *usherv1.Account) usherv1.Language {
	switch {
	case member != nil && member.Spec.Language != "":
		return member.Spec.Language
	case account != nil && account.Spec.Language != "":
		return account.Spec.Language
	}
	return usherv1.DefaultLanguage
}
