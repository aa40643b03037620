// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message/catalogue"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/test/testkit"
)

func TestSendcloud(t *testing.T) {
	play(t, "SE1 role Member: everything but settings, billing data and invoices, analytics, data export", "sendcloud", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob", immediate)
		w.are(beImported, "bob")
		w.Expect(w.get("members")["bob"]).To(HaveKeyWithValue("ROLE", "member"))
		w.awaitRights("ada", everything...)
		w.awaitRights("bob", "labels:print", "orders:view", "returns:handle")
	})

	play(t, "SE2 a restricted area tells them to contact the account holder", "sendcloud", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		await(w, testkit.Account(w.account).Build(), HaveField("Status.Owner", HaveValue(HaveField("Email", w.address("ada")))))
		told := map[string]bool{}
		for _, language := range languages {
			name := strings.ToLower(string(language))
			w.declare(name, immediate, "language: "+string(language))
			w.are(beImported, name)
			message := w.restricted(name, "invoices:view")
			w.Expect(message).To(And(ContainSubstring(w.address("ada")), Not(ContainSubstring("{"))), language)
			told[message] = true
			w.Expect(w.restricted(name, "orders:view")).To(BeEmpty(), "what the role has")
		}
		w.Expect(told).To(HaveLen(6), "in two sorts of English they say the same")
	})

	play(t, "SE3 allowing an agent into the account allows it for all its users", "sendcloud", func(w *world) {
		w.declare("ada", immediate)
		w.declare("bob", immediate)
		w.are(beImported, "ada", "bob")
		w.awaitRights("bob", "labels:print", "orders:view", "returns:handle")
		agent := func() []string { return w.rightsAs("agent@vendor.example", "vendor:agents") }
		w.Expect(agent()).To(BeEmpty())
		w.patch("account", w.account, `{"access":{"supportGroup":"vendor:agents"}}`)
		w.Eventually(agent).Should(Equal(everything), "what any role of the account has")
		w.Expect(w.rightsAs("agent@vendor.example")).To(BeEmpty(), "as no one but a member of the group")
		w.patch("account", w.account, `{"access":{"supportGroup":null}}`)
		w.Eventually(agent).Should(BeEmpty())
		w.awaitRights("bob", "labels:print", "orders:view", "returns:handle")
	})

	play(t, "SE4 invited by e-mail with one of seven languages", "sendcloud", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		subjects := map[string]bool{}
		for _, language := range languages {
			name := strings.ToLower(string(language))
			w.declare(name, "language: "+string(language))
			w.are(beInvited, name)
			mail := w.mails(name, 1)[0]
			w.Expect(mail.HTML).To(ContainSubstring(`lang="` + string(language) + `"`))
			w.Expect(w.visit(mail.Link(), nil).Body).To(ContainSubstring(`<html lang="` + string(language) + `"`))
			subjects[mail.Subject] = true
		}
		w.Expect(len(subjects)).To(BeNumerically(">=", 6), "%v: British and American English may say the same", subjects)
	})

	playAlone(t, "SE5 an invitation lives 7 days; expired: send a new one", "sendcloud", func(w *world) {
		w.declare("ada")
		w.are(beInvited, "ada")
		sent := w.invitation("ada").Status
		w.Expect(sent.ExpiresAt.Sub(sent.SentAt.Time)).To(Equal(7 * 24 * time.Hour))
		link := w.link("ada")
		site.clock.Step(7*24*time.Hour - time.Minute)
		w.Expect(w.visit(link, nil).Status).To(Equal(http.StatusOK))
		site.clock.Step(time.Minute + time.Second)
		w.Expect(w.visit(link, acceptance()).Status).To(Equal(http.StatusGone))
		w.kubectl("annotate", "invitation", "ada", "look=again") // the manager's timer runs on the wall clock
		w.are(be(usherv1.ObservedPending, usherv1.ReasonInvitationExpired), "ada")
		w.awaitPool(count(10, 0, 0))

		w.patch("invitation", "ada", `{"sendGeneration":2}`)
		w.Expect(w.mails("ada", 2)[1].Link()).NotTo(Equal(link))
		w.accept("ada")
		w.are(beActive, "ada")
	})

	play(t, "SE6 revoke while not accepted", "sendcloud", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob")
		w.are(beInvited, "bob")
		w.patch("invitation", "bob", `{"state":"Revoked"}`)
		w.are(be(usherv1.ObservedPending, usherv1.ReasonInvitationRevoked), "bob")
		w.Expect(w.visit(w.link("bob"), acceptance()).Status).To(Equal(http.StatusGone))
		w.awaitPool(count(10, 1, 0))

		w.declare("carol")
		w.accept("carol")
		w.are(beActive, "carol")
		await(w, testkit.Invitation("carol").Build(), HaveField("Status.State", usherv1.InvitationAccepted))
		out, err := w.tryKubectl("patch", "invitation", "carol", "--type=merge", "--patch", `{"spec":{"state":"Revoked"}}`)
		w.Expect(err).To(HaveOccurred())
		w.Expect(out).To(ContainSubstring("disable or delete the Member instead"))
		w.are(beActive, "carol")
	})
}

// restricted is what a member reads who asks for a right; empty if they have it.
func (w *world) restricted(name string, right usherv1.Right) string {
	w.t.Helper()
	return plan.For(w.theAccount(), w.thePlan()).Restricted(right, w.member(name), w.theAccount())
}

// everything is the vocabulary of the plan.
var everything = []string{
	"analytics:view", "export:download", "invoices:view", "labels:print", "orders:view", "returns:handle", "settings:change",
}

var languages = catalogue.All().Tags()
