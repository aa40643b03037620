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
	corev1 "k8s.io/api/core/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

const another = "another horse, another battery"

// forgets requests a link for the members with an address.
func (w *world) forgets(address string) {
	GinkgoHelper()
	response := w.request(http.MethodPost, "/me/forgot", url.Values{"action": {"request"}, "email": {address + "@acme.example"}})
	Expect(response.Code).To(Equal(http.StatusSeeOther))
}

// resetLink returns the link of the nth mail to an address, which sets a password.
func (w *world) resetLink(address string, nth int) string {
	GinkgoHelper()
	Eventually(func() int { return len(w.mails(address)) }).Should(BeNumerically(">=", nth), "mails to "+address)
	link := w.mails(address)[nth-1].Link()
	Expect(link).To(HavePrefix(portalURL + "/p/" + w.namespace + "/"))
	return link
}

// reset sets a password with a link.
func (w *world) reset(link, password string) int {
	return w.ask(http.MethodPost, link, url.Values{"action": {"reset"}, "password": {password}, "password_confirm": {password}})
}

// passwordMail returns what is recorded of a member's mails of a kind.
func (w *world) passwordMail(name string, kind credentials.PasswordMailKind) func() credentials.PasswordMail {
	return func() credentials.PasswordMail { return credentials.PasswordMailsOf(w.credentials(name))[kind] }
}

