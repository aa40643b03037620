// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// numbered returns names in the order in which they get seats.
func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("m%03d", i)
	}
	return names
}

// createAtOnce creates members concurrently, as a GitOps tool does.
func (w *world) createAtOnce(names []string, change ...func(*testkit.MemberBuilder)) {
	GinkgoHelper()
	const workers = 8
	queue := make(chan string)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			defer GinkgoRecover()
			for name := range queue {
				b := testkit.Member(name)
				for _, c := range change {
					c(b)
				}
				w.create(b.Build())
			}
		})
	}
	for _, name := range names {
		queue <- name
	}
	close(queue)
	group.Wait()
}

// inState returns the names of the members with that state and reason.
func (w *world) inState(state usherv1.ObservedState, reason string) []string {
	var names []string
	for _, m := range w.members() {
		if m.Status.State == state && reasonOf(&m) == reason {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (w *world) invited() []string {
	return w.inState(usherv1.ObservedPending, usherv1.ReasonAwaitingAcceptance)
}
func (w *world) waiting() []string {
	return w.inState(usherv1.ObservedPending, usherv1.ReasonSeatUnavailable)
}

var _ = Describe("A seat pool", func() {
	move := func(w *world, name string, pools ...string) {
		w.editMember(name, func(m *usherv1.Member) {
			m.Spec.SeatPoolRefs = testkit.Member(name).Pools(pools...).Build().Spec.SeatPoolRefs
		})
	}

	It("with one seat and 200 members who want it at once gives it to one", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.createAtOnce(numbered(200))
		Eventually(func() int { return len(w.waiting()) }).WithTimeout(2 * patience).Should(Equal(199))
		o.settles()
		Expect(w.invited()).To(HaveLen(1))
		Expect(w.holders(base)).To(Equal(w.invited()))
		Expect(w.mailed()).To(Equal(w.invited()))
		Expect(w.pool(base)().Status.Waiting).To(HaveValue(BeEquivalentTo(199)))
	})

	It("that grows by ten while 100 wait invites ten, in order, with few writes", func(ctx SpecContext) {
		w, o := running(ctx, 0)
		names := numbered(100)
		for _, part := range [][]string{names[:50], names[50:]} { // at least a second apart; within a second, names decide the order
			w.createAtOnce(part)
			Eventually(func() int { return len(w.waiting()) }).WithTimeout(patience).Should(BeNumerically(">=", len(part)))
		}
		Eventually(func() int { return len(w.waiting()) }).WithTimeout(patience).Should(Equal(100))
		o.settles()
		o.wire.Forget()
		w.scale(base, 10)
		Eventually(w.invited).Should(HaveLen(10))
		o.settles()
		Expect(w.invited()).To(Equal(names[:10]))
		Expect(w.holders(base)).To(Equal(names[:10]))
		Expect(o.count("seatpools")).To(BeNumerically("<=", 3), "few writes for all claims")
		Expect(o.count("members")).To(BeNumerically("<=", 20), "no writes to members who still wait")
	})

	It("that shrinks below its claims evicts no member and grants no more seats", func(ctx SpecContext) {
		w, o := running(ctx, 3)
		w.hire("a1", "a2", "a3")
		w.activate("a1", "a2")
		Eventually(w.member("a3")).Should(beInvited)
		w.scale(base, 1)
		Eventually(w.pool(base)).Should(testkit.HaveCondition(usherv1.ConditionOverCapacity, "True", usherv1.ReasonSeatsReduced))
		w.hire("a4")
		Eventually(w.member("a4")).Should(beWaiting)
		w.activate("a3")
		Expect(w.inState(usherv1.ObservedActive, usherv1.ReasonAccepted)).To(Equal([]string{"a1", "a2", "a3"}))
		Expect(w.pool(base)().Status.Available).To(HaveValue(BeZero()))

		w.disable("a1")
		w.remove(testkit.Member("a2").Build())
		Eventually(w.pool(base)).Should(testkit.HaveCondition(usherv1.ConditionOverCapacity, "False"))
		o.settles()
		Expect(w.holders(base)).To(Equal([]string{"a3"}))
		Expect(w.member("a4")()).To(beWaiting)
		w.disable("a3")
		Eventually(w.member("a4")).Should(beInvited)
	})

	It("gives a free seat to a member who has accepted before one who was never invited", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.hire("c-late")
		w.activate("c-late")
		w.disable("c-late")
		w.hire("a-holder", "b-early")
		Eventually(w.member("a-holder")).Should(beInvited)
		Eventually(w.member("b-early")).Should(beWaiting)
		w.enable("c-late")
		Eventually(w.member("c-late")).Should(beWaiting)
		w.decline("a-holder")
		Eventually(w.member("c-late")).Should(beActive)
		Expect(w.member("b-early")()).To(beWaiting)
	})

	It("with reservation OnAcceptance invites all members and gives seats in the order of acceptance", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).OnAcceptance().Build())
		o := w.start()
		w.hire("a1", "a2", "a3")
		Eventually(w.invited).Should(HaveLen(3))
		Expect(w.holders(base)).To(BeEmpty())
		w.activate("a3")
		w.accept("a2")
		Eventually(w.member("a2")).Should(beWaiting)
		link := w.link("a2", 1)
		Expect(w.visit(link + "/welcome")).To(Equal(http.StatusOK))
		w.remove(testkit.Member("a3").Build())
		Eventually(w.member("a2")).Should(beActive)
		o.settles()
		Expect(w.mailed()).To(HaveLen(3))
	})

	It("switched to OnAcceptance and back keeps ten pending members", func(ctx SpecContext) {
		w, o := running(ctx, 4)
		names := numbered(10)
		w.hire(names...)
		Eventually(w.invited).Should(HaveLen(4))
		Eventually(w.waiting).Should(HaveLen(6))
		set := func(r usherv1.Reservation) {
			edit(w, testkit.SeatPool(base).Build(), func(p *usherv1.SeatPool) { p.Spec.Reservation = r })
		}
		set(usherv1.ReserveOnAcceptance)
		Eventually(w.invited).Should(HaveLen(10))
		Eventually(func() []string { return w.holders(base) }).Should(BeEmpty())
		w.activate("m009", "m000")
		o.settles()
		Expect(w.mailed()).To(HaveLen(10))

		set(usherv1.ReserveOnInvitation)
		Eventually(func() []string { return w.holders(base) }).Should(HaveLen(4))
		o.settles()
		Expect(w.holders(base)).To(Equal([]string{"m000", "m001", "m002", "m009"}), "the two Active members, and the first two others")
		Expect(w.mailed()).To(HaveLen(10), "a link that was sent stays valid")
		Expect(w.invited()).To(HaveLen(8))
		w.accept("m005", "m002")
		Eventually(w.member("m002")).Should(beActive)
		Eventually(w.member("m005")).Should(beWaiting)
		w.decline("m001")
		Eventually(w.member("m005")).Should(beActive)
	})

	It("that a member leaves for another keeps the seat until the other pool has one", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.create(testkit.SeatPool("gold").Build())
		w.create(testkit.Member("ada").Pools(base).Build())
		w.activate("ada")
		w.create(testkit.Member("bob").Pools(base).Build())
		Eventually(w.member("bob")).Should(beWaiting)
		move(w, "ada", "gold")
		Eventually(w.member("ada")).Should(HaveField("Status.ObservedGeneration", BeEquivalentTo(2)))
		o.settles()
		Expect(w.member("ada")().Status.State).To(Equal(usherv1.ObservedActive), "asking for another seat does not cost access")
		Expect(w.holders(base)).To(Equal([]string{"ada"}))
		w.scale("gold", 1)
		Eventually(func() []string { return w.holders("gold") }).Should(Equal([]string{"ada"}))
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.holders(base)).To(Equal([]string{"bob"}))
		Expect(w.member("ada")()).To(beActive)
		Expect(w.mails("ada")).To(HaveLen(1))

		By("moving back to a pool that is full by now")
		move(w, "ada", base)
		o.settles()
		Expect(w.member("ada")().Status.State).To(Equal(usherv1.ObservedActive))
		Expect(w.holders("gold")).To(Equal([]string{"ada"}))
	})

	It("that an invited member leaves for another does not invalidate the link", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.create(testkit.SeatPool("gold").Seats(1).Build(), testkit.Member("ada").Pools(base).Build())
		link := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		move(w, "ada", "gold")
		Eventually(func() []string { return w.holders("gold") }).Should(Equal([]string{"ada"}))
		Eventually(func() []string { return w.holders(base) }).Should(BeEmpty())
		o.settles()
		Expect(w.visit(link)).To(Equal(http.StatusOK))
		Expect(w.mailed()).To(HaveLen(1))
		w.activate("ada")
	})

	It("that is full does not delay the members of another", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.create(testkit.SeatPool("gold").Seats(2).Build())
		for _, name := range []string{"b1", "b2"} {
			w.create(testkit.Member(name).Pools(base).Build())
		}
		for _, name := range []string{"g1", "g2", "g3"} {
			w.create(testkit.Member(name).Pools("gold").Build())
		}
		Eventually(w.invited).Should(Equal([]string{"b1", "g1", "g2"}))
		Eventually(w.waiting).Should(Equal([]string{"b2", "g3"}))
		w.decline("g1")
		Eventually(w.invited).Should(Equal([]string{"b1", "g2", "g3"}))
		Expect(w.waiting()).To(Equal([]string{"b2"}))
		Eventually(w.account).Should(HaveField("Status.SeatsSummary", "0/3"))
	})

	It("whose status was wiped grants the seats to the members who had them", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada", "bob", "eve")
		w.activate("ada")
		Eventually(w.member("bob")).Should(beInvited)
		Eventually(w.member("eve")).Should(beWaiting)
		o.settles()
		last := w.pool(base)().Status.LastGrant
		w.history.unlawful = true
		wipe(w, testkit.SeatPool(base).Build())
		Eventually(func() []string { return w.holders(base) }).Should(Equal([]string{"ada", "bob"}))
		o.settles()
		Expect(w.holders(base)).To(Equal([]string{"ada", "bob"}))
		Expect(w.member("ada")()).To(beActive)
		Expect(w.member("bob")()).To(beInvited)
		Expect(w.member("eve")()).To(beWaiting)
		Expect(w.mailed()).To(HaveLen(2))
		Expect(w.pool(base)().Status.LastGrant).To(BeNumerically(">", last), "grant numbers are never reused")
	})

	It("drops a claim of an unknown member, and the API server refuses a ledger that is too long", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		Eventually(w.pool(base)).Should(testkit.HaveCondition(usherv1.ConditionReady, "True"))
		claim := func(uids ...string) error {
			p := w.pool(base)()
			p.Status.Claims = map[string]int64{}
			for _, uid := range uids {
				p.Status.Claims[uid] = p.Status.LastGrant + 1
			}
			return w.api.Status().Update(ctx, p)
		}
		Expect(claim("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002")).
			To(MatchError(ContainSubstring("cannot grow beyond")))
		Expect(claim("00000000-0000-0000-0000-000000000001")).To(Succeed())
		Eventually(w.pool(base)).Should(HaveField("Status.Claims", BeEmpty()))
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		o.settles()
	})

	It("keeps seats when the cache is old and says otherwise", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		o.settles()
		o.wire.Watches("seatpools").Rewind(3)
		o.wire.Watches("members").Rewind(3)
		o.wire.Forget()
		w.hire("bob")
		w.touch()
		Eventually(o.wire.Calls).ShouldNot(BeEmpty(), "it acts on the old cache")
		o.wire.Watches("members").Thaw()
		o.wire.Watches("seatpools").Thaw()
		Eventually(w.member("bob")).Should(beWaiting)
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.holders(base)).To(Equal([]string{"ada"}))
		Expect(w.mailed()).To(HaveLen(1))
	})
})

