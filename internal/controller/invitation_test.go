// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("An invitation", func() {
	revoke := func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish }
	reopen := func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationOpen }

	It("that is accepted makes the member Active and creates its Secret", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		i := w.invitation("ada")()
		Expect(i.Status.State).To(Equal(usherv1.InvitationSent))
		Expect(i.Status.ExpiresAt.Sub(i.Status.SentAt.Time)).To(Equal(7*24*time.Hour), "seven days after it was sent")
		Expect(i.Status.Recipient).To(Equal("ada@acme.example"))
		Expect(i.Status.MessageID).To(Equal(w.mails("ada")[0].MessageID))
		Expect(w.member("ada")().Status.ExpiresAt).To(Equal(i.Status.ExpiresAt))
		Expect(i.OwnerReferences).To(ConsistOf(HaveField("UID", w.member("ada")().UID)))

		link := w.link("ada", 1)
		Expect(w.visit(link)).To(Equal(http.StatusOK))
		o.settles()
		Expect(w.member("ada")()).To(beInvited, "opening the link changes nothing")
		w.accept("ada")
		Eventually(w.member("ada")).Should(beActive)
		Expect(w.visit(link)).To(Equal(http.StatusGone), "the link has been used")
		Expect(w.answer(link, "accept")).To(Equal(http.StatusSeeOther), "a second click, with the same password")
		Expect(w.answer(link, "decline")).To(Equal(http.StatusGone))

		m := w.member("ada")()
		Expect(m.Status.DisplayName).To(Equal("Guest"), "what the invitee typed")
		Expect(m.Status.AcceptedAt).NotTo(BeNil())
		Expect(m).To(testkit.HaveCondition(usherv1.ConditionSeatsAssigned, "True", usherv1.ReasonSeatsHeld))
		secret := w.credentials("ada")
		Expect(secret.OwnerReferences).To(BeEmpty())
		Expect(secret.Labels).To(And(HaveKeyWithValue("usher.dev/account", "acme"), HaveKeyWithValue("usher.dev/member", "ada")))
		Expect(secret.Data).To(HaveKeyWithValue("email", []byte("ada@acme.example")))
		Eventually(w.invitation("ada")).Should(And(
			HaveField("Status.State", usherv1.InvitationAccepted), HaveField("Status.AcceptedAt", Equal(m.Status.AcceptedAt))))

		By("sending again to a member who has accepted")
		w.resend("ada")
		Eventually(w.invitation("ada")).Should(HaveField("Status.SendGeneration", BeEquivalentTo(2)))
		o.settles()
		Expect(w.member("ada")()).To(beActive)
		Expect(w.mailed()).To(HaveLen(1))
	})

	It("that is declined stays declined until it is sent again", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.hire("ada")
		old := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		w.decline("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationDeclined))
		Eventually(func() []string { return w.holders(base) }).Should(BeEmpty())
		Expect(w.visit(old)).To(Equal(http.StatusGone))

		w.resend("ada")
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.visit(old)).To(Equal(http.StatusNotFound), "the old link is invalid, like a forged one")
		w.activate("ada")
	})

	It("expires at the exact second, and not before", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account("acme").InvitationTTL("1m").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		w.hire("ada")
		w.hire("bob")
		link := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		expiry := w.invitation("ada")().Status.ExpiresAt.Time
		Expect(expiry.Sub(w.invitation("ada")().Status.SentAt.Time)).To(Equal(time.Minute))

		w.clock.StopAt(expiry.Add(-time.Second))
		w.touch()
		o.settles()
		Expect(w.member("ada")()).To(beInvited)
		Expect(w.visit(link)).To(Equal(http.StatusOK))

		w.clock.StopAt(expiry)
		Expect(w.visit(link)).To(Equal(http.StatusGone), "refused, even if no controller has marked it yet")
		Expect(w.answer(link, "accept")).To(Equal(http.StatusGone))
		w.touch()
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationExpired))
		Expect(w.invitation("ada")().Status.State).To(Equal(usherv1.InvitationExpired))
		Eventually(w.member("bob")).Should(beInvited, "the seat is free")

		w.clock.Step(time.Second)
		Expect(w.visit(link)).To(Equal(http.StatusGone))
		Expect(w.credentials("ada")).To(BeNil())
		w.resend("ada")
		Eventually(w.member("ada")).Should(beWaiting, "Bob has the seat now")
		w.scale(base, 2)
		Eventually(w.member("ada")).Should(beInvited)
		w.activate("ada")
	})

	It("that is accepted in the last second counts, even if the manager sees it later", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account("acme").InvitationTTL("1m").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		o.stop()
		w.clock.StopAt(w.invitation("ada")().Status.ExpiresAt.Add(-time.Nanosecond))
		w.accept("ada")
		w.clock.Step(time.Hour)
		w.start()
		Eventually(w.member("ada")).Should(beActive)
		Eventually(w.invitation("ada")).Should(HaveField("Status.State", usherv1.InvitationAccepted))
	})

	It("expires by the manager's own timer", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		o.stop()
		w.clock.Step(time.Until(w.invitation("ada")().Status.ExpiresAt.Time) - 2*time.Second)
		w.start()
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationExpired))
	})

	It("that expired while no manager ran is marked by the next manager", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada", "bob")
		Eventually(w.member("ada")).Should(beInvited)
		o.stop()
		w.clock.Step(8 * 24 * time.Hour)
		w.start()
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationExpired))
		Eventually(w.member("bob")).Should(beInvited)
	})

	It("that is revoked has an invalid link, and is sent with a new link when it is reopened", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		old := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		w.editInvitation("ada", revoke)
		Expect(w.visit(old)).To(Equal(http.StatusGone), "at once")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationRevoked))
		Eventually(w.invitation("ada")).Should(HaveField("Status.State", usherv1.InvitationRevoked))
		Eventually(func() []string { return w.holders(base) }).Should(BeEmpty())
		w.resend("ada")
		o.settles()
		Expect(w.mailed()).To(HaveLen(1), "a revoked link stays revoked")

		w.editInvitation("ada", reopen)
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.link("ada", 2)).NotTo(Equal(old))
		Expect(w.visit(old)).To(Equal(http.StatusNotFound))
		Expect(w.visit(w.link("ada", 2))).To(Equal(http.StatusOK))
		o.settles()
		Expect(w.mailed()).To(HaveLen(2))
	})

	It("that is sent again has a new link and a new expiry, and the old link is invalid", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		old := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		was := w.invitation("ada")()
		w.clock.Step(24 * time.Hour)
		w.resend("ada")
		Expect(w.visit(old)).To(Equal(http.StatusNotFound), "at once")
		Eventually(func() int { return len(w.mailed()) }).Should(Equal(2))
		Eventually(w.member("ada")).Should(beInvited)
		Eventually(w.invitation("ada")).Should(HaveField("Status.State", usherv1.InvitationSent))
		is := w.invitation("ada")()
		Expect(is.Status.SendGeneration).To(BeEquivalentTo(2))
		Expect(is.Status.MessageID).NotTo(Equal(was.Status.MessageID))
		Expect(is.Status.ExpiresAt.Sub(was.Status.ExpiresAt.Time)).To(BeNumerically(">=", 24*time.Hour))
		Expect(w.link("ada", 2)).NotTo(Equal(old))
		Eventually(w.member("ada")).Should(HaveField("Status.ExpiresAt", Equal(is.Status.ExpiresAt)))
		o.settles()
		Expect(w.holders(base)).To(Equal([]string{"ada"}), "the seat was kept meanwhile")
		w.activate("ada")
		Expect(w.mailed()).To(HaveLen(2))
	})

	It("that a user created is used, and none is created", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.create(testkit.Invitation("welcome-ada").Member("ada").TTL("2h").Build())
		Eventually(w.invitation("welcome-ada")).Should(testkit.HaveCondition(usherv1.ConditionReconciling, "True", usherv1.ReasonMemberNotFound))
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.member("ada")().Status.InvitationRef.Name).To(Equal("welcome-ada"))
		w.create(testkit.Invitation("second").Member("ada").Build())
		Eventually(w.invitation("second")).Should(testkit.HaveCondition(usherv1.ConditionStalled, "True", usherv1.ReasonInvitationNotUsed))
		w.remove(testkit.Invitation("second").Build())
		i := w.invitation("welcome-ada")()
		Expect(i.Status.ExpiresAt.Sub(i.Status.SentAt.Time)).To(Equal(2 * time.Hour))
		Expect(w.link("ada", 1)).To(ContainSubstring("/welcome-ada/"))
		w.activate("ada")
		o.settles()
		Expect(w.mailed()).To(HaveLen(1))
		Expect(w.invitations()).To(HaveLen(1))

		By("deleting the member")
		w.remove(testkit.Member("ada").Build())
		Eventually(exists(w, testkit.Member("ada").Build())).Should(BeFalse())
		o.settles()
		Expect(w.invitations()).To(HaveLen(1), "Usher does not delete what a user created")
	})

	It("with the member's name but for another member is not changed, and the member reports the conflict", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.create(testkit.Invitation("ada").Member("bob").Build())
		w.hire("ada")
		Eventually(w.member("ada")).Should(And(be(usherv1.ObservedPending, usherv1.ReasonInviting),
			testkit.HaveCondition(usherv1.ConditionStalled, "True")))
		o.settles()
		Expect(w.mailed()).To(BeEmpty())
		w.create(testkit.Invitation("for-ada").Member("ada").Build())
		Eventually(w.member("ada")).Should(beInvited)
		w.hire("bob")
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.member("bob")().Status.InvitationRef.Name).To(Equal("ada"))
		o.settles()
		Expect(w.mailed()).To(Equal([]string{"ada", "bob"}))
	})

	It("that conflicts with the member's own no longer does once it is deleted", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.create(testkit.Invitation("ada").Member("bob").Build())
		w.hire("ada")
		Eventually(w.member("ada")).Should(testkit.HaveCondition(usherv1.ConditionStalled, "True"))
		o.settles()
		w.remove(testkit.Invitation("ada").Build())
		Eventually(w.member("ada")).Should(beInvited)
	})

	It("that a user created as revoked is not sent until it is reopened", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.create(testkit.Invitation("ada").Revoked().Build())
		w.hire("ada", "bob")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationRevoked))
		Eventually(w.member("bob")).Should(beInvited)
		o.settles()
		Expect(w.mails("ada")).To(BeEmpty())
		w.scale(base, 2)
		w.editInvitation("ada", reopen)
		Eventually(w.member("ada")).Should(beInvited)
	})

	It("that a user deletes is created again with a new link", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.hire("ada")
		old := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		w.remove(testkit.Invitation("ada").Build())
		fresh := w.link("ada", 2)
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.visit(old)).To(Equal(http.StatusNotFound))
		Expect(w.visit(fresh)).To(Equal(http.StatusOK))
	})

	It("waits while --portal-url is not set, and reports that", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start(func(o *app.Options) { o.PortalURL = "" })
		w.hire("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonMailNotReady))
		Expect(w.account()).To(testkit.HaveCondition(usherv1.ConditionMailReady, "False", usherv1.ReasonNotConfigured))
		Expect(w.holders(base)).To(Equal([]string{"ada"}))
		o.stop()
		w.start()
		Eventually(w.member("ada")).Should(beInvited)
	})
})
