// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/browser"
)

const confirmButton = `button[value=confirm]`

// changeLink edits a member's address, and returns the link in the mail to the new one. The former address is told first.
func (w *world) changeLink(name string, former, wanted usherv1.EmailAddress) string {
	w.t.Helper()
	told := len(w.sink.MailsTo(string(former)))
	edit(w, testkit.Member(name).Build(), func(m *usherv1.Member) { m.Spec.Email = wanted })
	mail, err := w.sink.AwaitMailTo(w.ctx, string(wanted))
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(w.sink.MailsTo(string(former))).To(HaveLen(told + 1))
	w.Expect(mail.Link()).To(HavePrefix(base + "/e/" + w.namespace + "/" + name + "/"))
	w.Eventually(func(g Gomega) {
		change := w.memberOf(g, name).Status.EmailChange
		g.Expect(change).NotTo(BeNil())
		g.Expect(change.ExpiresAt).NotTo(BeNil(), "when the link stops working")
	}).Should(Succeed())
	return mail.Link()
}

func (w *world) memberOf(g Gomega, name string) *usherv1.Member {
	m := testkit.Member(name).In(w.namespace).Build()
	g.Expect(w.api.Get(w.ctx, client.ObjectKeyFromObject(m), m)).To(Succeed())
	return m
}

// From the edit of a member's address to the sign-in with the new one: the page in every language, and what it leads to.
func TestAChangeOfAddress(t *testing.T) {
	w := newWorld(t)
	tab := w.tab(browser.Options{})
	for _, name := range []string{"ada", "bob"} {
		tab.Open(w.invite(testkit.Member(name).Build()))
		fillIn(tab)
		w.expectPage(tab, tab.Follow(acceptButton), http.StatusOK, "Welcome to Acme SAS")
		w.becomes(name, usherv1.ObservedActive)
	}

	link := w.changeLink("ada", "ada@acme.example", "lovelace@acme.example")
	w.expectPage(tab, tab.Open(link), http.StatusOK, "Confirm your new address")
	w.Expect(tab.Text("main")).To(And(ContainSubstring("lovelace@acme.example"), Not(ContainSubstring("ada@acme.example"))))
	w.examine(tab, "change")
	w.speak(tab, link, "change")
	tab.Open(link)
	w.expectPage(tab, tab.Follow(confirmButton), http.StatusOK, "Your new address is confirmed")
	w.Expect(tab.URL()).To(Equal(link + "/done"))
	w.examine(tab, "change-done")
	w.speak(tab, link+"/done", "change-done")

	// The member controller follows, and the password is the same as before.
	w.Eventually(func(g Gomega) {
		g.Expect(w.memberOf(g, "ada").Status.Email).To(Equal("lovelace@acme.example"))
	}).Should(Succeed())
	tab.Open(link)
	w.Expect(tab.Text("h1")).To(Equal("Your new address is confirmed"))
	w.Expect(tab.Follow(`main a[href^="/me"]`)).To(Equal(http.StatusOK))
	w.Eventually(func() string { // the directory of addresses may be a moment behind
		tab.Type("#email", "lovelace@acme.example")
		tab.Type("#password", goodPassword)
		tab.Follow("button[value=sign-in]")
		return tab.Text("h1")
	}).Should(Equal("Your profile"))

	link = w.changeLink("bob", "bob@acme.example", "eve@acme.example")
	edit(w, testkit.Member("bob").Build(), func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
	w.expectPage(tab, tab.Open(link), http.StatusGone, "Your access is switched off")
	w.examine(tab, "change-member-disabled")
	edit(w, testkit.Member("bob").Build(), func(m *usherv1.Member) { m.Spec.State = usherv1.StateActive })
	w.expectPage(tab, tab.Open(link), http.StatusOK, "Confirm your new address")
	clock.Step(8 * 24 * time.Hour)
	w.expectPage(tab, tab.Follow(confirmButton), http.StatusGone, "This link has expired")
	w.examine(tab, "change-expired")
	w.admitWithoutAxe()
}
