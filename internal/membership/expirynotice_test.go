// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
)

// endsIn sets the end of the Member's access to d from now.
func endsIn(d time.Duration) edit {
	return func(o *Observation) { o.Member.Spec.AccessUntil = later(d) }
}

func TestAccessUntil(t *testing.T) {
	for in, want := range map[time.Duration]usherv1.ObservedState{
		time.Nanosecond: usherv1.ObservedActive, time.Hour: usherv1.ObservedActive, 0: usherv1.ObservedDisabled, -time.Hour: usherv1.ObservedDisabled,
	} {
		g := NewWithT(t)
		d := Decide(observed(active, endsIn(in)), now)
		g.Expect(d.Status.State).To(Equal(want), "%s before the end", in)
		if in > 0 {
			g.Expect(d.Wake).To(Equal(now.Add(in)), "a timer is set for the end")
		} else {
			g.Expect(d.Status.Seats[0].Held()).To(BeFalse(), "the seat is given back in the same write")
			g.Expect(d.Withdraws).To(BeFalse(), "the cause is in its own spec")
		}
	}
}

func TestWakeIsTheEarliestTime(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Decide(observed(endsIn(time.Hour)), now).Wake).To(Equal(now.Add(seatPause)))
	g.Expect(Decide(observed(endsIn(time.Second)), now).Wake).To(Equal(now.Add(time.Second)))
}

func TestLaterAccessUntilRestoresAccess(t *testing.T) {
	g := NewWithT(t)
	ended := Decide(observed(active, endsIn(-time.Hour)), now)
	back := settled(observed(active, claims("base", 8)), ended.Status)
	back.Member.Generation++
	for _, until := range []*metav1.Time{nil, later(time.Hour)} {
		back.Member.Spec.AccessUntil = until
		d := Decide(back, now)
		g.Expect(d.Status.State).To(Equal(usherv1.ObservedActive))
		g.Expect(d.Invite).To(BeFalse(), "it has accepted already")
	}
}

// If one operator has recorded the end of access, an operator whose clock is slow or was set back does not restore it.
func TestSlowClockDoesNotRestoreAccess(t *testing.T) {
	g := NewWithT(t)
	o := observed(active, endsIn(time.Minute))
	ended := Decide(o, now.Add(time.Minute))
	again := settled(with(o, claims("base", 9)), ended.Status)
	expectState(g, Decide(again, now).Status, "Disabled", "AccessEnded", ready)
	again.Member.Generation++
	g.Expect(Decide(again, now).Status.State).To(Equal(usherv1.ObservedActive), "a changed spec is decided anew")
}

func TestNoInvitationOrCredentialsAfterTheEndOfAccess(t *testing.T) {
	g := NewWithT(t)
	d := Decide(observed(endsIn(-time.Hour), claims("base", 3)), now)
	g.Expect(d.Invite || d.MakeCredentials).To(BeFalse())
	expectState(g, d.Status, "Disabled", "AccessEnded", ready)
	d = Decide(observed(endsIn(-time.Hour), immediate), now)
	g.Expect(d.MakeCredentials).To(BeFalse())
}

// announced returns the observation of an Active Member whose access ends in d.
func announced(d time.Duration, edits ...edit) ExpiryNoticeObservation {
	o := observed(append([]edit{active, endsIn(d), func(o *Observation) {
		o.Account.Spec.Contact = &usherv1.AccountContact{Email: "it@acme.example"}
	}}, edits...)...)
	notice := ExpiryNoticeObservation{Member: o.Member, Account: o.Account}
	if o.Account != nil && o.Account.Spec.Contact != nil {
		notice.Contact = *o.Account.Spec.Contact
	}
	return notice
}

const day = 24 * time.Hour