var _ = Describe("A forgotten password", func() {
	sent := HaveField("State", usherv1.EndNoticeSent)

	It("is set by the link that is mailed, and the member is told", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada", "bob")
		w.activate("ada", "bob")
		cookies := w.signIn("ada")
		w.forgets("ADA")
		w.forgets("eve")
		link := w.resetLink("ada", 2)
		Eventually(w.passwordMail("ada", credentials.ResetLink)).Should(And(sent, HaveField("Attempts", BeEquivalentTo(1))))
		until := w.passwordMail("ada", credentials.ResetLink)().ExpiresAt
		Expect(until.Time).To(BeTemporally("~", w.clock.Now().Add(30*time.Minute), time.Minute))
		Expect(w.credentials("ada").Annotations[usherv1.PasswordMailsAnnotation]).NotTo(ContainSubstring(link[strings.LastIndex(link, "/")+1:]))
		Expect(w.visit(link)).To(Equal(http.StatusOK))
		o.settles()
		Expect(w.mailed()).To(ConsistOf("ada", "bob", "ada"), "two invitations and the link")
		Expect(w.mails("ada")[1].Text).To(ContainSubstring("A new password was requested"))

		Expect(w.reset(link, another)).To(Equal(http.StatusSeeOther))
		Expect(w.request(http.MethodGet, "/me", nil, cookies...).Body.String()).To(ContainSubstring("<h1>Sign in</h1>"), "signed out")
		Eventually(w.passwordMail("ada", credentials.PasswordChanged)).Should(sent)
		Expect(w.mails("ada")[2].Text).To(And(ContainSubstring("was changed on"), Not(ContainSubstring("/p/"))))
		Expect(w.reset(link, another+" again")).To(Equal(http.StatusGone))
		o.settles()
		Expect(w.mailed()).To(HaveLen(4))
		Expect(w.member("ada")()).To(beActive)
		form := signInForm("ada")
		Expect(w.request(http.MethodPost, "/me", form).Code).To(Equal(http.StatusUnprocessableEntity))
		form.Set("password", another)
		Expect(w.request(http.MethodPost, "/me", form).Code).To(Equal(http.StatusSeeOther))
		Expect(w.credentials("bob").Annotations).NotTo(HaveKey(usherv1.PasswordMailsAnnotation))
	})

	It("is mailed about at intervals, however often it is forgotten, and every link works until one is used", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.forgets("ada")
		first := w.resetLink("ada", 2)
		for range 5 {
			w.forgets("ada")
			w.clock.Step(time.Minute)
		}
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(2))
		w.clock.Step(11 * time.Minute)
		w.forgets("ada")
		second := w.resetLink("ada", 3)
		Expect(second).NotTo(Equal(first))
		o.settles()
		Expect(w.visit(first)).To(Equal(http.StatusOK))
		w.clock.Step(14 * time.Minute)
		Expect(w.visit(first)).To(Equal(http.StatusGone), "after 30 minutes")
		Expect(w.reset(second, another)).To(Equal(http.StatusSeeOther))
		Expect(w.reset(first, another)).To(Equal(http.StatusNotFound))
		Expect(w.reset(second, another)).To(Equal(http.StatusGone))
	})

	It("is not mailed about late", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada", "bob")
		w.activate("ada", "bob")
		o.stop()
		w.forgets("ada")
		Eventually(func() string { return w.credentials("ada").Annotations[usherv1.PasswordResetRequestedAnnotation] }).ShouldNot(BeEmpty())
		w.clock.Step(31 * time.Minute)
		w.forgets("bob")
		Eventually(func() string { return w.credentials("bob").Annotations[usherv1.PasswordResetRequestedAnnotation] }).ShouldNot(BeEmpty())
		o = w.start()
		w.resetLink("bob", 2)
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(1), "the invitation")
	})

	It("waits for a mail server that is away, and is mailed about once", func(ctx SpecContext) {
		var away atomic.Bool
		w := newWorld(ctx, smtpsink.Options{Script: func(e smtpsink.Event) smtpsink.Answer {
			if e.Verb == smtpsink.MAIL && away.Load() {
				return smtpsink.Answer{Code: 451, Text: "4.3.0 try again"}
			}
			return smtpsink.Answer{}
		}})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		w.hire("ada")
		w.activate("ada")
		away.Store(true)
		w.forgets("ada")
		Eventually(w.passwordMail("ada", credentials.ResetLink)).Should(And(
			HaveField("State", usherv1.EndNoticePending), HaveField("LastError", Not(BeNil())),
		))
		until := w.passwordMail("ada", credentials.ResetLink)().ExpiresAt
		away.Store(false)
		w.clock.Step(2 * time.Minute)
		w.wakes("ada")
		w.resetLink("ada", 2)
		Eventually(w.passwordMail("ada", credentials.ResetLink)).Should(And(sent, HaveField("ExpiresAt", Equal(until))))
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(2))
	})

	It("of a member who has lost its access is not mailed about", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		o.stop()
		w.forgets("ada")
		Eventually(func() string { return w.credentials("ada").Annotations[usherv1.PasswordResetRequestedAnnotation] }).ShouldNot(BeEmpty())
		w.disable("ada")
		o = w.start()
		Eventually(w.member("ada")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(1))
	})

	It("of a member whose address has changed is mailed about to the address in use alone", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.wants("ada", "countess")
		w.changeLink("countess", 1)
		o.settles()
		w.forgets("countess")
		w.forgets("ada")
		link := w.resetLink("ada", 3)
		o.settles()
		Expect(w.mails("countess")).To(HaveLen(1), "the link that confirms the address")
		Expect(w.confirm(w.changeLink("countess", 1))).To(Equal(http.StatusSeeOther))
		Expect(w.reset(link, another)).To(Equal(http.StatusNotFound), "it was mailed to an address that is not the member's any more")
		Eventually(w.member("ada")).Should(uses("countess"))
		w.clock.Step(20 * time.Minute)
		w.forgets("ada")
		w.forgets("countess")
		Expect(w.reset(w.resetLink("countess", 2), another)).To(Equal(http.StatusSeeOther))
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(3))
	})

	It("is not mailed about for credentials that Usher has not signed", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		o.stop()
		edit(w, w.credentials("ada"), func(s *corev1.Secret) {
			delete(s.Data, "signature")
			s.Annotations[usherv1.PasswordResetRequestedAnnotation] = w.clock.Now().UTC().Format(time.RFC3339)
		})
		o = w.start()
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(1))
	})

	It("that a member changes in the profile is told", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		Expect(w.request(http.MethodPost, "/me", url.Values{
			"action": {"password"}, "old_password": {password}, "password": {another}, "password_confirm": {another},
		}, w.signIn("ada")...).Code).To(Equal(http.StatusSeeOther))
		Eventually(w.passwordMail("ada", credentials.PasswordChanged)).Should(sent)
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(2))
	})
})

// wakes has what waits for a time be looked at again, after the clock was set.
func (w *world) wakes(name string) {
	GinkgoHelper()
	edit(w, w.credentials(name), func(s *corev1.Secret) { s.Annotations["touched"] = time.Now().String() })
}