var _ = Describe("Two managers at once, without leader election", func() {
	It("oversell nothing and send nothing twice", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(6).Build())
		several := func(o *app.Options) { o.LeaderElect = false }
		one, two := w.start(several), w.start(several)
		names := numbered(18)
		w.createAtOnce(names)
		Eventually(w.invited).Should(HaveLen(6))
		invited := w.invited()
		w.accept(invited[:2]...)
		w.decline(invited[2])
		w.disable(invited[0])
		w.resend(invited[3])
		Eventually(w.invited).Should(HaveLen(5))
		Eventually(w.member(invited[1])).Should(beActive)
		Eventually(w.waiting).Should(HaveLen(10))
		w.enable(invited[0])
		Eventually(w.member(invited[0])).Should(beWaiting)
		w.scale(base, 7)
		Eventually(w.member(invited[0])).Should(beActive)
		one.settles()
		two.settles()

		Expect(w.holders(base)).To(HaveLen(7))
		sent := map[string]int{}
		for _, m := range w.sink.Mails() {
			sent[m.MessageID]++
		}
		Expect(sent).To(HaveLen(9), "six, one for the seat that was declined, one for the seat of the disabled member, one sent again")
		Expect(sent).To(HaveEach(1), "one mail for each link")
		Expect(one.wire.Calls()).NotTo(BeEmpty())
		Expect(two.wire.Calls()).NotTo(BeEmpty())
	})
})

// count returns how many writes of a resource a manager has begun.
func (o *operator) count(resource string) int {
	n := 0
	for _, c := range o.wire.Calls() {
		if c.Resource == resource {
			n++
		}
	}
	return n
}