func TestDecideExpiryNotices(t *testing.T) {
	notice := func(edits ...func(*usherv1.EndNotice)) edit {
		return func(o *Observation) {
			n := usherv1.EndNotice{To: usherv1.NoticeToMember, AccessUntil: *o.Member.Spec.AccessUntil, State: usherv1.EndNoticeSent, Attempts: 1, MessageID: "id"}
			for _, e := range edits {
				e(&n)
			}
			o.Member.Status.EndNotices = append(o.Member.Status.EndNotices, n)
		}
	}
	toContact := func(n *usherv1.EndNotice) { n.To = usherv1.NoticeToContact }
	in := func(state usherv1.EndNoticeState, next time.Duration) func(*usherv1.EndNotice) {
		return func(n *usherv1.EndNotice) { n.State, n.NextAttemptAt = state, later(next) }
	}
	ofAnotherEnd := func(n *usherv1.EndNotice) { n.AccessUntil = *later(90 * day) }
	sameAddress := func(o *Observation) { o.Account.Spec.Contact.Email = "ADA@acme.example" }
	for _, tt := range []struct {
		name  string
		in    time.Duration
		edits []edit
		send  usherv1.EndNoticeRecipient
		wake  time.Duration
	}{
		{name: "eight days before", in: 8 * day, wake: day},
		{name: "a week before", in: 7 * day, send: "Member", wake: 7 * day},
		{name: "a day before, and the member has just become Active", in: day, send: "Member", wake: day},
		{name: "at the end", in: 0},
		{name: "after the end", in: -day},
		{name: "no end", in: day, edits: []edit{func(o *Observation) { o.Member.Spec.AccessUntil = nil }}},
		{name: "being deleted", in: day, edits: []edit{deleting}},
		{name: "not Active", in: day, edits: []edit{was(usherv1.ObservedPending)}},
		{
			name: "a pending notice to a member that is no longer Active", in: day,
			edits: []edit{was(usherv1.ObservedDisabled), notice(in(usherv1.EndNoticePending, time.Hour))}, wake: day,
		},
		{name: "the account is disabled", in: day, edits: []edit{accountDisabled}},
		{name: "no account", in: day, edits: []edit{noAccount}},
		{name: "no usable mail server", in: day, edits: []edit{mailDown}},
		{name: "the member has its notice", in: day, edits: []edit{notice()}, send: "Contact", wake: day},
		{name: "both have their notice", in: day, edits: []edit{notice(), notice(toContact)}, wake: day},
		{
			name: "the member's notice was refused permanently", in: day, edits: []edit{notice(in(usherv1.EndNoticeFailed, 0))}, send: "Contact",
			wake: day,
		},
		{name: "the contact has the member's address", in: day, edits: []edit{sameAddress, notice()}, wake: day},
		{name: "no contact", in: day, edits: []edit{notice(), func(o *Observation) { o.Account.Spec.Contact = nil }}, wake: day},
		{
			name: "an operator is sending it", in: day, edits: []edit{notice(in(usherv1.EndNoticeSending, time.Minute)), notice(toContact)},
			wake: time.Minute,
		},
		{name: "the lease of its sender is over", in: day, edits: []edit{notice(in(usherv1.EndNoticeSending, 0))}, send: "Member", wake: day},
		{
			name: "the next attempt is later", in: day, edits: []edit{notice(in(usherv1.EndNoticePending, time.Hour)), notice(toContact)},
			wake: time.Hour,
		},
		{name: "the next attempt is due", in: day, edits: []edit{notice(in(usherv1.EndNoticePending, -time.Second))}, send: "Member", wake: day},
		{
			name: "the next attempt was due five days ago, and the mail server is ready again", in: day,
			edits: []edit{notice(in(usherv1.EndNoticePending, -5*day))}, send: "Member", wake: day,
		},
		{
			name: "the next attempt was due five days ago, and the mail server is not ready", in: day,
			edits: []edit{notice(in(usherv1.EndNoticePending, -5*day)), mailDown}, wake: day,
		},
		{name: "the notice was about another end", in: day, edits: []edit{notice(ofAnotherEnd)}, send: "Member", wake: day},
		{
			name: "a notice about another end is being sent", in: day,
			edits: []edit{notice(ofAnotherEnd, in(usherv1.EndNoticeSending, time.Minute)), notice(toContact)}, wake: time.Minute,
		},
		{
			name: "a notice about another end is pending", in: day, edits: []edit{notice(ofAnotherEnd, in(usherv1.EndNoticePending, time.Hour))},
			send: "Member", wake: day,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := announced(tt.in, tt.edits...)
			before := o.Member.DeepCopy()
			p := DecideExpiryNotices(o, now)
			g.Expect(o.Member).To(Equal(before), "the observation is unchanged")
			g.Expect(p.Send).To(Equal(tt.send))
			if tt.wake == 0 {
				g.Expect(p.Wake).To(BeZero())
			} else {
				g.Expect(p.Wake).To(Equal(now.Add(tt.wake)))
			}
			if tt.send == "" {
				g.Expect(p.Notices).To(Equal(o.Member.Status.EndNotices), "the notices are unchanged")
				return
			}
			for _, n := range p.Notices {
				if n.To == tt.send {
					g.Expect(n.State).To(Equal(usherv1.EndNoticeSending))
					g.Expect(n.AccessUntil).To(Equal(*o.Member.Spec.AccessUntil))
					g.Expect(n.NextAttemptAt.Time).To(Equal(now.Add(delivery.SendLease)))
				}
			}
		})
	}
}

