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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/test/testkit"
)

var _ = Describe("What Usher did not make", func() {
	// theirs is a Secret of a user's.
	theirs := func(name string) *corev1.Secret {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{"key": []byte("value"), "contact-email": []byte("eve@acme.example")},
		}
	}
	untouched := func(w *world, made *corev1.Secret) {
		GinkgoHelper()
		is := read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: made.Name}})
		Expect(is.UID).To(Equal(made.UID))
		Expect(is.ResourceVersion).To(Equal(made.ResourceVersion))
	}

	It("is kept when an account is deleted, although it has the name of the company's Secret", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		made := theirs(credentials.CompanyName(testkit.DefaultAccount))
		made.Labels = map[string]string{usherv1.AccountLabel: testkit.DefaultAccount}
		w.create(made)
		globex := testkit.Account("globex").Build()
		w.create(globex)
		w.create(credentials.NewCompany(globex))
		// Else the manager may list accounts for the first time when they are gone already.
		Eventually(w.account).Should(HaveField("Status.ObservedGeneration", BeEquivalentTo(1)))
		Eventually(func() int64 { return read(w, testkit.Account("globex").Build()).Status.ObservedGeneration }).Should(BeEquivalentTo(1))
		o.settles()
		w.clock.Step(time.Hour) // a Secret that was just made may have been restored before its account
		w.remove(testkit.Account(testkit.DefaultAccount).Build(), testkit.Account("globex").Build())
		Eventually(exists(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: credentials.CompanyName("globex")}})).Should(BeFalse(), "Usher's own goes")
		o.settles()
		untouched(w, made)
	})

	It("is no acceptance, and is kept when the member is deleted, although it has the name of the member's credentials", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		made := []*corev1.Secret{theirs(credentials.Name("ada")), theirs(credentials.Name("bob"))}
		w.create(made[0], made[1])
		w.create(testkit.Member("ada").Build(), testkit.Member("bob").Immediate().Build())
		invalid := be(usherv1.ObservedPending, usherv1.ReasonCredentialsInvalid)
		Eventually(w.member("ada")).Should(invalid)
		Eventually(w.member("bob")).Should(invalid)
		w.disable("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		w.enable("ada")
		Eventually(w.member("ada")).Should(invalid)
		o.settles()
		Expect(w.sink.Mails()).To(BeEmpty(), "no one could answer")
		untouched(w, made[0])

		w.remove(theirs(made[0].Name))
		Eventually(w.member("ada")).Should(beInvited, "as soon as it is gone")
		w.deleteMembers("bob")
		o.settles()
		untouched(w, made[1])
	})

	It("is kept although it has the name of the account's password file and is immutable", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		made := theirs("passwords")
		made.Immutable = ptr.To(true)
		w.create(made)
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) {
			a.Spec.Access = &usherv1.AccountAccess{HtpasswdSecret: made.Name}
		})
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionFalse, usherv1.ReasonNameTaken))
		o.settles()
		untouched(w, made)
	})

	It("is not relabelled where its kind has no namespace, and the plan that names the kind says so", func(ctx SpecContext) {
		w, o := ownsSome(ctx, 1, usherv1.OwnedResource{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"})
		// Another tenant has a member of the same name.
		elsewhere := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{
			Name: w.namespace + "-elsewhere", Labels: map[string]string{usherv1.OwnerLabel: "ada"},
		}}
		Expect(w.api.Create(ctx, elsewhere)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(w.api.Delete(ctx, elsewhere)).To(Succeed()) })
		plan := &usherv1.Plan{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
		Eventually(func() []metav1.Condition { return readCluster(w, plan).Status.Conditions }).
			Should(testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionFalse, usherv1.ReasonKindClusterScoped))

		w.editMember("ada", func(m *usherv1.Member) { m.Spec.ReassignTo = &usherv1.MemberReference{Name: "bob"} })
		w.remove(testkit.Member("ada").Build())
		Eventually(w.member("ada")).
			Should(testkit.HaveCondition(usherv1.ConditionDeletionBlocked, metav1.ConditionTrue, usherv1.ReasonKindClusterScoped))
		o.settles()
		Expect(readCluster(w, elsewhere).Labels).To(HaveKeyWithValue(usherv1.OwnerLabel, "ada"))

		plan.Spec.OwnedResources = plan.Spec.OwnedResources[:1]
		Expect(w.api.Update(ctx, plan)).To(Succeed())
		Eventually(exists(w, testkit.Member("ada").Build())).Should(BeFalse())
		Eventually(func() []metav1.Condition { return readCluster(w, plan).Status.Conditions }).
			Should(testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue, usherv1.ReasonUpToDate))
		Expect(w.owned("bob")()).To(HaveLen(1))
		Expect(readCluster(w, elsewhere).Labels).To(HaveKeyWithValue(usherv1.OwnerLabel, "ada"))
	})
})

var _ = Describe("An account with a name that no label has room for", func() {
	It("still has the credentials deleted that came while their member was deleted", func(ctx SpecContext) {
		w, o := running(ctx, 0)
		name := strings.Repeat("acme-holding.", 10) + "b2b"
		w.create(testkit.Account(name).Build(), testkit.SeatPool("holding").Account(name).Seats(1).Build())
		for round, change := range []func(*corev1.Secret){
			func(*corev1.Secret) {}, func(s *corev1.Secret) { delete(s.Labels, usherv1.AccountLabel) },
		} {
			w.create(testkit.Member("ada").Account(name).Build())
			w.activate("ada")
			late := w.credentials("ada")
			w.deleteMembers("ada")
			o.settles()
			late.ResourceVersion, late.UID = "", ""
			change(late)
			w.clock.Step(time.Hour) // a Secret that was just made may have been restored before its member
			w.create(late)
			Eventually(func() *corev1.Secret { return w.credentials("ada") }).Should(BeNil(), "round %d", round)
		}
	})
})

// readCluster gets an object without a namespace.
func readCluster[T client.Object](w *world, o T) T {
	GinkgoHelper()
	Expect(w.api.Get(context.Background(), client.ObjectKeyFromObject(o), o)).To(Succeed())
	return o
}
