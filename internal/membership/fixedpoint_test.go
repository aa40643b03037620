// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reason"
	"github.com/usher-dev/usher/internal/seat"
)

// maxRounds is the number of rounds after which no controller may have anything left to write. The clock does not advance meanwhile.
const maxRounds = 7

// round runs every controller once, in the situation's order.
func (s *situation) round() (changed bool) {
	s.writes = nil
	for _, actor := range s.order {
		switch {
		case actor == 0:
			s.summarize()
		case actor <= 3 && actor-1 < len(s.pools):
			s.allocate(s.pools[actor-1])
		case actor >= 4 && actor <= 5 && actor-4 < len(s.members):
			s.reconcile(s.members[actor-4])
		case actor >= 6 && actor <= 7 && actor-6 < len(s.members):
			s.send(s.members[actor-6])
		}
	}
	s.pools = slices.DeleteFunc(s.pools, func(p *usherv1.SeatPool) bool { return p.DeletionTimestamp != nil && len(p.Status.Claims) == 0 })
	s.members = slices.DeleteFunc(s.members, func(m *usherv1.Member) bool { return m.Finalizers == nil })
	return len(s.writes) > 0
}

func (s *situation) wrote(format string, args ...any) {
	s.writes = append(s.writes, fmt.Sprintf(format, args...))
}

// summarize is a pass of the Account controller.
func (s *situation) summarize() {
	if s.account == nil {
		return
	}
	if next, _ := Summarize(s.accountObservation(), now); !equality.Semantic.DeepEqual(s.account.Status, next) {
		s.account.Status = next
		s.wrote("account %s", next.State)
	}
}

func (s *situation) accountObservation() AccountObservation {
	o := AccountObservation{Account: s.account, Plan: s.plan, Mail: s.mail, Access: &AccessVerdict{}, Pools: s.allPools()}
	for _, m := range s.members {
		o.Members = append(o.Members, *m)
	}
	return o
}

// allocate is a pass of the SeatPool controller.
func (s *situation) allocate(p *usherv1.SeatPool) {
	terms := plan.For(s.account, s.plan)
	pools := s.allPools()
	var candidates []seat.Candidate
	for _, m := range s.members {
		candidates = append(candidates, seat.CandidateOf(m, p, s.account, terms, pools, s.poolClock))
	}
	gone := map[string]bool{}
	for _, uid := range seat.Strangers(p.Status.Claims, candidates) {
		gone[uid] = true
	}
	seats := s.seatsOf(p)
	next, _ := seat.StatusOf(p, seat.Allocate(seat.LedgerOf(p), seats.Capacity(), candidates, gone), seats, s.poolClock)
	if !equality.Semantic.DeepEqual(p.Status, next) {
		p.Status = next
		s.wrote("pool %s: %v", p.Name, next.Claims)
	}
}

// reconcile is a pass of the Member controller.
func (s *situation) reconcile(m *usherv1.Member) {
	o := s.observe(m)
	d := s.decide(o, now)
	if d.DropCredentials || d.MakeCredentials || d.MoveCredentials || d.RotateToken || d.TakeOverCredentials || d.SignAgain {
		s.settleCredentials(m, d)
		s.wrote("credentials of %s", m.Name)
		d = s.decide(s.observe(m), now)
	}
	if d.MarkEmail {
		m.Annotations = map[string]string{usherv1.EmailInUseAnnotation: d.Status.Email}
		if m.Spec.Email.SameAs(usherv1.EmailAddress(d.Status.Email)) {
			m.Annotations = nil
		}
		s.wrote("metadata of %s", m.Name)
	}
	if d.DeferStatus {
		return
	}
	if !equality.Semantic.DeepEqual(m.Status, d.Status) {
		m.Status = d.Status
		s.wrote("member %s: %s %s %v", m.Name, d.Status.State, conditions.Reason(d.Status.Conditions, ready), d.Status.Seats)
	}
	if d.Forget {
		m.Finalizers = nil
		delete(s.invitations, m.Name)
		s.wrote("member %s is gone", m.Name)
	}
	if d.Invite {
		s.invitations[m.Name] = &usherv1.Invitation{Spec: usherv1.InvitationSpec{
			MemberRef: usherv1.MemberReference{Name: m.Name}, SendGeneration: 1, State: usherv1.InvitationOpen,
		}}
		s.invitations[m.Name].Name, s.invitations[m.Name].UID = m.Name, types.UID("uid-invitation-"+m.Name)
		s.wrote("invitation of %s", m.Name)
	}
}

func (s *situation) settleCredentials(m *usherv1.Member, d Decision) {
	c := s.credentials[m.Name]
	switch {
	case d.DropCredentials:
		delete(s.credentials, m.Name)
		return
	case d.MakeCredentials:
		c = &Credentials{MemberUID: string(m.UID), Email: string(m.Spec.Email), AcceptedAt: *later(0), Signature: creds.Signed}
	}
	changed := *c
	if d.MoveCredentials {
		changed.Email = string(m.Spec.Email)
	}
	if d.TakeOverCredentials {
		changed.Email, changed.MemberUID = string(m.Spec.Email), string(m.UID)
	}
	if d.TakeOverCredentials || d.SignAgain {
		changed.Signature = creds.Signed
	}
	if d.RotateToken {
		changed.TokenRotatedFor = m.Status.DisabledAt.Time
	}
	s.credentials[m.Name] = &changed
}

