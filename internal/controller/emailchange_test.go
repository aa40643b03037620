// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// wants has a member want another address.
func (w *world) wants(name, address string) {
	GinkgoHelper()
	w.editMember(name, func(m *usherv1.Member) { m.Spec.Email = usherv1.EmailAddress(address + "@acme.example") })
}

// changeLink returns the link of the nth mail to an address, which confirms it.
func (w *world) changeLink(address string, nth int) string {
	GinkgoHelper()
	Eventually(func() int { return len(w.mails(address)) }).Should(BeNumerically(">=", nth), "mails to "+address)
	link := w.mails(address)[nth-1].Link()
	Expect(link).To(HavePrefix(portalURL + "/e/" + w.namespace + "/"))
	return link
}

// confirm opens a link and confirms.
func (w *world) confirm(link string) int {
	return w.ask(http.MethodPost, link, url.Values{"action": {"confirm"}})
}

// readdress changes the address of a member that has accepted, and has the new address confirm it.
func (w *world) readdress(name, address string) {
	GinkgoHelper()
	w.wants(name, address)
	Expect(w.confirm(w.changeLink(address, max(1, len(w.mails(address)))))).To(Equal(http.StatusSeeOther))
	Eventually(w.member(name)).Should(uses(address))
}

// uses succeeds for a member that has an address in use, and waits for no other.
func uses(address string) gomegatypes.GomegaMatcher {
	return And(
		HaveField("Status.Email", address+"@acme.example"), HaveField("Status.EmailChange", BeNil()),
		Not(testkit.HaveCondition(usherv1.ConditionEmailChange, metav1.ConditionFalse)),
	)
}

// awaits succeeds for a member whose address is to change, and whose EmailChange condition has that reason.
func awaits(reason string) gomegatypes.GomegaMatcher {
	return testkit.HaveCondition(usherv1.ConditionEmailChange, metav1.ConditionFalse, reason)
}

