// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/outbox/ratelimit"
)

const grace = "grace@acme.example"

// own is a mail of a namespace through a server of its own, shared one through the server that namespaces share.
func own(namespace, recipient string, number int) ratelimit.Mail {
	m := mailTo(recipient, number)
	m.ID, m.Server, m.Share = fmt.Sprint(namespace, recipient, number), namespace+"/smtp", namespace
	return m
}

func shared(namespace, recipient string, number int) ratelimit.Mail {
	m := mailTo(recipient, number)
	m.ID, m.Share, m.Shared = fmt.Sprint(namespace, recipient, number), namespace, true
	return m
}

// recipientLimited reserves for a mail that must wait for its recipient until a time.
func recipientLimited(t *testing.T, l *ratelimit.Limiter, m ratelimit.Mail, now, until time.Time) {
	t.Helper()
	if hold := waits(t, l, m, now); hold.Reason != usherv1.ReasonRecipientLimited || !hold.Until.Equal(until) {
		t.Errorf("held until %s: %s; want until %s", hold.Until, hold.Reason, until)
	}
}

// Whatever mails a stranger sends through its own server, others' mails to the same recipient go out, through whatever server.
func TestAStrangersOwnServerHoldsNoOther(t *testing.T) {
	l := ratelimit.New()
	for i := range delivery.MailsPerRecipient {
		goes(t, l, own("evil", grace, i), start)
	}
	recipientLimited(t, l, own("evil", grace, 9), start, start.Add(time.Hour))
	for i := range delivery.MailsPerRecipient {
		goes(t, l, own("acme", grace, i), start)
		goes(t, l, shared("bolt", grace, i), start)
	}
}

// A namespace has one limit for a recipient, however many accounts, Secrets and servers it sends with.
func TestANamespaceHasOneLimitForARecipient(t *testing.T) {
	l := ratelimit.New()
	for i := range delivery.MailsPerRecipient {
		m := own("acme", grace, i)
		m.Server, m.Shared = fmt.Sprint("acme/smtp", i), i%2 == 0
		goes(t, l, m, start.Add(time.Duration(i)*time.Minute))
	}
	for i, m := range []ratelimit.Mail{own("acme", grace, 10), shared("acme", grace, 11)} {
		m.Server = fmt.Sprint("acme/another", i)
		recipientLimited(t, l, m, start.Add(10*time.Minute), start.Add(time.Hour))
	}
	goes(t, l, own("acme", "alan@acme.example", 0), start.Add(10*time.Minute))
}

// Through the shared server all namespaces together have the limit; one that has sent the recipient nothing for an hour may send one mail
// more, until there are twice as many.
func TestTheSharedServerHasALimitAcrossNamespaces(t *testing.T) {
	l := ratelimit.New()
	for i := range delivery.MailsPerRecipient {
		goes(t, l, shared("evil", grace, i), start.Add(time.Duration(i)*time.Second))
	}
	now := start.Add(10 * time.Minute)
	goes(t, l, shared("acme", grace, 0), now)
	// Its second waits until there are fewer than five again: the first of six has to be an hour old, and the second.
	recipientLimited(t, l, shared("acme", grace, 1), now, start.Add(time.Hour+time.Second))
	for i := range delivery.MailsPerRecipient - 1 {
		goes(t, l, shared(fmt.Sprint("evil", i), grace, 0), now)
	}
	// Ten are enough.
	recipientLimited(t, l, shared("bolt", grace, 0), now, start.Add(time.Hour))
	goes(t, l, own("bolt", grace, 1), now)
	goes(t, l, shared("bolt", grace, 0), start.Add(time.Hour))
	recipientLimited(t, l, shared("acme", grace, 1), start.Add(time.Hour), now.Add(time.Hour))
}

// A manager that starts counts the mails of earlier ones in the same way.
func TestRecallCountsByNamespaceAndServer(t *testing.T) {
	l := ratelimit.New()
	var sent []ratelimit.Sent
	for range delivery.MailsPerRecipient {
		sent = append(sent, ratelimit.Sent{Mail: ratelimit.Mail{Recipient: grace, Share: "evil"}, At: start},
			ratelimit.Sent{Mail: ratelimit.Mail{Recipient: "alan@acme.example", Share: "evil", Shared: true}, At: start})
	}
	l.Recall(sent)
	recipientLimited(t, l, own("evil", grace, 0), start, start.Add(time.Hour))
	for i := range 2 {
		goes(t, l, shared("acme", grace, i), start)
	}
	goes(t, l, shared("acme", "alan@acme.example", 0), start)
	recipientLimited(t, l, shared("acme", "alan@acme.example", 1), start, start.Add(time.Hour))
}

