// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// eventCounts returns how often each Event was emitted, by keys such as "Member/ada Accepted".
func (w *world) eventCounts() map[string]int {
	GinkgoHelper()
	var list eventsv1.EventList
	Expect(w.api.List(context.Background(), &list, client.InNamespace(w.namespace))).To(Succeed())
	counts := map[string]int{}
	for _, e := range list.Items {
		count := 1
		if e.Series != nil {
			count = int(e.Series.Count)
		}
		counts[e.Regarding.Kind+"/"+e.Regarding.Name+" "+e.Reason] += count
		Expect(revealing(e.Note)).To(BeFalse(), e.Note)
	}
	return counts
}

var _ = Describe("Without changes", func() {
	// every state in which a member can stay
	populate := func(w *world) {
		w.hire("active", "invited")
		w.activate("active")
		Eventually(w.member("invited")).Should(beInvited)
		w.hire("disabled")
		w.activate("disabled")
		w.disable("disabled")
		w.hire("declined")
		Eventually(w.member("declined")).Should(beInvited)
		w.decline("declined")
		Eventually(w.member("declined")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationDeclined))
		w.hire("revoked")
		Eventually(w.member("revoked")).Should(beInvited)
		w.editInvitation("revoked", func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
		Eventually(w.member("revoked")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationRevoked))
		w.create(testkit.Member("immediate").Immediate().Build(), testkit.Member("double").Email("active@acme.example").Build(),
			testkit.Member("homeless").Account("nowhere").Build(), testkit.Account("bare").Build(), testkit.Member("poolless").Account("bare").Build())
		w.hire("waiting")
		Eventually(w.table).Should(ConsistOf(
			"active Active Accepted", "invited Pending AwaitingAcceptance", "disabled Disabled DisabledBySpec",
			"declined Pending InvitationDeclined", "revoked Pending InvitationRevoked", "immediate Active Activated",
			"double Pending DuplicateEmail", "homeless Pending AccountNotFound", "poolless Pending SeatPoolNotFound",
			"waiting Pending SeatUnavailable"))
	}

	It("a forced resync writes nothing and emits no Event, and neither does a restart", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(3).Build())
		o := w.start(func(o *app.Options) { o.TestHooks.Resync = time.Second })
		populate(w)
		o.settles()
		counts, mailed := w.eventCounts(), w.mailed()
		o.wire.Forget()
		reads := len(o.secrets.Reads())
		looks := w.clock.Looks()
		Eventually(w.clock.Looks).WithTimeout(4*patience).Should(BeNumerically(">", looks+4*20), "every object four times")
		Expect(o.wire.Calls()).To(BeEmpty())
		Expect(o.secrets.Reads()[reads:]).NotTo(ContainElement(HavePrefix("usher-member-")), "no credentials are read")
		o.stop()

		again := w.start()
		Eventually(w.clock.Looks).WithTimeout(4 * patience).Should(BeNumerically(">", looks+5*20))
		again.settles()
		Expect(again.wire.Calls()).To(BeEmpty())
		Expect(w.eventCounts()).To(Equal(counts))
		Expect(w.mailed()).To(Equal(mailed))
	})

	It("there is one Event for each transition", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionMailReady, "True"))
		w.hire("ada")
		w.activate("ada")
		o.settles()
		w.hire("bob")
		Eventually(w.member("bob")).Should(beWaiting)
		o.settles()
		w.disable("ada")
		Eventually(w.member("bob")).Should(beInvited)
		w.touch()
		o.settles()
		Eventually(w.eventCounts).Should(Equal(map[string]int{
			"Account/acme MailReady":                            1,
			"Account/acme NoActiveMember":                       2,
			"Account/acme MemberActive":                         1,
			"SeatPool/acme-base " + usherv1.ReasonAllSeatsTaken: 1,
			"Member/ada AwaitingAcceptance":                     1,
			"Member/ada Accepted":                               1,
			"Member/ada DisabledBySpec":                         1,
			"Member/ada " + usherv1.ReasonTokenRotated:          1,
			"Member/bob SeatUnavailable":                        1,
			"Member/bob AwaitingAcceptance":                     1,
		}))
	})

	It("an invited member has cost six writes and an Active one two more, and the pool and the account a few for all", func(ctx SpecContext) {
		const n = 20
		w, o := running(ctx, n)
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionMailReady, "True"))
		Eventually(w.pool(base)).Should(testkit.HaveCondition(usherv1.ConditionReady, "True"))
		o.settles()
		o.wire.Forget()
		names := numbered(n)
		w.createAtOnce(names)
		Eventually(w.invited).Should(HaveLen(n))
		o.settles()
		invited, created := o.cost(n), o.wire.Calls()
		o.wire.Forget()
		w.accept(names...)
		Eventually(func() []string { return w.inState(usherv1.ObservedActive, usherv1.ReasonAccepted) }).Should(HaveLen(n))
		o.settles()
		active := o.cost(n)
		AddReportEntry("writes per member", fmt.Sprintf("created -> invited %s; accepted -> Active %s", invited, active), ReportEntryVisibilityAlways)
		// On a busy machine, a conflict refuses some writes, which are then retried.
		Expect(invited.own).To(BeNumerically("<=", 6.5), "%v", tally(created))
		Expect(invited.own + invited.shared).To(BeNumerically("<=", 7.5))
		Expect(active.own).To(BeNumerically("<=", 2.5))
		Expect(active.own + active.shared).To(BeNumerically("<=", 4.5))
	})
})

// tally returns the number of calls of each kind.
func tally(calls []testkit.Call) map[string]int {
	counts := map[string]int{}
	for _, c := range calls {
		counts[c.Verb+" "+c.Resource+"/"+c.Subresource]++
	}
	return counts
}

// cost is the writes per member: of the member's own objects, and of the account and the pool.
type cost struct{ own, shared float64 }

func (c cost) String() string { return fmt.Sprintf("%.2f + %.2f shared", c.own, c.shared) }

func (o *operator) cost(members int) cost {
	shared := o.count("seatpools") + o.count("accounts") + o.count("secrets") // the key of the links
	return cost{float64(len(o.wire.Calls())-shared) / float64(members), float64(shared) / float64(members)}
}
