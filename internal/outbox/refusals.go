// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox/breaker"
	"github.com/usher-dev/usher/internal/reconciler"
)

// share is whose mails share a breaker: those of a namespace through the endpoint of a Secret. Without a namespace, it is those of all,
// for what an endpoint refuses before it knows the recipient.
type share struct {
	secret    types.NamespacedName
	namespace string
}

// guard is the breaker of a share.
type guard struct {
	breaker.Breaker
	// verdict is what the accounts report while the breaker is open.
	verdict membership.MailVerdict
	// waiters are who to wake when a mail has its turn, by the mail's ID.
	waiters map[string]waiter
}

// guards returns the guards of an account's mails: that of all namespaces first. Each is nil if it has seen nothing yet. e.mu must be
// held.
func (e *Endpoints) guards(account *usherv1.Account) (all, own *guard) {
	key := e.SecretOf(account)
	return e.guarded[share{secret: key}], e.guarded[share{key, account.Namespace}]
}

// guard returns the guard of a share. e.mu must be held.
func (e *Endpoints) guard(of share) *guard {
	g := e.guarded[of]
	if g == nil {
		g = &guard{waiters: map[string]waiter{}}
		e.guarded[of] = g
	}
	return g
}

// closedTo returns the guard that holds the account's mails; nil if none does. e.mu must be held.
func (e *Endpoints) closedTo(account *usherv1.Account) *guard {
	all, own := e.guards(account)
	switch {
	case all != nil && all.Open():
		return all
	case own != nil && own.Open():
		return own
	}
	return nil
}

// admits reports whether a mail of an account may be sent now. It may not while the endpoint is in trouble, or takes one mail at a time
// and it is not this one's turn.
func (e *Endpoints) admits(account *usherv1.Account, id string, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, known := e.probed[e.SecretOf(account)]; known && !p.Verdict.Ready {
		return false
	}
	g := e.closedTo(account)
	return g == nil || g.HasTurn(id, now)
}

// Turn reports whether a mail of an account may be sent although the account's endpoint is not ready: it is asked with one mail at a
// time.
func (e *Endpoints) Turn(account *usherv1.Account, id string, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := e.closedTo(account)
	return g != nil && g.HasTurn(id, now)
}

// Await has a mail that is due wait for its turn, if the account's endpoint takes one mail at a time. Then the object with that key is
// woken.
func (e *Endpoints) Await(account *usherv1.Account, id string, wakeups *reconciler.Wakeups, key types.NamespacedName, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := e.closedTo(account)
	if g == nil || !g.Await(id, now) {
		return
	}
	if len(g.waiters) == 0 { // otherwise GiveTurns is about to be called
		e.Secrets.Add(e.SecretOf(account))
	}
	g.waiters[id] = waiter{wakeups, key}
}

// Doubts reports whether an account's endpoint, since it refused a mail of the account's in that way, has refused so many others in the
// same way that the refusal was not the recipient's.
func (e *Endpoints) Doubts(account *usherv1.Account, failure *usherv1.SendError) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	all, own := e.guards(account)
	return all != nil && all.Doubts(failure) || own != nil && own.Doubts(failure)
}

// GiveTurns gives the mails that wait for an endpoint their turns, and wakes them. It returns when to call it again; zero if only another
// event makes a difference.
func (e *Endpoints) GiveTurns(key types.NamespacedName, now time.Time) (again time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, known := e.probed[key]; known && !p.Verdict.Ready {
		return time.Time{} // a mail would fail before anything is known of its refusal
	}
	all := e.guarded[share{secret: key}]
	for of, g := range e.guarded {
		if of.secret != key || all != nil && all.Open() && g != all {
			continue
		}
		id, at := g.NextTurn(now)
		if who, waits := g.waiters[id]; waits {
			delete(g.waiters, id)
			who.wakeups.Add(who.key)
		}
		if !at.IsZero() && (again.IsZero() || at.Before(again)) {
			again = at
		}
	}
	return again
}

// begin notes that an attempt at a mail begins.
func (e *Endpoints) begin(account *usherv1.Account, id string, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if g := e.closedTo(account); g != nil {
		g.Begin(id, now)
	}
}

// attempted is an attempt at a mail of an account, and how it ended.
type attempted struct {
	account *usherv1.Account
	// id and recipient are what the mail is counted by.
	id, recipient string
	// before is how the attempt before failed; nil if it did not.
	before *usherv1.SendError
	err    error
}

