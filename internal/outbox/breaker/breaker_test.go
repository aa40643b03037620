// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/outbox/breaker"
)

var (
	start   = time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)
	unknown = breaker.Refusal{ID: "unknown", Class: usherv1.ErrorPermanent, Code: "550 5.1.1", NamesRecipient: true}
	unclear = breaker.Refusal{ID: "unclear", Class: usherv1.ErrorPermanent, Code: "550"}
	policy  = breaker.Refusal{ID: "policy", Class: usherv1.ErrorConfiguration, Code: "554 5.7.1"}
	other   = breaker.Refusal{ID: "other", Class: usherv1.ErrorPermanent, Code: "553"}
)

// server is a breaker, and what the objects record of each mail.
type server struct {
	breaker.Breaker
	now    time.Time
	before map[string]*usherv1.SendError
}

func newServer() *server { return &server{now: start, before: map[string]*usherv1.SendError{}} }

// refuse has a mail refused, and records that as the outbox does.
func (s *server) refuse(mail string, r breaker.Refusal) breaker.Judgement {
	j, _ := s.Refuse(r, breaker.Attempt{Mail: mail, Recipient: mail + "@acme.example", Before: s.before[mail]}, s.now)
	class := usherv1.ErrorPermanent
	if j == breaker.Hold {
		class = usherv1.ErrorConfiguration
	}
	s.before[mail] = &usherv1.SendError{Class: class, Code: r.Code, At: metav1.NewTime(s.now.Truncate(time.Second))}
	return j
}

func (s *server) accept() { s.Accept(s.now) }

func (s *server) pass(d time.Duration) { s.now = s.now.Add(d) }

// step is something that happens, a minute after the last.
type step struct {
	mail string // empty: a mail is accepted
	with breaker.Refusal
	want breaker.Judgement
	open bool
}

const (
	hold  = breaker.Hold
	again = breaker.Again
	final = breaker.Final
)

func TestWhoseRefusalItIs(t *testing.T) {
	accepted := step{}
	for name, steps := range map[string][]step{
		"an address that does not exist":           {{"ada", unknown, final, false}},
		"a second one may be the server":           {{"ada", unknown, final, false}, {"bob", unknown, again, false}, {"bob", unknown, final, false}},
		"three in a row are the server's":          {{"ada", unknown, final, false}, {"bob", unknown, again, false}, {"cyd", unknown, hold, true}, {"dan", unknown, hold, true}},
		"not with one accepted in between":         {{"ada", unknown, final, false}, {"bob", unknown, again, false}, accepted, {"cyd", unknown, final, false}},
		"not if the refusals differ":               {{"ada", unknown, final, false}, {"bob", other, again, false}, {"cyd", unclear, again, false}, {"dan", unknown, again, false}},
		"nor if it is one recipient":               {{"ada", unclear, again, false}, {"ada", unclear, final, false}, {"ada", unclear, final, false}, {"ada", unclear, final, false}},
		"a reply that names no one":                {{"ada", unclear, again, false}, {"ada", unclear, final, false}},
		"three of those":                           {{"ada", unclear, again, false}, {"bob", unclear, again, false}, {"cyd", unclear, hold, true}, {"ada", unclear, hold, true}},
		"one about us is the server's at once":     {{"ada", policy, hold, true}, {"bob", policy, hold, true}, {"ada", policy, hold, true}},
		"another refusal while it is open":         {{"ada", policy, hold, true}, {"bob", unknown, final, true}, {"cyd", unclear, again, true}, {"dan", policy, hold, true}},
		"three of another refusal while it's open": {{"ada", policy, hold, true}, {"bob", unclear, again, true}, {"cyd", unclear, again, true}, {"dan", unclear, hold, true}, {"eve", policy, hold, true}},
		"an accepted mail closes it":               {{"ada", policy, hold, true}, accepted, {"bob", unknown, final, false}},
		"a recipient's own policy, with others accepted": {
			{"ada", policy, hold, true}, accepted, {"ada", policy, again, false}, accepted, {"ada", policy, final, false},
		},
		"the same without others": {{"ada", policy, hold, true}, accepted, {"ada", policy, again, false}, {"ada", policy, final, false}},
		"wrong addresses at last, with one accepted": {
			{"ada", unknown, final, false}, {"bob", unknown, again, false}, {"cyd", unknown, hold, true}, {"dan", unknown, hold, true}, accepted,
			{"bob", unknown, final, false}, {"cyd", unknown, final, false}, {"dan", unknown, final, false}, {"ada", unknown, final, false},
		},
		"a server that refuses us again": {
			{"ada", policy, hold, true}, accepted, {"bob", policy, hold, true}, {"ada", policy, hold, true}, accepted, accepted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer()
			for i, step := range steps {
				s.pass(time.Minute)
				if step.mail == "" {
					s.accept()
				} else if got := s.refuse(step.mail, step.with); got != step.want {
					t.Errorf("step %d, %s: judged %d, want %d", i+1, step.mail, got, step.want)
				}
				if s.Open() != step.open {
					t.Errorf("step %d, %s: open is %t", i+1, step.mail, s.Open())
				}
			}
		})
	}
}