func TestUnsentNoticesFailAtTheEndOfAccess(t *testing.T) {
	for _, tt := range []struct {
		state usherv1.EndNoticeState
		next  time.Duration
		want  usherv1.EndNoticeState
	}{
		{usherv1.EndNoticePending, time.Hour, usherv1.EndNoticeFailed},
		{usherv1.EndNoticeSending, time.Minute, usherv1.EndNoticeSending},
		{usherv1.EndNoticeSending, -time.Minute, usherv1.EndNoticeFailed},
		{usherv1.EndNoticeSent, 0, usherv1.EndNoticeSent},
	} {
		o := announced(-time.Second)
		o.Member.Status.EndNotices = []usherv1.EndNotice{{To: usherv1.NoticeToMember, AccessUntil: *o.Member.Spec.AccessUntil, State: tt.state, NextAttemptAt: later(tt.next)}}
		if p := DecideExpiryNotices(o, now); p.Notices[0].State != tt.want || p.Send != "" {
			t.Errorf("%s, next %s: %s, send %q", tt.state, tt.next, p.Notices[0].State, p.Send)
		}
	}
}

func TestConcludeNotice(t *testing.T) {
	conclude := func(failure *delivery.Failure) usherv1.EndNotice {
		o := announced(day)
		o.Member.Status.EndNotices = DecideExpiryNotices(o, now).Notices
		ConcludeNotice(o.Member, usherv1.NoticeToMember, failure, now)
		return *NoticeTo(o.Member, usherv1.NoticeToMember)
	}
	g := NewWithT(t)
	sent := conclude(nil)
	g.Expect(sent.State).To(Equal(usherv1.EndNoticeSent))
	g.Expect(sent.SentAt.Time).To(Equal(now))
	g.Expect(sent.NextAttemptAt).To(BeNil())
	refused := conclude(&delivery.Failure{Class: usherv1.ErrorPermanent, Code: "550"})
	g.Expect(refused.State).To(Equal(usherv1.EndNoticeFailed))
	g.Expect(refused.NextAttemptAt).To(BeNil())
	for _, class := range []usherv1.ErrorClass{usherv1.ErrorTemporary, usherv1.ErrorConfiguration} {
		again := conclude(&delivery.Failure{Class: class, Code: "451"})
		g.Expect(again.State).To(Equal(usherv1.EndNoticePending))
		g.Expect(again.NextAttemptAt.After(now)).To(BeTrue())
		g.Expect(again.LastError.Code).To(Equal("451"))
	}
}

// An attempt may continue while its notice is the one that was claimed: it has the same date, and no later attempt.
func TestNoticeAttempt(t *testing.T) {
	g := NewWithT(t)
	o := announced(day)
	claim := o.Member.DeepCopy()
	claim.Status.EndNotices = DecideExpiryNotices(o, now).Notices
	claimed := NoticeAttempt(claim, usherv1.NoticeToMember)
	g.Expect(claimed.Open).To(BeTrue())
	g.Expect(claimed.LeaseEnd).To(Equal(now.Add(delivery.SendLease)))
	for name, tt := range map[string]struct {
		edit func(*usherv1.EndNotice)
		want bool
	}{
		"a longer lease":  {func(n *usherv1.EndNotice) { n.NextAttemptAt = later(time.Hour) }, true},
		"another date":    {func(n *usherv1.EndNotice) { n.AccessUntil = *later(2 * day) }, false},
		"another attempt": {func(n *usherv1.EndNotice) { n.Attempts++ }, false},
		"failed":          {func(n *usherv1.EndNotice) { n.State = usherv1.EndNoticeFailed }, false},
		"pending again":   {func(n *usherv1.EndNotice) { n.State = usherv1.EndNoticePending }, false},
	} {
		is := claim.DeepCopy()
		tt.edit(NoticeTo(is, usherv1.NoticeToMember))
		g.Expect(NoticeAttempt(is, usherv1.NoticeToMember).Continues(claimed)).To(Equal(tt.want), name)
	}
	g.Expect(NoticeAttempt(o.Member, usherv1.NoticeToMember).Continues(claimed)).To(BeFalse(), "the status was lost")
}

// A notice that is due while the mail server takes one mail at a time asks for a turn, and is sent when it has it.
func TestANoticeAwaitsItsTurn(t *testing.T) {
	g := NewWithT(t)
	o := announced(day, mailDown)
	p := DecideExpiryNotices(o, now)
	g.Expect(p.AwaitsTurn).To(Equal(usherv1.NoticeToMember))
	g.Expect(p.Send).To(BeEmpty())
	g.Expect(p.NeedsLiveReads()).To(BeFalse())
	o.Turn = []usherv1.EndNoticeRecipient{usherv1.NoticeToMember}
	p = DecideExpiryNotices(o, now)
	g.Expect(p.Send).To(Equal(usherv1.NoticeToMember))
	o = announced(day, mailDown, accountDisabled)
	g.Expect(DecideExpiryNotices(o, now).AwaitsTurn).To(BeEmpty())
	g.Expect(DecideExpiryNotices(announced(day), now).AwaitsTurn).To(BeEmpty())
}
