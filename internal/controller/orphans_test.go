// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// The API server of the tests has no garbage collector: what goes, Usher deletes.
var _ = Describe("An account that is deleted while no manager runs", func() {
	// left returns what has the account's label, but for its pools and members.
	left := func(w *world) func() []string {
		return func() (names []string) {
			GinkgoHelper()
			for _, list := range []client.ObjectList{&rbacv1.RoleList{}, &rbacv1.RoleBindingList{}, &corev1.SecretList{}} {
				Expect(w.api.List(context.Background(), list, client.InNamespace(w.namespace), client.MatchingLabels{labels.ManagedBy: labels.Usher})).To(Succeed())
				Expect(meta.EachListItem(list, func(o runtime.Object) error {
					names = append(names, o.(client.Object).GetName())
					return nil
				})).To(Succeed())
			}
			secrets := &corev1.SecretList{}
			Expect(w.api.List(context.Background(), secrets, client.InNamespace(w.namespace))).To(Succeed())
			for i := range secrets.Items {
				if secrets.Items[i].Type == credentials.CompanyType {
					names = append(names, secrets.Items[i].Name)
				}
			}
			return names
		}
	}

	It("leaves no company's contact, password file, role or binding behind, and leaves what belongs to others", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		plan := testkit.Plan(w.namespace).Rights("orders:place").Admin("admin").Role("seller", "orders:place").Build()
		Expect(w.api.Create(ctx, plan)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(w.api.Delete(ctx, plan)).To(Succeed()) })
		account := testkit.Account(testkit.DefaultAccount).Build()
		account.Spec.PlanRef = &usherv1.PlanReference{Name: w.namespace}
		account.Spec.Access = &usherv1.AccountAccess{HtpasswdSecret: "passwords"}
		w.create(account, testkit.SeatPool(base).Seats(2).Build(), credentials.NewCompany(account))
		globex, alone := testkit.Account("globex").Build(), testkit.Account("alone").Build()
		w.create(globex, credentials.NewCompany(globex), alone, credentials.NewCompany(alone)) // no member's event wakes the latter
		theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: credentials.CompanyName("initech")}, Data: map[string][]byte{"contact-email": []byte("x")}}
		w.create(theirs)
		o := w.start()
		w.create(testkit.Member("ada").Role("admin").Immediate().Build(), testkit.Member("bob").Role("seller").Immediate().Build())
		Eventually(w.member("ada")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		Eventually(w.member("bob")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		o.settles()
		Expect(len(left(w)())).To(BeNumerically(">=", 7), "three companies, a password file, a role and two bindings: %v", left(w)())
		o.stop()

		w.remove(account, alone)
		w.clock.Step(time.Hour) // a Secret that was just made may have been restored before its account
		next := w.start()
		Eventually(left(w)).Should(Equal([]string{credentials.CompanyName("globex")}))
		next.settles()
		Expect(left(w)()).To(Equal([]string{credentials.CompanyName("globex")}))
		Expect(exists(w, theirs)()).To(BeTrue())
		Expect(w.member("ada")()).To(be(usherv1.ObservedPending, usherv1.ReasonAccountNotFound))
	})

	It("leaves its company's contact for ten minutes, in case that it is restored", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		globex := testkit.Account("globex").Build()
		globex.Namespace = w.namespace
		w.create(credentials.NewCompany(globex), credentials.NewCompany(testkit.Account("hooli").Build()))
		o.settles()
		Expect(left(w)()).To(HaveLen(2), "they may have been restored before their accounts")
		w.create(testkit.Account("globex").Build())
		o.stop()
		w.clock.Step(credentials.RestorePause + time.Minute)
		next := w.start()
		Eventually(left(w)).Should(Equal([]string{credentials.CompanyName("globex")}))
		next.settles()
		Expect(left(w)()).To(Equal([]string{credentials.CompanyName("globex")}))
	})

	It("leaves nothing either if no label or Secret has room for its name", func(ctx SpecContext) {
		w, o := running(ctx, 0)
		var made []*usherv1.Account
		for _, end := range []string{"-a", "-b"} {
			account := testkit.Account(strings.Repeat("acme-holding.", 19) + "b2b" + end).Build()
			account.Spec.DisplayName = "Acme"
			w.create(account, credentials.NewCompany(account))
			made = append(made, account)
		}
		o.settles()
		o.stop()
		w.remove(made[0])
		w.clock.Step(time.Hour)
		next := w.start()
		Eventually(left(w)).Should(Equal([]string{credentials.CompanyName(made[1].Name)}))
		next.settles()
		Expect(left(w)()).To(Equal([]string{credentials.CompanyName(made[1].Name)}))
	})
})
