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

// goes reserves for a mail, which must not be held.
func goes(t *testing.T, l *ratelimit.Limiter, m ratelimit.Mail, now time.Time) (cancel func()) {
	t.Helper()
	cancel, hold := l.Reserve(m, now)
	if hold != nil {
		t.Fatalf("held until %s: %s", hold.Until, hold.Reason)
	}
	return cancel
}

// waits reserves for a mail, which must be held.
func waits(t *testing.T, l *ratelimit.Limiter, m ratelimit.Mail, now time.Time) delivery.Hold {
	t.Helper()
	_, hold := l.Reserve(m, now)
	if hold == nil {
		t.Fatal("not held")
	}
	if hold.Until.Truncate(time.Second) != hold.Until || !hold.Until.After(now) {
		t.Errorf("held until %s", hold.Until)
	}
	if held := l.Held(m.ID, m.Recipient, now); held == nil || *held != *hold {
		t.Errorf("held until %s, but Held returns %v", hold.Until, held)
	}
	if held := l.Held(m.ID, m.Recipient, hold.Until); held != nil {
		t.Errorf("still held when the hold is over")
	}
	return *hold
}

// A recipient gets no more than five mails an hour, through whatever server and for whatever member.
func TestRecipientLimit(t *testing.T) {
	l := ratelimit.New()
	for i := range delivery.MailsPerRecipient {
		goes(t, l, mailTo("ada@acme.example", i), start.Add(time.Duration(i)*time.Minute))
	}
	for i := range 3 {
		m := mailTo("ada@acme.example", 100+i)
		m.Server = fmt.Sprint("server ", i)
		hold := waits(t, l, m, start.Add(10*time.Minute))
		if hold.Reason != usherv1.ReasonRecipientLimited || !hold.Until.Equal(start.Add(time.Hour)) {
			t.Errorf("held until %s: %s", hold.Until, hold.Reason)
		}
	}
	goes(t, l, mailTo("bob@acme.example", 0), start.Add(10*time.Minute))
	if held := l.Held("ada@acme.example100", "countess@acme.example", start.Add(10*time.Minute)); held != nil {
		t.Error("another address of the same member is held, too")
	}

	goes(t, l, mailTo("ada@acme.example", 100), start.Add(time.Hour))
	if hold := waits(t, l, mailTo("ada@acme.example", 101), start.Add(time.Hour)); !hold.Until.Equal(start.Add(time.Hour + time.Minute)) {
		t.Errorf("the next mail is held until %s", hold.Until)
	}
}

// A canceled mail does not count.
func TestCancel(t *testing.T) {
	l := ratelimit.New()
	for i := range 3 * delivery.MailsPerRecipient {
		goes(t, l, mailTo("ada@acme.example", i), start)()
	}
	for i := range delivery.MailsPerRecipient {
		goes(t, l, mailTo("ada@acme.example", i), start)
	}
	waits(t, l, mailTo("ada@acme.example", 99), start)
}

// The mails that an earlier manager sent count, and only once.
// A mail that did not go out, because its claim was refused for example, does not wait anew.
func TestCancelledMailKeepsItsReservation(t *testing.T) {
	l := ratelimit.New()
	m := func(i int) ratelimit.Mail {
		m := mailTo(fmt.Sprintf("m%d@acme.example", i), i)
		m.PerMinute = 4
		return m
	}
	goes(t, l, m(0), start)()
	goes(t, l, m(0), start.Add(time.Second))()
	waits(t, l, m(1), start.Add(time.Second)) // the reservation is not for another mail
	goes(t, l, m(0), start.Add(2*time.Second))
	waits(t, l, m(0), start.Add(2*time.Second)) // it was used
	goes(t, l, m(1), start.Add(15*time.Second))
}

func TestRecall(t *testing.T) {
	l := ratelimit.New()
	var sent []ratelimit.Sent
	for i := range delivery.MailsPerRecipient - 1 {
		sent = append(sent, ratelimit.Sent{Recipient: "ada@acme.example", At: start.Add(-time.Duration(i) * time.Minute)})
	}
	sent = append(sent, ratelimit.Sent{Recipient: "ada@acme.example", At: start.Add(-72 * time.Hour)})
	for range 2 {
		l.Recall(sent)
		if !l.Recalled() {
			t.Error("Recalled is false after Recall")
		}
	}
	goes(t, l, mailTo("ada@acme.example", 0), start)
	waits(t, l, mailTo("ada@acme.example", 1), start)
}

// A queue of mails goes out in order, one each interval, and each mail gets one reservation.
func TestServerLimit(t *testing.T) {
	const perMinute = 6
	l := ratelimit.New()
	m := func(i int) ratelimit.Mail {
		m := mailTo(fmt.Sprintf("m%d@acme.example", i), i)
		m.PerMinute = perMinute
		return m
	}
	goes(t, l, m(0), start)
	for i := 1; i <= 5; i++ {
		hold := waits(t, l, m(i), start)
		if want := start.Add(time.Duration(i) * 10 * time.Second); !hold.Until.Equal(want) || hold.Reason != usherv1.ReasonRateLimited {
			t.Errorf("mail %d is held until %s: %s, want %s", i, hold.Until, hold.Reason, want)
		}
	}
	other := m(9)
	other.Server = "acme/own"
	goes(t, l, other, start)
	other.Server, other.ID, other.PerMinute = "acme/unlimited", "unlimited", 0
	goes(t, l, other, start)

	goes(t, l, m(1), start.Add(10*time.Second))
	goes(t, l, m(2), start.Add(25*time.Second))
	// A mail that comes too late has lost its reservation, and gets the one after the last.
	if hold := waits(t, l, m(3), start.Add(41*time.Second)); !hold.Until.Equal(start.Add(time.Minute)) {
		t.Errorf("after its reservation is over, the next one is at %s", hold.Until)
	}
	goes(t, l, m(4), start.Add(45*time.Second))
	// Another limit starts anew.
	raised := m(6)
	raised.PerMinute = 600
	goes(t, l, raised, start.Add(41*time.Second))
}