// Three wrong addresses in the course of a day are no server's refusal.
func TestRefusalsAreForgotten(t *testing.T) {
	s := newServer()
	for _, mail := range []string{"ada", "bob", "cyd", "dan"} {
		s.pass(2 * time.Hour)
		if got := s.refuse(mail, unknown); got != final {
			t.Errorf("%s is judged %d", mail, got)
		}
	}
}

// A server that makes up a text for each recipient costs little memory.
func TestStreaksAreBounded(t *testing.T) {
	s := newServer()
	for n := range 10_000 {
		s.refuse(fmt.Sprint("m", n), breaker.Refusal{ID: fmt.Sprint(n), Class: usherv1.ErrorPermanent, Code: "550"})
	}
	if s.Open() || s.Streaks() > 16 {
		t.Errorf("open: %t, %d streaks", s.Open(), s.Streaks())
	}
}

// The refusals of a streak are in doubt once it has opened the breaker, those that a manager recorded which has ended since included. Those
// before an accepted mail are not, nor those of another kind.
func TestDoubts(t *testing.T) {
	refused := func(class usherv1.ErrorClass, code string, ago time.Duration) *usherv1.SendError {
		return &usherv1.SendError{Class: class, Code: code, At: metav1.NewTime(start.Add(-ago))}
	}
	open := func(accepted time.Duration) *server {
		s := newServer()
		if accepted > 0 {
			s.Accept(start.Add(-accepted))
		}
		for _, mail := range []string{"ada", "bob"} {
			s.refuse(mail, unknown)
			if s.Doubts(s.before[mail]) {
				t.Errorf("%s is in doubt before the breaker opens", mail)
			}
		}
		s.refuse("cyd", unknown)
		return s
	}
	s := open(0)
	for name, test := range map[string]struct {
		failure *usherv1.SendError
		want    bool
	}{
		"the first of the streak":    {s.before["ada"], true},
		"one before the restart":     {refused(usherv1.ErrorPermanent, "550 5.1.1", 10*time.Minute), true},
		"one of yesterday":           {refused(usherv1.ErrorPermanent, "550 5.1.1", 24*time.Hour), false},
		"another code":               {refused(usherv1.ErrorPermanent, "550 5.1.2", time.Second), false},
		"a temporary failure":        {refused(usherv1.ErrorTemporary, "550 5.1.1", time.Second), false},
		"an invitation without one":  {nil, false},
		"one that waits as it is":    {refused(usherv1.ErrorConfiguration, "550 5.1.1", time.Second), false},
		"the second, which is asked": {s.before["bob"], true},
	} {
		if got := s.Doubts(test.failure); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if open(5 * time.Minute).Doubts(refused(usherv1.ErrorPermanent, "550 5.1.1", 10*time.Minute)) {
		t.Error("a refusal before the last accepted mail is in doubt")
	}
	s.accept()
	if s.Doubts(s.before["ada"]) {
		t.Error("a refusal is in doubt although the breaker is closed")
	}
	s = newServer()
	s.refuse("ada", policy)
	if s.Doubts(refused(usherv1.ErrorPermanent, policy.Code, 0)) {
		t.Error("a refusal that is about us has ended invitations, too, which were judged by others")
	}
}

// One mail at a time, at growing intervals, and each in its turn.
func TestTurns(t *testing.T) {
	s := newServer()
	if s.Await("ada", s.now) {
		t.Error("a mail waits at a closed breaker")
	}
	s.refuse("ada", policy)
	var order []string
	var pauses []time.Duration
	last := s.now
	for range 12 {
		for _, mail := range []string{"ada", "bob", "cyd"} {
			s.Await(mail, s.now)
		}
		_, at := s.NextTurn(s.now)
		if mail, _ := s.NextTurn(at.Add(-time.Millisecond)); mail != "" {
			t.Fatalf("%s has its turn too early", mail)
		}
		s.now = at
		mail, until := s.NextTurn(s.now)
		if mail == "" || !s.HasTurn(mail, s.now) || until.Sub(s.now) != 30*time.Second {
			t.Fatalf("the turn is %q's, until %s", mail, until)
		}
		if another, _ := s.NextTurn(s.now.Add(time.Second)); another != "" {
			t.Fatalf("%s has its turn, and %s too", mail, another)
		}
		pauses, last = append(pauses, s.now.Sub(last)), s.now
		order = append(order, mail)
		s.Begin(mail, s.now)
		s.pass(0)
		s.refuse(mail, policy)
		if s.HasTurn(mail, s.now) {
			t.Fatalf("%s still has its turn", mail)
		}
	}
	for i, mail := range order {
		if i >= 3 && order[i-3] != mail || i > 0 && order[i-1] == mail {
			t.Errorf("the turns are %q", order)
			break
		}
	}
	want := []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}
	if !slices.Equal(pauses[:5], want) {
		t.Errorf("the pauses are %v, want %v", pauses[:5], want)
	}
}