// send is a pass of the Invitation controller.
func (s *situation) send(m *usherv1.Member) {
	inv := s.invitations[m.Name]
	if inv == nil {
		return
	}
	o := s.invitationObservation(m)
	p := invite.Decide(o, now)
	if p.Send {
		o.Invitation.Status = p.Status
		if p.Status.MessageID == "" {
			o.Invitation.Status.MessageID = "1@acme.example"
		}
		p.Status = invite.Outcome(o, p.Remind, s.server, now)
		s.wrote("a mail to %s", p.Status.Recipient)
	}
	if !equality.Semantic.DeepEqual(inv.Status, p.Status) {
		inv.Status = p.Status
		s.wrote("invitation of %s: %s", m.Name, p.Status.State)
	}
}

func (s *situation) invitationObservation(m *usherv1.Member) invite.Observation {
	return invite.Observation{
		Invitation: s.invitations[m.Name].DeepCopy(), Member: m.DeepCopy(), Account: s.account.DeepCopy(),
		Answered: m.Status.AcceptedAt == nil && s.credentials[m.Name] != nil,
	}
}

// rest runs rounds until no controller writes, and returns their number, or an error with what was written in the last rounds.
func (s *situation) rest() (rounds int, err error) {
	var history []string
	for rounds := range maxRounds {
		if !s.round() {
			return rounds, s.consistent()
		}
		history = append(history, strings.Join(s.writes, "; "))
	}
	return maxRounds, fmt.Errorf("after %d rounds the controllers still write:\n%s", maxRounds, strings.Join(history[maxRounds-3:], "\n"))
}

// consistent returns an error if a Member and a pool disagree about a seat, or if the table of reasons does not allow a status.
func (s *situation) consistent() error {
	for _, m := range s.members {
		row := reason.OfMember(m)
		if m.Status.State != row.State && m.Status.State != "" {
			return fmt.Errorf("%s is %s with the reason %q, which has state %q", m.Name, m.Status.State, row.Reason, row.State)
		}
		for _, p := range s.pools {
			claimed := p.Status.Claims[string(m.UID)] > 0
			held := slices.Contains(seatsHeld(m.Status), p.Name)
			if row.Custody == reason.Released && (claimed || held) {
				return fmt.Errorf("%s is %s and has a seat of %s", m.Name, row.Reason, p.Name)
			}
			if row.Custody == reason.Taken && claimed != held {
				return fmt.Errorf("%s is %s; claimed in %s: %v, held: %v", m.Name, row.Reason, p.Name, claimed, held)
			}
		}
	}
	return nil
}

// From every situation, the controllers reach a state in which none of them writes: none undoes what another does.
func TestControllersComeToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if _, err := anySituation(t).rest(); err != nil {
			t.Fatal(err)
		}
	})
	situations, most := rapid.Custom(anySituation), 0
	for seed := range 3000 {
		rounds, err := situations.Example(seed).rest()
		if err != nil {
			t.Fatalf("situation %d: %v", seed, err)
		}
		most = max(most, rounds)
	}
	t.Logf("at most %d rounds", most)
}

// renaming returns a broken Decide: instead of the reason why, it writes one that is not in the table.
func renaming(why string) func(Observation, time.Time) Decision {
	return func(o Observation, now time.Time) Decision {
		d := Decide(o, now)
		for i := range d.Status.Conditions {
			if d.Status.Conditions[i].Reason == why {
				d.Status.Conditions[i].Reason = "UnknownReason"
			}
		}
		return d
	}
}

// If a reason that gives the seat back is not in the table, the pool and the member undo each other's writes, and the property fails.
func TestControllersComeToRestNoticesAnUnknownReason(t *testing.T) {
	for _, row := range reason.Members() {
		if !row.RefusesSeat() {
			continue
		}
		t.Run(row.Reason, func(t *testing.T) {
			situations := rapid.Custom(anySituation)
			for seed := range 20000 {
				s := situations.Example(seed)
				s.decide = renaming(row.Reason)
				if _, err := s.rest(); err != nil && strings.Contains(err.Error(), "controllers still write") {
					t.Logf("situation %d: %v", seed, err)
					return
				}
			}
			t.Fatal("not noticed: decide.go has no case for the reason, no situation leads to it, or none makes pool and member disagree; " +
				"add a case to decide.go, or a situation to anySituation in situation_test.go")
		})
	}
}

// Each decision has a state, an outlook and a custody that the row of its reason allows, and every reason is decided.
func TestVerdictsAreWithinTheirRows(t *testing.T) {
	decided := map[string]bool{}
	check := func(o Observation) error {
		d, v := decide(o, now)
		row := reason.MemberRow(v.Reason)
		if row.Reason == "" || !row.Allows(v.Outlook, v.Custody) {
			return fmt.Errorf("%s with outlook %v and custody %v is not in the table", v.Reason, v.Outlook, v.Custody)
		}
		if d.Status.State != row.State {
			return fmt.Errorf("%s in state %s; the table says %s", v.Reason, d.Status.State, row.State)
		}
		decided[v.Reason] = true
		return nil
	}
	situations := rapid.Custom(anySituation)
	for seed := range 3000 {
		s := situations.Example(seed)
		for _, m := range s.members {
			if err := check(s.observe(m)); err != nil {
				t.Fatal(err)
			}
		}
		if err := check(anyObservation.Example(seed)); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range reason.Members() {
		if !decided[row.Reason] && row.Reason != usherv1.ReasonDeletionBlocked && row.Reason != usherv1.ReasonRightNotInPlan {
			t.Errorf("no situation leads to %s, or decide.go has no case for it; add the case, or have anySituation in situation_test.go draw a situation that leads to it", row.Reason)
		}
	}
}