// A queue that is far too long reserves no further ahead than reserveAhead, so mails that are gone by then delay no others.
func TestReservationsReachNoFurther(t *testing.T) {
	l := ratelimit.New()
	var latest time.Time
	for i := range 1000 {
		m := mailTo(fmt.Sprintf("m%d@acme.example", i), i)
		m.PerMinute = 60
		if _, hold := l.Reserve(m, start); hold != nil && hold.Until.After(latest) {
			latest = hold.Until
		}
	}
	if want := start.Add(10 * time.Minute); !latest.Equal(want) {
		t.Errorf("the last reservation is at %s, want %s", latest, want)
	}
	m := mailTo("late@acme.example", 0)
	m.PerMinute = 60
	if hold := waits(t, l, m, start.Add(10*time.Minute)); hold.Until.After(start.Add(10*time.Minute + 10*time.Second)) {
		t.Errorf("after the last reservation, a mail is held until %s", hold.Until)
	}
}

// In whatever order mails come, a server gets no more than its limit within any minute, and a recipient within any hour.
func TestLimitsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := ratelimit.New()
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
			cancel, hold := l.Reserve(m, now)
			if hold != nil {
				continue
			}
			gone = append(gone, now)
			if rapid.IntRange(0, 9).Draw(t, "fails") == 0 {
				cancel()
			} else {
				byRecipient[m.Recipient] = append(byRecipient[m.Recipient], now)
			}
		}
		// A reservation may be used up to ten seconds late, and the one after it on time.
		if most := within(gone, 50*time.Second); most > perMinute+1 {
			t.Fatalf("%d mails within 50 s; the limit is %d a minute", most, perMinute)
		}
		for recipient, times := range byRecipient {
			if most := within(times, delivery.RecipientWindow-time.Second); most > delivery.MailsPerRecipient {
				t.Fatalf("%d mails to %s within an hour", most, recipient)
			}
		}
	})
}

// within returns the largest number of times within any span.
func within(times []time.Time, span time.Duration) int {
	most := 0
	for i, first := range times {
		end, _ := slices.BinarySearchFunc(times, first.Add(span), time.Time.Compare)
		most = max(most, end-i)
	}
	return most
}

// The memory is bounded, whatever mails a script requests.
func TestMemoryIsBounded(t *testing.T) {
	l := ratelimit.New()
	for i := range 200_000 {
		m := mailTo(fmt.Sprintf("m%d@acme.example", i), i)
		m.PerMinute = 1
		m.Server = fmt.Sprint("s", i%10)
		_, _ = l.Reserve(m, start)
		m.Server, m.PerMinute = "unlimited", 0
		m.ID += "x"
		_, _ = l.Reserve(m, start)
	}
	waiting, recipients, servers := ratelimit.Sizes(l)
	if waiting > 50_000 || recipients > 1<<16 || servers > 10 {
		t.Errorf("%d waiting mails, %d recipients, %d servers: more than the bounds", waiting, recipients, servers)
	}
	if waiting < 1000 || recipients < 1000 || servers != 10 {
		t.Errorf("%d waiting mails, %d recipients, %d servers: fewer than expected", waiting, recipients, servers)
	}
	m := mailTo("late@acme.example", 0)
	_, _ = l.Reserve(m, start.Add(2*time.Hour))
	if waiting, recipients, servers := ratelimit.Sizes(l); waiting+recipients+servers != 1 {
		t.Errorf("two hours later: %d waiting mails, %d recipients, %d servers; want only the new mail", waiting, recipients, servers)
	}
}

// Concurrent mails to one recipient do not get past the limit.
func TestConcurrentMails(t *testing.T) {
	l := ratelimit.New()
	var group sync.WaitGroup
	var mu sync.Mutex
	sent := 0
	for i := range 64 {
		group.Go(func() {
			if _, hold := l.Reserve(mailTo("ada@acme.example", i), start); hold == nil {
				mu.Lock()
				sent++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if sent != delivery.MailsPerRecipient {
		t.Errorf("%d mails went out at once", sent)
	}
}

// A clock that was a year ahead for a while and is right again holds no mail until next year.
func TestAClockThatWasAheadHoldsNothing(t *testing.T) {
	l := ratelimit.New()
	ahead := start.AddDate(1, 0, 0)
	for i := range delivery.MailsPerRecipient {
		goes(t, l, mailTo("ada@acme.example", i), ahead)
	}
	last := mailTo("ada@acme.example", delivery.MailsPerRecipient)
	waits(t, l, last, ahead)
	if held := l.Held(last.ID, last.Recipient, start); held != nil {
		t.Errorf("held until %s", held.Until)
	}
	for i := range delivery.MailsPerRecipient {
		goes(t, l, mailTo("ada@acme.example", i), start)
	}
	waits(t, l, last, start)
}
