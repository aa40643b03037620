// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/outbox/ratelimit"
)

var start = time.Date(2026, time.November, 22, 9, 0, 0, 0, time.UTC)

func mailTo(recipient string, number int) ratelimit.Mail {
	return ratelimit.Mail{ID: fmt.Sprint(recipient, number), Recipient: recipient, Server: "usher-system/usher-smtp"}
}

// goes sends a mail, which must not be held.
func goes(t *testing.T, p *ratelimit.Limiter, m ratelimit.Mail, now time.Time) (takeBack func()) {
	t.Helper()
	takeBack, hold := p.Reserve(m, now)
	if hold != nil {
		t.Fatalf("held until %s: %s", hold.Until, hold.Reason)
	}
	return takeBack
}

// waits tries to send a mail, which must be held.
func waits(t *testing.T, p *ratelimit.Limiter, m ratelimit.Mail, now time.Time) delivery.Hold {
	t.Helper()
	_, hold := p.Reserve(m, now)
	if hold == nil {
		t.Fatal("not held")
	}
	if hold.Until.Truncate(time.Second) != hold.Until || !hold.Until.After(now) {
		t.Errorf("held until %s", hold.Until)
	}
	if held := p.Held(m.ID, m.Recipient, now); held == nil || *held != *hold {
		t.Errorf("told to wait until %s, and it is forgotten: %v", hold.Until, held)
	}
	if held := p.Held(m.ID, m.Recipient, hold.Until); held != nil {
		t.Errorf("still held when its time has come")
	}
	return *hold
}

// However it is asked for, nobody gets more than five mails an hour.
func TestRecipientsAreSpared(t *testing.T) {
	p := ratelimit.New()
	for i := range delivery.MailsPerRecipient {
		goes(t, p, mailTo("ada@acme.example", i), start.Add(time.Duration(i)*time.Minute))
	}
	for i := range 3 {
		m := mailTo("ada@acme.example", 100+i)
		m.Server = fmt.Sprint("server ", i)
		hold := waits(t, p, m, start.Add(10*time.Minute))
		if hold.Reason != usherv1.ReasonRecipientLimited || !hold.Until.Equal(start.Add(time.Hour)) {
			t.Errorf("held until %s: %s", hold.Until, hold.Reason)
		}
	}
	goes(t, p, mailTo("bob@acme.example", 0), start.Add(10*time.Minute))
	if held := p.Held("ada@acme.example100", "countess@acme.example", start.Add(10*time.Minute)); held != nil {
		t.Error("another address of the same member is held for the first one's sake")
	}

	goes(t, p, mailTo("ada@acme.example", 100), start.Add(time.Hour))
	if hold := waits(t, p, mailTo("ada@acme.example", 101), start.Add(time.Hour)); !hold.Until.Equal(start.Add(time.Hour + time.Minute)) {
		t.Errorf("the next is held until %s", hold.Until)
	}
}

// A mail that did not go out does not count.
func TestTakeBack(t *testing.T) {
	p := ratelimit.New()
	for i := range 3 * delivery.MailsPerRecipient {
		goes(t, p, mailTo("ada@acme.example", i), start)()
	}
	for i := range delivery.MailsPerRecipient {
		goes(t, p, mailTo("ada@acme.example", i), start)
	}
	waits(t, p, mailTo("ada@acme.example", 99), start)
}

// What an earlier manager sent counts as far as it is known, and only once.
func TestRecall(t *testing.T) {
	p := ratelimit.New()
	var sent []ratelimit.Sent
	for i := range delivery.MailsPerRecipient - 1 {
		sent = append(sent, ratelimit.Sent{Recipient: "ada@acme.example", At: start.Add(-time.Duration(i) * time.Minute)})
	}
	sent = append(sent, ratelimit.Sent{Recipient: "ada@acme.example", At: start.Add(-72 * time.Hour)})
	for range 2 {
		p.Recall(sent)
		if !p.Recalled() {
			t.Error("recalled, and it does not know")
		}
	}
	goes(t, p, mailTo("ada@acme.example", 0), start)
	waits(t, p, mailTo("ada@acme.example", 1), start)
}

// A queue of mails goes out one interval after the other, in order, and each is told its time once.
func TestServersAreSpared(t *testing.T) {
	const perMinute = 6
	p := ratelimit.New()
	m := func(i int) ratelimit.Mail {
		m := mailTo(fmt.Sprintf("m%d@acme.example", i), i)
		m.PerMinute = perMinute
		return m
	}
	goes(t, p, m(0), start)
	for i := 1; i <= 5; i++ {
		hold := waits(t, p, m(i), start)
		if want := start.Add(time.Duration(i) * 10 * time.Second); !hold.Until.Equal(want) || hold.Reason != usherv1.ReasonRateLimited {
			t.Errorf("mail %d is held until %s: %s, want %s", i, hold.Until, hold.Reason, want)
		}
	}
	other := m(9)
	other.Server = "acme/own"
	goes(t, p, other, start)
	other.Server, other.ID, other.PerMinute = "acme/unlimited", "unlimited", 0
	goes(t, p, other, start)

	goes(t, p, m(1), start.Add(10*time.Second))
	goes(t, p, m(2), start.Add(25*time.Second))
	// Who comes too late has lost the turn, and the place after the last is the next.
	if hold := waits(t, p, m(3), start.Add(41*time.Second)); !hold.Until.Equal(start.Add(time.Minute)) {
		t.Errorf("its turn over, it is to come at %s", hold.Until)
	}
	goes(t, p, m(4), start.Add(45*time.Second))
	// Another limit begins anew.
	raised := m(6)
	raised.PerMinute = 600
	goes(t, p, raised, start.Add(41*time.Second))
}