// conclude notes what the outcome of an attempt says about the endpoint, and returns what it means for the mail; nil if the endpoint
// accepted it.
func (e *Endpoints) conclude(a attempted, now time.Time) *delivery.Failure {
	failure, key := failureOf(a.err), e.SecretOf(a.account)
	var failed *channel.Error
	errors.As(a.err, &failed)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case a.err == nil:
		e.accepted(a.account, now)
	case failed != nil && failed.Refusal != "":
		e.refused(a, failed, failure, now)
	case failed != nil && failed.Reason != "":
		e.inTrouble(key, a.err, now)
	}
	all, own := e.guards(a.account)
	for _, g := range []*guard{all, own} {
		if g != nil {
			g.Conclude(a.id, now)
		}
	}
	if a.err != nil {
		e.Secrets.Add(key)
	}
	return failure
}

// accepted: the endpoint takes the namespace's mails. e.mu must be held.
func (e *Endpoints) accepted(account *usherv1.Account, now time.Time) {
	key := e.SecretOf(account)
	opened := e.guard(share{secret: key}).accept(now)
	opened = e.guard(share{key, account.Namespace}).accept(now) || opened
	if p, known := e.probed[key]; known {
		p.Refusals = 0
		p.Unreported = p.Unreported || opened
		e.probed[key] = p
	}
	if opened {
		e.Secrets.Add(key)
	}
}

func (g *guard) accept(now time.Time) (wasOpen bool) {
	if wasOpen = g.Accept(now); wasOpen {
		clear(g.waiters)
	}
	return wasOpen
}

// refused judges a refusal, and changes the failure to what it is taken for. e.mu must be held.
func (e *Endpoints) refused(a attempted, failed *channel.Error, failure *delivery.Failure, now time.Time) {
	of := share{e.SecretOf(a.account), a.account.Namespace}
	if failed.ToAll {
		of.namespace = ""
	} else if e.guard(share{secret: of.secret}).accept(now) { // the endpoint has taken the sender
		e.unreported(of.secret)
	}
	g := e.guard(of)
	refusal := breaker.Refusal{ID: failed.Refusal, Class: failed.Class, Code: failed.Code, NamesRecipient: failed.NamesRecipient}
	judgement, opened := g.Refuse(refusal, breaker.Attempt{
		Mail: a.id, Recipient: usherv1.EmailAddress(a.recipient).Key(), Before: a.before,
	}, now)
	switch judgement {
	case breaker.Hold:
		failure.Class = usherv1.ErrorConfiguration
	case breaker.Again:
		failure.Class, failure.Provisional = usherv1.ErrorPermanent, true
	case breaker.Final:
		failure.Class = usherv1.ErrorPermanent
	}
	if opened {
		g.verdict = refusalVerdict(of.secret, failed)
		e.unreported(of.secret)
	}
}

// refusalVerdict is what accounts report whose mails are refused.
func refusalVerdict(key types.NamespacedName, failed *channel.Error) membership.MailVerdict {
	v := VerdictOf(key, failed)
	if failed.Class == usherv1.ErrorPermanent {
		v.Reason = usherv1.ReasonMailRefused
		v.Message = fmt.Sprintf("Secret %s: the server refused %d recipients in a row in the same way (%s) and accepted none in between, "+
			"so the cause may be the sender or the server; ask its administrator, or correct the addresses if they are wrong",
			key, breaker.Threshold, failed.Code)
	}
	v.Message += ". Usher sends one mail at a time until one is accepted"
	return v
}

// inTrouble: no mail gets as far as MAIL. An endpoint that fails although it answered the last probe is probed at growing intervals. e.mu
// must be held.
func (e *Endpoints) inTrouble(key types.NamespacedName, err error, now time.Time) {
	p, known := e.probed[key]
	if !known {
		return
	}
	if p.Verdict.Ready {
		p.Refusals++
	}
	p.At, p.Verdict, p.Unreported = now, VerdictOf(key, err), true
	e.probed[key] = p
}

// unreported has the accounts of an endpoint report the latest verdict. e.mu must be held.
func (e *Endpoints) unreported(key types.NamespacedName) {
	if p, known := e.probed[key]; known {
		p.Unreported = true
		e.probed[key] = p
	}
	e.Secrets.Add(key)
}

// forgetRefusals forgets what the endpoint of a Secret refused, because the Secret has changed or is no longer used. e.mu must be held.
func (e *Endpoints) forgetRefusals(key types.NamespacedName) {
	for of := range e.guarded {
		if of.secret == key {
			delete(e.guarded, of)
		}
	}
}
