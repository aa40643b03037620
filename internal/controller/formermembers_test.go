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

// retain sets how many deleted members the account remembers.
func (w *world) retain(n int32) {
	GinkgoHelper()
	edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Spec.RetainFormerMembers = &n })
}

// deleteMembers deletes members and waits until they are gone.
func (w *world) deleteMembers(names ...string) {
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

	It("are forgotten at once when the account retains fewer, oldest first", func(ctx SpecContext) {
		w, o := running(ctx, 3)
		w.hire("ada", "bob", "cat")
		for _, name := range []string{"ada", "bob", "cat"} {
			Eventually(w.member(name)).Should(beInvited)
		}
		w.deleteMembers("ada")
		w.deleteMembers("bob")
		w.deleteMembers("cat")
		Expect(remembered(w)()).To(ConsistOf("ada", "bob", "cat"))
		first := remembered(w)()[0]
		w.retain(1)
		Eventually(remembered(w)).Should(Equal([]string{first}))
		w.retain(0)
		Eventually(remembered(w)).Should(BeEmpty())
		o.settles()
		w.retain(50)
		o.settles()
		Expect(remembered(w)()).To(BeEmpty(), "forgotten members do not come back")
	})

	It("leave no name or address in an account that retains none, and a new member of the same name does not get their acceptance", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.retain(0)
		w.hire("ada")
		w.activate("ada")
		late := w.credentials("ada")
		w.deleteMembers("ada")
		account := w.account()
		account.ManagedFields = nil
		all, err := json.Marshal(account)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(all)).NotTo(ContainSubstring(`"ada`))
		Expect(w.credentials("ada")).To(BeNil())

		// A form that was sent while the member was deleted arrives now. Then a new member of the same name is created.
		late.ObjectMeta.ResourceVersion, late.ObjectMeta.UID = "", ""
		w.create(late)
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		Eventually(func() bool { return w.credentials("ada") == nil }).Should(BeTrue(), credentials.Name("ada")+" belongs to another person")
	})
})