// A queue that is far too long takes no more than what is given out ahead, whoever is gone by then.
func TestTurnsAreGivenOutForAWhileOnly(t *testing.T) {
	p := ratelimit.New()
	var latest time.Time
	for i := range 1000 {
		m := mailTo(fmt.Sprintf("m%d@acme.example", i), i)
		m.PerMinute = 60
		if _, hold := p.Reserve(m, start); hold != nil && hold.Until.After(latest) {
			latest = hold.Until
		}
	}
	if want := start.Add(10 * time.Minute); !latest.Equal(want) {
		t.Errorf("the last is told to come at %s, want %s", latest, want)
	}
	m := mailTo("late@acme.example", 0)
	m.PerMinute = 60
	if hold := waits(t, p, m, start.Add(10*time.Minute)); hold.Until.After(start.Add(10*time.Minute + 10*time.Second)) {
		t.Errorf("after all turns that were given out, one is held until %s", hold.Until)
	}
}

// Whatever order mails come in, within no minute does a server get more than its limit, and within no hour a recipient.
func TestLimitsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := ratelimit.New()
		perMinute := rapid.IntRange(1, 30).Draw(t, "perMinute")
		now := start
		var gone []time.Time
		byRecipient := map[string][]time.Time{}
		for i := range 300 {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "step")))
			m := ratelimit.Mail{
				ID: fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "mail")), Server: "s", PerMinute: perMinute,
				Recipient: fmt.Sprint(rapid.IntRange(0, 3+i/10).Draw(t, "recipient")),
			}
			takeBack, hold := p.Reserve(m, now)
			if hold != nil {
				continue
			}
			gone = append(gone, now)
			if rapid.IntRange(0, 9).Draw(t, "fails") == 0 {
				takeBack()
			} else {
				byRecipient[m.Recipient] = append(byRecipient[m.Recipient], now)
			}
		}
		// A turn may be taken up to ten seconds late, and its successor in time.
		if most := within(gone, 50*time.Second); most > perMinute+1 {
			t.Fatalf("%d mails within 50 s, where %d are allowed a minute", most, perMinute)
		}
		for recipient, times := range byRecipient {
			if most := within(times, delivery.RecipientWindow-time.Second); most > delivery.MailsPerRecipient {
				t.Fatalf("%d mails to %s within an hour", most, recipient)
			}
		}
	})
}

// within is the largest number of times within any span.
func within(times []time.Time, span time.Duration) int {
	most := 0
	for i, first := range times {
		end, _ := slices.BinarySearchFunc(times, first.Add(span), time.Time.Compare)
		most = max(most, end-i)
	}
	return most
}

// What it remembers is bounded, whatever a script makes it see.
func TestMemoryIsBounded(t *testing.T) {
	p := ratelimit.New()
	for i := range 200_000 {
		m := mailTo(fmt.Sprintf("m%d@acme.example", i), i)
		m.PerMinute = 1
		m.Server = fmt.Sprint("s", i%10)
		_, _ = p.Reserve(m, start)
		m.Server, m.PerMinute = "unlimited", 0
		m.ID += "x"
		_, _ = p.Reserve(m, start)
	}
	waiting, recipients, servers := ratelimit.Sizes(p)
	if waiting > 50_000 || recipients > 1<<16 || servers > 10 {
		t.Errorf("it remembers %d mails that wait, %d recipients, %d servers", waiting, recipients, servers)
	}
	if waiting < 1000 || recipients < 1000 || servers != 10 {
		t.Errorf("it forgot: %d, %d, %d", waiting, recipients, servers)
	}
	m := mailTo("late@acme.example", 0)
	_, _ = p.Reserve(m, start.Add(2*time.Hour))
	if waiting, recipients, servers := ratelimit.Sizes(p); waiting+recipients+servers != 1 {
		t.Errorf("two hours later it remembers %d mails that wait, %d recipients, %d servers", waiting, recipients, servers)
	}
}

func TestManyAtOnce(t *testing.T) {
	p := ratelimit.New()
	var group sync.WaitGroup
	var mu sync.Mutex
	went := 0
	for i := range 64 {
		group.Go(func() {
			if _, hold := p.Reserve(mailTo("ada@acme.example", i), start); hold == nil {
				mu.Lock()
				went++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if went != delivery.MailsPerRecipient {
		t.Errorf("%d mails went out at once", went)
	}
}