var _ = Describe("An address that changes after the member has accepted", func() {
	signsIn := func(w *world, address string) int {
		return w.request(http.MethodPost, "/me", signInForm(address)).Code
	}

	It("is in use once it is confirmed, and the former one is told", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada")
		w.activate("ada")
		before := w.credentials("ada")
		w.wants("ada", "countess")
		link := w.changeLink("countess", 1)
		Eventually(w.member("ada")).Should(awaits(usherv1.ReasonAwaitingConfirmation))
		Eventually(w.member("ada")).Should(HaveField("Status.EmailChange.ExpiresAt", Not(BeNil())))
		o.settles()
		Expect(w.mailed()).To(Equal([]string{"ada", "ada", "countess"}), "the invitation, the notice, and the link")
		notice := w.mails("ada")[1]
		Expect(notice.Text).NotTo(ContainSubstring("countess"))
		Expect(notice.Links()).NotTo(ContainElement(ContainSubstring("/e/")))
		Expect(w.mails("countess")[0].Text).NotTo(ContainSubstring("ada@"))
		ada := w.member("ada")()
		Expect(ada).To(beActive)
		Expect(ada.Status.Email).To(Equal("ada@acme.example"))
		Expect(ada.Status.EmailChange.ExpiresAt.Time).To(BeTemporally("~", w.clock.Now().Add(7*24*time.Hour), time.Minute))
		Expect(signsIn(w, "ada")).To(Equal(http.StatusSeeOther))
		Expect(signsIn(w, "countess")).To(Equal(http.StatusUnprocessableEntity))
		Expect(w.visit(link)).To(Equal(http.StatusOK))
		o.settles()
		Expect(w.credentials("ada").Data).To(Equal(before.Data), "opening the link changes nothing")

		Expect(w.confirm(link)).To(Equal(http.StatusSeeOther))
		Eventually(w.member("ada")).Should(uses("countess"))
		Expect(w.member("ada")().Annotations).NotTo(HaveKey(usherv1.EmailInUseAnnotation))
		Expect(w.credentials("ada").UID).To(Equal(before.UID))
		Expect(w.credentials("ada").Data["password-hash"]).To(Equal(before.Data["password-hash"]))
		Expect(signsIn(w, "ada")).To(Equal(http.StatusUnprocessableEntity))
		Expect(signsIn(w, "countess")).To(Equal(http.StatusSeeOther))
		Expect(w.confirm(link)).To(Equal(http.StatusSeeOther), "the button was pressed twice")
		o.settles()
		Expect(w.member("ada")()).To(And(beActive, uses("countess")))
		Expect(w.mailed()).To(HaveLen(3))
	})

	It("is never in use if the administrator takes it back, and the link is void at once", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.wants("ada", "eve")
		link := w.changeLink("eve", 1)
		w.wants("ada", "ada")
		Expect(w.visit(link)).To(Equal(http.StatusNotFound))
		Expect(w.confirm(link)).To(Equal(http.StatusNotFound))
		Eventually(w.member("ada")).Should(uses("ada"))
		w.clock.Step(time.Second)
		w.wants("ada", "eve")
		w.changeLink("eve", 2)
		o.settles()
		Expect(w.confirm(link)).To(Equal(http.StatusNotFound), "the link of the change before")
		Expect(w.member("ada")()).To(And(beActive, awaits(usherv1.ReasonAwaitingConfirmation), HaveField("Status.Email", "ada@acme.example")))
	})

	It("expires like an invitation, and another link is mailed after the address was set back", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.wants("ada", "countess")
		link := w.changeLink("countess", 1)
		Eventually(w.member("ada")).Should(HaveField("Status.EmailChange.ExpiresAt", Not(BeNil())))
		w.clock.StopAt(w.member("ada")().Status.EmailChange.ExpiresAt.Time)
		Expect(w.visit(link)).To(Equal(http.StatusGone))
		Expect(w.confirm(link)).To(Equal(http.StatusGone))
		w.touch()
		Eventually(w.member("ada")).Should(awaits(usherv1.ReasonConfirmationExpired))
		o.settles()
		Expect(w.member("ada")()).To(And(beActive, HaveField("Status.Email", "ada@acme.example")))
		Expect(w.mailed()).To(HaveLen(3))

		w.wants("ada", "ada")
		Eventually(w.member("ada")).Should(uses("ada"))
		w.wants("ada", "countess")
		Expect(w.confirm(w.changeLink("countess", 2))).To(Equal(http.StatusSeeOther))
		Eventually(w.member("ada")).Should(uses("countess"))
	})

	It("that another member has is refused without a mail, and mailed as soon as it is free", func(ctx SpecContext) {
		w, o := running(ctx, 3)
		w.hire("ada", "bob")
		w.activate("ada", "bob")
		w.wants("ada", "bob")
		Eventually(w.member("ada")).Should(awaits(usherv1.ReasonDuplicateEmail))
		w.create(testkit.Member("late").Email("ada@acme.example").Build())
		Eventually(w.member("late")).Should(be(usherv1.ObservedPending, usherv1.ReasonDuplicateEmail))
		o.settles()
		Expect(w.member("ada")()).To(And(beActive, HaveField("Status.Email", "ada@acme.example")))
		Expect(w.member("bob")()).To(beActive)
		Expect(w.mailed()).To(ConsistOf("ada", "bob"))

		w.readdress("bob", "robert")
		Expect(w.confirm(w.changeLink("bob", 3))).To(Equal(http.StatusSeeOther), "after the invitation and the notice")
		Eventually(w.member("ada")).Should(uses("bob"))
		Eventually(w.member("late")).Should(beInvited, "the address is free")
	})

	It("that two members want is the one's who confirms it first", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada", "bob")
		w.activate("ada", "bob")
		w.wants("ada", "shared")
		w.wants("bob", "shared")
		for nth := range 2 {
			w.changeLink("shared", nth+1)
		}
		links := map[bool]string{}
		for _, m := range w.mails("shared") {
			links[strings.Contains(m.Link(), "/ada/")] = m.Link()
		}
		Expect(w.confirm(links[false])).To(Equal(http.StatusSeeOther))
		Eventually(w.member("bob")).Should(uses("shared"))
		Eventually(w.member("ada")).Should(awaits(usherv1.ReasonDuplicateEmail))
		Expect(w.confirm(links[true])).To(BeNumerically(">=", 400))
		o.settles()
		Expect(w.member("ada")()).To(And(beActive, HaveField("Status.Email", "ada@acme.example")))
	})

	It("applies at once, without the password, where no invitation is needed", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada")
		w.activate("ada")
		w.editMember("ada", func(m *usherv1.Member) {
			m.Spec.Activation, m.Spec.Email = usherv1.ActivateImmediately, "eve@acme.example"
		})
		Eventually(w.member("ada")).Should(uses("eve"))
		o.settles()
		Expect(w.credentials("ada").Data).NotTo(HaveKey("password-hash"))
		Expect(signsIn(w, "eve")).To(Equal(http.StatusUnprocessableEntity))
		Expect(w.mailed()).To(Equal([]string{"ada"}))
	})

	It("waits while the member is disabled", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.disable("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		w.wants("ada", "countess")
		Eventually(w.member("ada")).Should(awaits(usherv1.ReasonAwaitingConfirmation))
		o.settles()
		Expect(w.mailed()).To(HaveLen(1))
		w.enable("ada")
		link := w.changeLink("countess", 1)
		w.disable("ada")
		Expect(w.confirm(link)).To(Equal(http.StatusGone))
		w.enable("ada")
		Eventually(w.member("ada")).Should(beActive)
		Expect(w.confirm(link)).To(Equal(http.StatusSeeOther))
		Eventually(w.member("ada")).Should(And(beActive, uses("countess")))
	})

	It("says that the new address was refused, and is corrected", func(ctx SpecContext) {
		var strict atomic.Bool
		w := newWorld(ctx, smtpsink.Options{Script: func(e smtpsink.Event) smtpsink.Answer {
			if e.Verb == smtpsink.RCPT && strings.Contains(e.Argument, "gone@") && strict.Load() {
				return smtpsink.Answer{Code: 550, Text: "5.1.1 no such user"}
			}
			return smtpsink.Answer{}
		}})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		strict.Store(true)
		w.hire("ada")
		w.activate("ada")
		w.wants("ada", "gone")
		Eventually(w.member("ada")).Should(awaits(usherv1.ReasonMailRejected))
		o.settles()
		Expect(w.member("ada")()).To(beActive)
		w.readdress("ada", "countess")
		Expect(w.member("ada")()).To(beActive)
	})

	It("is not lost with the status", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.wants("ada", "countess")
		w.changeLink("countess", 1)
		Eventually(w.member("ada")).Should(HaveField("Annotations", HaveKeyWithValue(usherv1.EmailInUseAnnotation, "ada@acme.example")))
		o.settles()
		old := w.changeLink("countess", 1)
		o.stop()
		after, backup := w.lost(ctx)
		after.restore(backup...)
		after.start()
		Eventually(after.member("ada")).Should(And(beActive, awaits(usherv1.ReasonAwaitingConfirmation)))
		Expect(after.member("ada")().Status.Email).To(Equal("ada@acme.example"))
		Expect(after.confirm(old)).To(Equal(http.StatusNotFound))
		Expect(after.confirm(after.changeLink("countess", 1))).To(Equal(http.StatusSeeOther))
		Eventually(after.member("ada")).Should(And(beActive, uses("countess")))
	})

	It("is mailed again where the key of the link is lost", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.wants("ada", "countess")
		old := w.changeLink("countess", 1)
		Eventually(w.member("ada")).Should(HaveField("Status.EmailChange.ExpiresAt", Not(BeNil())))
		o.settles()
		signed := w.credentials("ada").Annotations[usherv1.KeyIDAnnotation]
		w.rotate("previous")
		Eventually(func() string { return w.credentials("ada").Annotations[usherv1.KeyIDAnnotation] }).ShouldNot(Equal(signed))
		o.settles()
		Expect(w.mails("countess")).To(HaveLen(1), "a previous key counts")
		edit(w, w.secret(tokenSecret), func(s *corev1.Secret) { delete(s.Data, "previous") })
		fresh := w.changeLink("countess", 2)
		Eventually(func() int { return w.visit(old) }).Should(Equal(http.StatusNotFound))
		Expect(w.confirm(old)).To(Equal(http.StatusNotFound))
		Expect(w.confirm(fresh)).To(Equal(http.StatusSeeOther))
		Eventually(w.member("ada")).Should(And(beActive, uses("countess")))
		o.settles()
		Expect(w.mailed()).To(HaveLen(4))
	})
})
