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

// paid is a mail of an account in a namespace that has a quota.
func paid(namespace, account string, number, perDay int) ratelimit.Mail {
	m := mailTo(fmt.Sprint(namespace, account, number, "@acme.example"), number)
	m.Share, m.Account, m.PerDay = namespace, namespace+"/"+account, perDay
	return m
}

// An account that has used its quota up waits until mails of the day before no longer count, and learns until when.
func TestQuota(t *testing.T) {
	const perDay = 5
	l := ratelimit.New()
	for i := range perDay {
		goes(t, l, paid("acme", "acme", i, perDay), start.Add(time.Duration(i)*time.Hour))
	}
	now := start.Add(6 * time.Hour)
	for i := range perDay { // each of them gets the place of one of those
		hold := waits(t, l, paid("acme", "acme", 100+i, perDay), now)
		if want := start.Add(time.Duration(24+i) * time.Hour); hold.Reason != usherv1.ReasonQuotaReached || !hold.Until.Equal(want) {
			t.Errorf("mail %d is held until %s: %s, want %s", i, hold.Until, hold.Reason, want)
		}
	}
	goes(t, l, paid("acme", "other", 0, perDay), now)
	goes(t, l, paid("bolt", "acme", 0, perDay), now)
	goes(t, l, paid("acme", "acme", 200, 0), now) // through a server of its own

	now = start.Add(24 * time.Hour)
	waits(t, l, paid("acme", "acme", 300, perDay), now) // a newcomer does not take a place that was promised
	goes(t, l, paid("acme", "acme", 100, perDay), now)
	waits(t, l, paid("acme", "acme", 101, perDay), now)
}

// A member who asks for a mail gets it although the account has used its quota up, as far as that lasts.
func TestQuotaLeavesUrgentMails(t *testing.T) {
	l := ratelimit.New()
	for i := range 10 {
		goes(t, l, paid("acme", "acme", i, 10), start)
	}
	urgent := paid("acme", "acme", 20, 10)
	urgent.Urgent = true
	goes(t, l, urgent, start)
	urgent.ID, urgent.Recipient = "another", "another@acme.example"
	waits(t, l, urgent, start)
	waits(t, l, paid("acme", "acme", 30, 10), start)
}

// A mail that did not go out does not count, and one that is not wanted any more leaves its place to others.
func TestQuotaIsGivenBack(t *testing.T) {
	l := ratelimit.New()
	goes(t, l, paid("acme", "acme", 0, 1), start)()
	goes(t, l, paid("acme", "acme", 1, 1), start)
	hold := waits(t, l, paid("acme", "acme", 2, 1), start)
	late := hold.Until.Add(2 * time.Hour) // mail 2 did not come
	goes(t, l, paid("acme", "acme", 3, 1), late)
}

// A tenant makes one account after the other, or the same one again: the namespace has a quota, too, and names are counted.
func TestAttackMoreAccountsForMoreMails(t *testing.T) {
	const perDay = 3
	l, sent := ratelimit.New(), 0
	for account := range 50 {
		for i := range perDay {
			if _, hold := l.Reserve(paid("evil", fmt.Sprint("account", account), i, perDay), start); hold == nil {
				sent++
			}
		}
	}
	if sent != 10*perDay {
		t.Errorf("%d mails went out", sent)
	}
	goes(t, l, paid("acme", "acme", 0, perDay), start)
}

// Whatever is asked in whatever order, no account gets more mails out within a day than its quota, and a hold ends within a day.
func TestQuotaHoldsAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perDay := rapid.IntRange(1, 4).Draw(t, "quota")
		l, now := ratelimit.New(), start
		var sent []time.Time
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Hour)).Draw(t, "pause")))
			m := paid("acme", "acme", rapid.IntRange(0, 9).Draw(t, "mail"), perDay)
			m.Recipient = fmt.Sprint(i)
			cancel, hold := l.Reserve(m, now)
			switch {
			case hold == nil && rapid.IntRange(0, 9).Draw(t, "fails") == 0:
				cancel()
			case hold == nil:
				sent = append(sent, now)
			case !hold.Until.After(now) || hold.Until.Sub(now) > delivery.QuotaWindow:
				t.Fatalf("held from %s until %s", now, hold.Until)
			}
		}
		for i := perDay; i < len(sent); i++ {
			if sent[i].Sub(sent[i-perDay]) < delivery.QuotaWindow-time.Hour {
				t.Fatalf("with a quota of %d, mails went out at %s", perDay, sent)
			}
		}
	})
}

// After a restart, the last mail of each Invitation counts.
func TestQuotaIsRecalled(t *testing.T) {
	l := ratelimit.New()
	var sent []ratelimit.Sent
	for i := range 3 {
		m := paid("acme", "acme", i, 3)
		m.Recipient = "" // it was longer ago than the recipient's limit lasts
		sent = append(sent, ratelimit.Sent{Mail: m, At: start.Add(-time.Duration(i+2) * time.Hour)})
	}
	l.Recall(sent)
	if hold := waits(t, l, paid("acme", "acme", 9, 3), start); !hold.Until.Equal(start.Add(20 * time.Hour)) {
		t.Errorf("held until %s", hold.Until)
	}
}
