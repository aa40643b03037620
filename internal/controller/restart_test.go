// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("A manager that is killed", func() {
	ofInvitation := func(c testkit.Call) bool { return c.Verb == "update" && c.Resource == "invitations" }
	ofTheStory := func(c testkit.Call) bool { return c.Mutating() && !c.Housekeeping() }
	prepared := func(ctx SpecContext) (*world, *operator) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionMailReady, "True"))
		Eventually(w.pool(base)).Should(testkit.HaveCondition(usherv1.ConditionReady, "True"))
		o.settles()
		o.wire.Forget()
		return w, o
	}

	It("before it sends a mail that it has claimed: the next manager sends the mail once the lease is over", func(ctx SpecContext) {
		w, o := prepared(ctx)
		dead := o.killAt(1, ofInvitation, false)
		w.hire("ada")
		Eventually(dead).Should(BeClosed())
		o.kill()
		claimed := w.invitation("ada")().Status
		Expect(claimed.State).To(Equal(usherv1.InvitationSending))
		Expect(w.mailed()).To(BeEmpty())

		next := w.start()
		next.settles()
		Expect(w.mailed()).To(BeEmpty(), "the first manager could still be sending")
		w.clock.Step(delivery.SendLease)
		w.touch()
		Eventually(w.member("ada")).Should(beInvited)
		is := w.invitation("ada")().Status
		Expect(is.MessageID).To(Equal(claimed.MessageID))
		Expect(is.LinkGeneration).To(Equal(claimed.LinkGeneration))
		Expect(w.mailed()).To(HaveLen(1))
	})

	It("between the server's reply and its record: the second copy is the same mail with the same link", func(ctx SpecContext) {
		w, o := prepared(ctx)
		dead := o.killAt(2, ofInvitation, true)
		w.hire("ada")
		Eventually(dead).Should(BeClosed())
		o.kill()
		Expect(w.mailed()).To(HaveLen(1))
		Expect(w.invitation("ada")().Status.State).To(Equal(usherv1.InvitationSending))
		Expect(w.visit(w.link("ada", 1))).To(Equal(200))

		w.clock.Step(delivery.SendLease)
		next := w.start()
		Eventually(w.member("ada")).Should(beInvited)
		next.settles()
		both := w.mails("ada")
		Expect(both).To(HaveLen(2))
		Expect(both[1].MessageID).To(Equal(both[0].MessageID))
		Expect(both[1].Link()).To(Equal(both[0].Link()))
	})

	It("before it records a mail that the invitee then answers: the answer counts, and nothing is sent again", func(ctx SpecContext) {
		w, o := prepared(ctx)
		dead := o.killAt(2, ofInvitation, true)
		w.hire("ada")
		Eventually(dead).Should(BeClosed())
		o.kill()
		w.accept("ada")
		w.clock.Step(delivery.SendLease)
		next := w.start()
		Eventually(w.member("ada")).Should(beActive)
		next.settles()
		Expect(w.mailed()).To(HaveLen(1))
		Expect(w.invitation("ada")().Status.State).To(Equal(usherv1.InvitationAccepted))
	})

	// The story has about 16 writes; sometimes several are combined.
	for i := 1; i <= 14; i++ {
		It(fmt.Sprintf("right after write %d of a member's story: the outcome is the same", i), func(ctx SpecContext) {
			w, o := prepared(ctx)
			dead := o.killAt(i, ofTheStory, false)
			next := o
			revive := func() {
				select {
				case <-dead:
					if next == o {
						o.kill()
						w.clock.Step(delivery.SendLease)
						next = w.start()
					}
				default:
				}
			}
			reach := func(name string, matcher OmegaMatcher) {
				GinkgoHelper()
				Eventually(func() *usherv1.Member {
					revive()
					return w.member(name)()
				}).Should(matcher)
			}
			w.hire("ada")
			reach("ada", beInvited)
			w.accept("ada")
			reach("ada", beActive)
			w.disable("ada")
			reach("ada", be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
			w.remove(testkit.Member("ada").Build())
			Eventually(func() bool {
				revive()
				return exists(w, testkit.Member("ada").Build())()
			}).Should(BeFalse())
			next.settles()

			Expect(dead).To(BeClosed(), "the manager was killed")
			Expect(w.pool(base)().Status.Claims).To(BeEmpty())
			Expect(w.credentials("ada")).To(BeNil())
			Expect(w.invitations()).To(BeEmpty())
			Expect(w.account().Status.FormerMembers).To(HaveLen(1))
			links := map[string]bool{}
			for _, m := range w.sink.Mails() {
				links[m.MessageID+" "+m.Link()] = true
			}
			Expect(links).To(HaveLen(1))
			Expect(len(w.mailed())).To(BeNumerically("<=", 2))
		})
	}
})
