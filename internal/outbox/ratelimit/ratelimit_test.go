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
	if held, _ := l.Held(m, now); held == nil || *held != *hold {
		t.Errorf("held until %s, but Held returns %v", hold.Until, held)
	}
	if held, _ := l.Held(m, hold.Until); held != nil {
		t.Errorf("still held when the hold is over")
	}
	return *hold
}

// A recipient gets no more than five mails an hour from one namespace, through whatever server and for whatever member.
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
	readdressed := mailTo("ada@acme.example", 100)
	readdressed.Recipient = "countess@acme.example"
	if held, _ := l.Held(readdressed, start.Add(10*time.Minute)); held != nil {
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
		sent = append(sent, ratelimit.Sent{Mail: mailTo("ada@acme.example", i), At: start.Add(-time.Duration(i) * time.Minute)})
	}
	sent = append(sent, ratelimit.Sent{Mail: mailTo("ada@acme.example", 72), At: start.Add(-72 * time.Hour)})
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
			if rapid.IntRange(0, 9).Draw(t, "fails") == 0 {
				cancel() // it did not go out, and may go with the same reservation
			} else {
				gone = append(gone, now)
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
	if held, _ := l.Held(last, start); held != nil {
		t.Errorf("held until %s", held.Until)
	}
	for i := range delivery.MailsPerRecipient {
		goes(t, l, mailTo("ada@acme.example", i), start)
	}
	waits(t, l, last, start)
}

func holds(l *ratelimit.Limiter, m ratelimit.Mail, now time.Time) bool {
	held, _ := l.Held(m, now)
	return held != nil
}

// ofNamespace is a mail through the default server, which sends one mail a second.
func ofNamespace(namespace string, number int) ratelimit.Mail {
	m := mailTo(fmt.Sprint(namespace, number, "@acme.example"), number)
	m.Share, m.PerMinute = namespace, 60
	return m
}

// A namespace with thousands of mails delays a mail of another one by one interval, and many mails of another one get every other turn.
func TestNamespacesShareTheLimitOfAServer(t *testing.T) {
	l := ratelimit.New()
	goes(t, l, ofNamespace("hot", 0), start)
	for n := range 2000 {
		waits(t, l, ofNamespace("hot", n+1), start)
	}
	for n, seconds := range []int{1, 3, 5, 7} {
		hold := waits(t, l, ofNamespace("acme", n), start)
		if want := start.Add(time.Duration(seconds) * time.Second); !hold.Until.Equal(want) {
			t.Errorf("mail %d of acme waits until %s, want %s", n, hold.Until, want)
		}
	}
	if hold := waits(t, l, ofNamespace("bolt", 0), start); !hold.Until.Equal(start.Add(2 * time.Second)) {
		t.Errorf("the mail of bolt waits until %s", hold.Until)
	}
	moved, _ := l.Held(ofNamespace("hot", 1), start.Add(time.Second))
	if moved != nil {
		t.Errorf("there was no room, so the mail of hot has no reservation: %v", moved)
	}

	// Everyone comes when the hold is over, and asks again: no more than one mail a second goes.
	sent, last := map[string]int{}, time.Time{}
	for second := range 30 {
		now := start.Add(time.Duration(second+1) * time.Second)
		for _, namespace := range []string{"hot", "acme", "bolt"} {
			for n := range 40 {
				m := ofNamespace(namespace, n+1)
				if namespace != "hot" {
					m = ofNamespace(namespace, n)
				}
				if sent[m.ID] > 0 || holds(l, m, now) || namespace == "acme" && n > 3 || namespace == "bolt" && n > 0 {
					continue
				}
				if _, hold := l.Reserve(m, now); hold == nil {
					if now.Equal(last) {
						t.Fatalf("two mails at %s", now)
					}
					sent[m.ID], last = second+1, now
				}
			}
		}
	}
	for n, within := range []int{2, 4, 6, 8} {
		if at := sent[ofNamespace("acme", n).ID]; at == 0 || at > within {
			t.Errorf("mail %d of acme went at %d s", n, at)
		}
	}
}

// A mail that gives way is moved to the end, and keeps that reservation whenever it asks.
func TestAMailThatGivesWayIsMoved(t *testing.T) {
	l := ratelimit.New()
	goes(t, l, ofNamespace("hot", 0), start)
	for n := range 3 {
		waits(t, l, ofNamespace("hot", n+1), start)
	}
	if hold := waits(t, l, ofNamespace("acme", 0), start); !hold.Until.Equal(start.Add(time.Second)) {
		t.Fatalf("the mail of acme waits until %s", hold.Until)
	}
	gave, now, end := ofNamespace("hot", 1), start.Add(time.Second), start.Add(4*time.Second)
	if held, _ := l.Held(gave, now); held == nil || !held.Until.Equal(end) {
		t.Fatalf("the mail that gave way is held: %v", held)
	}
	if hold := waits(t, l, gave, now); !hold.Until.Equal(end) {
		t.Errorf("it waits until %s when it asks", hold.Until)
	}
	goes(t, l, ofNamespace("acme", 0), now)
	goes(t, l, ofNamespace("hot", 2), start.Add(2*time.Second))
	goes(t, l, ofNamespace("hot", 3), start.Add(3*time.Second))
	goes(t, l, gave, end)
}

// Without others, a namespace's mails go one after the other.
func TestANamespaceAloneHasTheWholeLimit(t *testing.T) {
	l := ratelimit.New()
	goes(t, l, ofNamespace("acme", 0), start)
	for n := range 600 {
		if hold := waits(t, l, ofNamespace("acme", n+1), start); !hold.Until.Equal(start.Add(time.Duration(n+1) * time.Second)) {
			t.Fatalf("mail %d waits until %s", n+1, hold.Until)
		}
	}
}

// A mail that waits for its reservation goes at once when the Secret has no limit any more.
func TestALimitThatWasTakenAwayHoldsNothing(t *testing.T) {
	l := ratelimit.New()
	goes(t, l, ofNamespace("acme", 0), start)
	waits(t, l, ofNamespace("acme", 1), start)
	waits(t, l, ofNamespace("acme", 2), start)
	unlimited := ofNamespace("acme", 2)
	unlimited.PerMinute = 0
	goes(t, l, unlimited, start)
}