// A turn that is not used passes to the next; one that is used lasts as long as the attempt.
func TestTurnsEnd(t *testing.T) {
	s := newServer()
	s.refuse("ada", policy)
	s.Await("bob", s.now)
	s.Await("cyd", s.now)
	s.pass(10 * time.Second)
	if mail, _ := s.NextTurn(s.now); mail != "bob" {
		t.Fatalf("%q has the first turn", mail)
	}
	s.pass(30 * time.Second)
	if s.HasTurn("bob", s.now) {
		t.Error("the turn lasts for ever")
	}
	if mail, _ := s.NextTurn(s.now); mail != "cyd" {
		t.Errorf("%q has the second turn", mail)
	}
	s.Begin("cyd", s.now)
	s.Await("dan", s.now)
	s.pass(11 * time.Minute)
	if !s.HasTurn("cyd", s.now) {
		t.Error("the turn ends before the attempt")
	}
	if mail, at := s.NextTurn(s.now); mail != "" || at.IsZero() {
		t.Errorf("%q has the third turn", mail)
	}
	s.pass(time.Minute)
	if mail, _ := s.NextTurn(s.now); mail != "dan" {
		t.Errorf("%q has the third turn", mail)
	}
	s.pass(30 * time.Second)
	if !s.Await("dan", s.now) {
		t.Error("a mail that has missed its turn does not wait for another one")
	}
	if mail, _ := s.NextTurn(s.now); mail != "dan" {
		t.Errorf("%q has the fourth turn", mail)
	}
	s.Conclude("dan", s.now)
	if mail, at := s.NextTurn(s.now); mail != "" || !at.IsZero() {
		t.Errorf("%q has a turn, and no one waits; again at %s", mail, at)
	}
	s.now = start.Add(-24 * time.Hour) // the clock is set back
	s.Await("eve", s.now)
	if mail, at := s.NextTurn(s.now); mail != "" || at.Sub(s.now) > time.Minute {
		t.Errorf("with the clock set back, %q has its turn; the next is at %s", mail, at)
	}
}

// Whatever happens: a server that refuses everyone in one way ends at most one invitation before the breaker opens, and none while it is open;
// the breaker is closed after an accepted mail.
func TestBreakerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newServer()
		refusal := rapid.SampledFrom([]breaker.Refusal{unknown, unclear, policy}).Draw(t, "refusal")
		ended := map[string]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"refuse": func(t *rapid.T) {
				mail := rapid.StringMatching("[a-f]").Draw(t, "mail")
				if ended[mail] && !s.Doubts(s.before[mail]) {
					return
				}
				wasOpen := s.Open()
				if s.refuse(mail, refusal) == final {
					if wasOpen {
						t.Fatalf("%s ended while the breaker is open", mail)
					}
					ended[mail] = true
				} else {
					delete(ended, mail)
				}
			},
			"pass": func(t *rapid.T) {
				s.pass(time.Duration(rapid.IntRange(1, 50).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) {
				if len(ended) > 2 {
					t.Fatalf("%d invitations ended", len(ended))
				}
				if s.Open() {
					for mail := range ended {
						if !s.Doubts(s.before[mail]) {
							t.Fatalf("%s is not asked again", mail)
						}
					}
				}
			},
		})
		s.accept()
		if s.Open() {
			t.Fatal("open after an accepted mail")
		}
	})
}
