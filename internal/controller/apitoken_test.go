// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// apiToken returns a member's API token; empty if it has none.
func (w *world) apiToken(name string) string {
	GinkgoHelper()
	if secret := w.credentials(name); secret != nil {
		return string(secret.Data[credentials.KeyAPIToken])
	}
	return ""
}

var _ = Describe("An API token", func() {
	disabled := be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec)
	ofCredentials := func(c testkit.Call) bool {
		_, ofMember := credentials.MemberOf(c.Name)
		return c.Verb == "update" && c.Resource == "secrets" && ofMember
	}

	It("is replaced once each time its member is disabled, and at no other time", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.create(testkit.Member("bob").Immediate().Build())
		w.hire("ada")
		w.activate("ada")
		first := w.apiToken("ada")
		Expect(first).NotTo(BeEmpty())
		cookies := w.signIn("ada")
		seen := []string{first}
		for range 3 {
			w.disable("ada")
			Eventually(func() string { return w.apiToken("ada") }).ShouldNot(BeElementOf(seen))
			now := w.apiToken("ada")
			Expect(w.member("ada")()).To(disabled)
			o.settles()
			w.touch()
			o.stop()
			o = w.start()
			o.settles()
			Expect(w.apiToken("ada")).To(Equal(now), "neither a reconcile nor a new manager replaces it")
			w.enable("ada")
			Eventually(w.member("ada")).Should(beActive)
			o.settles()
			Expect(w.apiToken("ada")).To(Equal(now), "no old token is valid again")
			seen = append(seen, now)
		}
		Expect(w.credentials("ada").Data).To(HaveKey(credentials.KeyPasswordHash))
		Expect(w.request(http.MethodGet, "/me", nil, cookies...).Body.String()).NotTo(ContainSubstring(`value="sign-out"`), "sessions end, too")
		Expect(w.apiToken("bob")).NotTo(BeElementOf(seen))
	})

	It("is replaced when the account is disabled, and deleted with the member", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.create(testkit.Member("bob").Immediate().Build())
		Eventually(w.member("bob")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		first := w.apiToken("bob")
		account := testkit.Account(testkit.DefaultAccount).Build()
		edit(w, account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		Eventually(func() string { return w.apiToken("bob") }).ShouldNot(Equal(first))
		second := w.apiToken("bob")
		edit(w, account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateActive })
		Eventually(w.member("bob")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		o.settles()
		Expect(w.apiToken("bob")).To(Equal(second))
		w.remove(testkit.Member("bob").Build())
		Eventually(func() string { return w.apiToken("bob") }).Should(BeEmpty())
	})

	It("is replaced before the next waiting member gets the seat, or the member gets it back", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		first := w.apiToken("ada")
		w.hire("bob")
		Eventually(w.member("bob")).Should(beWaiting)
		o.settles()

		o.wire.When(ofCredentials, testkit.Refused)
		w.disable("ada")
		Eventually(w.member("ada")).Should(disabled)
		Consistently(func() []string { return w.holders(base) }).WithTimeout(2 * time.Second).Should(Equal([]string{"ada"}))
		w.enable("ada")
		Consistently(w.member("ada")).WithTimeout(2*time.Second).Should(disabled, "not Active with the old token")
		Expect(w.apiToken("ada")).To(Equal(first))
		o.wire.Heal()
		Eventually(w.member("ada")).Should(beActive)
		Expect(w.apiToken("ada")).NotTo(Equal(first))

		second := w.apiToken("ada")
		w.disable("ada")
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.apiToken("ada")).NotTo(BeElementOf(first, second))
	})

	for name, lost := range map[string]bool{"right before": true, "right after": false} {
		It("is replaced once, even if the manager is killed "+name, func(ctx SpecContext) {
			w, o := running(ctx, 1)
			w.hire("ada")
			w.activate("ada")
			first := w.apiToken("ada")
			o.settles()
			dead := o.killAt(1, ofCredentials, lost)
			w.disable("ada")
			Eventually(dead).Should(BeClosed())
			o.kill()
			then := w.apiToken("ada")
			Expect(then == first).To(Equal(lost))
			o = w.start()
			Eventually(func() []string { return w.holders(base) }).Should(BeEmpty())
			o.settles()
			Expect(w.apiToken("ada")).NotTo(Equal(first))
			if !lost {
				Expect(w.apiToken("ada")).To(Equal(then))
			}
		})
	}
})
