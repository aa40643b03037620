// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// retain has the account remember that many deleted members.
func (w *world) retain(n int32) {
	GinkgoHelper()
	edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Spec.RetainFormerMembers = &n })
}

// leave deletes members and waits until they are gone.
func (w *world) leave(names ...string) {
	GinkgoHelper()
	for _, name := range names {
		w.remove(testkit.Member(name).Build())
		Eventually(exists(w, testkit.Member(name).Build())).Should(BeFalse())
	}
}

var _ = Describe("Former members", func() {
	remembered := func(w *world) func() []string {
		return func() []string {
			names := []string{}
			for _, f := range w.account().Status.FormerMembers {
				names = append(names, f.Name)
			}
			return names
		}
	}

	It("are forgotten at once when the account retains fewer, the oldest first", func(ctx SpecContext) {
		w, o := running(ctx, 3)
		w.hire("ada", "bob", "cat")
		for _, name := range []string{"ada", "bob", "cat"} {
			Eventually(w.member(name)).Should(beInvited)
		}
		w.leave("ada")
		w.leave("bob")
		w.leave("cat")
		Expect(remembered(w)()).To(ConsistOf("ada", "bob", "cat"))
		first := remembered(w)()[0]
		w.retain(1)
		Eventually(remembered(w)).Should(Equal([]string{first}))
		w.retain(0)
		Eventually(remembered(w)).Should(BeEmpty())
		o.settles()
		w.retain(50)
		o.settles()
		Expect(remembered(w)()).To(BeEmpty(), "what is forgotten stays so")
	})

	It("leave neither name nor address with an account that retains nobody, and yet no acceptance to a namesake", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.retain(0)
		w.hire("ada")
		w.activate("ada")
		late := w.credentials("ada")
		w.leave("ada")
		account := w.account()
		account.ManagedFields = nil
		all, err := json.Marshal(account)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(all)).NotTo(ContainSubstring(`"ada`))
		Expect(w.credentials("ada")).To(BeNil())

		// A form that was answered while the member went arrives now, and then somebody of that name is hired.
		late.ObjectMeta.ResourceVersion, late.ObjectMeta.UID = "", ""
		w.create(late)
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		Eventually(func() bool { return w.credentials("ada") == nil }).Should(BeTrue(), credentials.Name("ada")+" is another person's")
	})
})
