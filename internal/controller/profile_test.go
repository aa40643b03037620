// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"net/http"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/test/testkit"
)

var _ = Describe("A profile", func() {
	rename := func(given string) url.Values {
		return url.Values{"action": {"details"}, "given_name": {given}, "family_name": {"King"}}
	}

	It("that its member edits sets the member's display name", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		cookies := w.signIn("ada")
		for _, given := range []string{"Ada", "Augusta"} {
			Expect(w.request(http.MethodPost, "/me", rename(given), cookies...).Code).To(Equal(http.StatusSeeOther))
			Eventually(w.member("ada")).Should(HaveField("Status.DisplayName", given+" King"))
		}
		Expect(w.member("ada")().Status.ProfileGeneration).To(BeEquivalentTo(2))
		o.settles()

		By("changing the member's address")
		w.readdress("ada", "countess")
		Expect(w.credentials("ada").Data).To(HaveKeyWithValue("given-name", []byte("Augusta")))
		Expect(w.request(http.MethodPost, "/me", rename("Eve"), cookies...).Code).To(Equal(http.StatusForbidden), "signed out")
		Eventually(w.member("ada")).Should(HaveField("Status.DisplayName", "Augusta King"))
		o.settles()
	})

	It("of an admin sets the contact in the next mails, and is deleted with the account", func(ctx SpecContext) {
		w, _ := running(ctx, 2)
		w.create(testkit.Member("ada").Role("admin").Build())
		w.activate("ada")
		Expect(w.request(http.MethodPost, "/me", url.Values{
			"action": {"company"}, "contact_email": {"desk@acme.example"},
		}, w.signIn("ada")...).Code).To(Equal(http.StatusSeeOther))
		w.hire("bob")
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.mails("bob")[0].Text).To(ContainSubstring("desk@acme.example"))

		w.remove(testkit.Account(testkit.DefaultAccount).Build())
		Eventually(func() bool {
			err := w.api.Get(ctx, types.NamespacedName{Namespace: w.namespace, Name: "usher-account-acme"}, &corev1.Secret{})
			return client.IgnoreNotFound(err) == nil && apierrors.IsNotFound(err)
		}).Should(BeTrue())
	})
})