// A hold ends when the mail is to go through another server, unless it was for mails of its own namespace.
func TestAHoldIsOfItsServer(t *testing.T) {
	l := ratelimit.New()
	for i := range delivery.MailsPerRecipient {
		goes(t, l, shared("evil", grace, i), start)
	}
	goes(t, l, shared("acme", grace, 0), start)
	m := shared("acme", grace, 1)
	waits(t, l, m, start)
	elsewhere := m
	elsewhere.Server, elsewhere.Shared = "acme/smtp", false
	if held, lifted := l.Held(elsewhere, start); held != nil || !lifted {
		t.Errorf("held until %s", held.Until)
	}
	goes(t, l, elsewhere, start)

	limited := own("acme", "alan@acme.example", 0)
	limited.PerMinute = 1
	goes(t, l, limited, start)
	limited.ID = "next"
	waits(t, l, limited, start)
	limited.Server = "acme/another"
	if held, lifted := l.Held(limited, start); held != nil || !lifted {
		t.Errorf("held until %s", held.Until)
	}

	for i := range delivery.MailsPerRecipient {
		goes(t, l, own("bolt", grace, i), start)
	}
	again := own("bolt", grace, 9)
	waits(t, l, again, start)
	again.Server = "bolt/another"
	if held, lifted := l.Held(again, start); held == nil || lifted {
		t.Error("another server of the namespace lifts the namespace's own limit")
	}
	if held, lifted := l.Held(own("bolt", grace, 77), start); held != nil || lifted {
		t.Error("what is not known is neither held nor lifted")
	}
}

// Whatever is sent in whatever order: no namespace sends a recipient more than its limit within an hour, the shared server no more than
// twice the limit, and no mail is held for longer than an hour. Mails through other servers never hold a mail of another namespace.
func TestRecipientLimitsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := ratelimit.New()
		now := start
		of, through, by := map[string][]time.Time{}, map[string][]time.Time{}, map[string][]time.Time{}
		for i := range 120 {
			now = now.Add(time.Duration(rapid.Int64Range(0, 300).Draw(t, "step")) * time.Second)
			namespace := fmt.Sprint("n", rapid.IntRange(0, 12).Draw(t, "namespace"))
			recipient := fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "recipient"), "@acme.example")
			m := own(namespace, recipient, i)
			if rapid.IntRange(0, 3).Draw(t, "server") > 0 {
				m = shared(namespace, recipient, i)
			}
			pair := namespace + " " + recipient
			before := len(lately(of[pair], now))
			cancel, hold := l.Reserve(m, now)
			switch {
			case hold != nil && hold.Until.Sub(now) > delivery.RecipientWindow:
				t.Fatalf("held for %s", hold.Until.Sub(now))
			case hold != nil && !m.Shared && before < delivery.MailsPerRecipient:
				t.Fatalf("the namespace sent %d mails, and the next through its own server is held", before)
			case hold != nil && before == 0 && len(lately(through[recipient], now)) < 2*delivery.MailsPerRecipient:
				t.Fatalf("the first mail of a namespace is held, after %d of all", len(lately(through[recipient], now)))
			case hold != nil:
				continue
			}
			if rapid.IntRange(0, 4).Draw(t, "fails") == 0 {
				cancel()
				continue
			}
			of[pair] = append(of[pair], now)
			if m.Shared {
				through[recipient] = append(through[recipient], now)
				by[pair] = append(by[pair], now)
			}
			if n := len(lately(of[pair], now)); n > delivery.MailsPerRecipient {
				t.Fatalf("%d mails of one namespace", n)
			}
			if all := len(lately(through[recipient], now)); m.Shared && (all > 2*delivery.MailsPerRecipient ||
				all > delivery.MailsPerRecipient && len(lately(by[pair], now)) > 1) {
				t.Fatalf("%d mails through the shared server, the last of a namespace that sent %d", all, len(lately(by[pair], now)))
			}
		}
	})
}

// lately returns the times within the hour before now.
func lately(times []time.Time, now time.Time) (recent []time.Time) {
	for _, at := range times {
		if at.Add(delivery.RecipientWindow).After(now) {
			recent = append(recent, at)
		}
	}
	return recent
}

// A tenant that sends to very many recipients makes only its own mails be forgotten.
func TestAFloodOfRecipientsIsItsOwnTenants(t *testing.T) {
	l := ratelimit.New()
	for i := range delivery.MailsPerRecipient {
		goes(t, l, own("acme", grace, i), start)
	}
	for i := range 300_000 {
		// Enough namespaces for more recipients than are remembered.
		_, _ = l.Reserve(own(fmt.Sprint("evil", i%4), fmt.Sprint(i, "@evil.example"), i), start)
	}
	if _, recipients, _ := ratelimit.Sizes(l); recipients > 1<<17 || recipients < 1<<15 {
		t.Errorf("%d recipients are remembered", recipients)
	}
	recipientLimited(t, l, own("acme", grace, 9), start, start.Add(time.Hour))
	goes(t, l, own("acme", "alan@acme.example", 0), start)
}
