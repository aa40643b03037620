// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// ownsSome creates a world whose plan lists ConfigMaps as owned resources, with the Active members Ada, who owns n of them, and Bob.
func ownsSome(ctx context.Context, n int, kinds ...usherv1.OwnedResource) (*world, *operator) {
	GinkgoHelper()
	w := newWorld(ctx, smtpsink.Options{})
	kinds = append([]usherv1.OwnedResource{{APIVersion: "v1", Kind: "ConfigMap"}}, kinds...)
	plan := testkit.Plan(w.namespace).Build()
	plan.Spec.OwnedResources = kinds
	Expect(w.api.Create(ctx, plan)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(w.api.Delete(ctx, plan)).To(Succeed()) })
	account := testkit.Account(testkit.DefaultAccount).Build()
	account.Spec.PlanRef = &usherv1.PlanReference{Name: w.namespace}
	w.create(account, testkit.SeatPool(base).Seats(2).Build())
	o := w.start()
	w.hire("ada", "bob")
	w.activate("ada", "bob")
	for i := range n {
		w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("deal-%04d", i), Labels: map[string]string{usherv1.OwnerLabel: "ada", "stage": "won"},
		}})
	}
	return w, o
}

// owned returns the names of the objects that a member owns.
func (w *world) owned(name string) func() []string {
	return func() []string {
		var list corev1.ConfigMapList
		Expect(w.api.List(context.Background(), &list, client.InNamespace(w.namespace), client.MatchingLabels{usherv1.OwnerLabel: name})).To(Succeed())
		names := []string{}
		for i := range list.Items {
			Expect(list.Items[i].Labels).To(HaveKeyWithValue("stage", "won"), "nothing else changes")
			names = append(names, list.Items[i].Name)
		}
		return names
	}
}

var _ = Describe("A deleted member", func() {
	blocked := func(reason string) types.GomegaMatcher {
		return testkit.HaveCondition(usherv1.ConditionDeletionBlocked, metav1.ConditionTrue, reason)
	}
	gone := func(w *world, name string) func() bool {
		return func() bool { return !exists(w, testkit.Member(name).Build())() }
	}

	It("loses access and seat at once, and is removed once another member has its owned objects", func(ctx SpecContext) {
		w, _ := ownsSome(ctx, 25)
		w.hire("cat")
		Eventually(w.member("cat")).Should(beWaiting)
		w.remove(testkit.Member("ada").Build())
		Eventually(w.member("ada")).Should(blocked(usherv1.ReasonOwnsResources))
		Expect(w.member("ada")()).To(be(usherv1.ObservedDisabled, usherv1.ReasonDeletionBlocked))
		Expect(w.member("ada")().Status.Conditions).To(ContainElement(And(
			HaveField("Type", usherv1.ConditionDeletionBlocked),
			HaveField("Message", And(ContainSubstring("owns 25 (ConfigMap deal-0000"), ContainSubstring("deal-0019 and 5 more"))))))
		Expect(w.credentials("ada")).To(BeNil())
		Eventually(w.member("cat")).Should(beInvited)

		w.editMember("ada", func(m *usherv1.Member) { m.Spec.ReassignTo = &usherv1.MemberReference{Name: "cat"} })
		Eventually(w.member("ada")).Should(blocked(usherv1.ReasonReassignToNotActive))
		Expect(w.owned("ada")()).To(HaveLen(25))
		w.accept("cat")
		Eventually(gone(w, "ada")).Should(BeTrue(), "as soon as the successor is Active")
		Expect(w.owned("cat")()).To(HaveLen(25))
		Expect(w.owned("ada")()).To(BeEmpty())
	})

	It("is removed without a reassignment if it has the annotation", func(ctx SpecContext) {
		w, _ := ownsSome(ctx, 2)
		w.remove(testkit.Member("ada").Build())
		Eventually(w.member("ada")).Should(blocked(usherv1.ReasonOwnsResources))
		w.editMember("ada", func(m *usherv1.Member) { metav1.SetMetaDataAnnotation(&m.ObjectMeta, usherv1.OrphanAnnotation, "true") })
		Eventually(gone(w, "ada")).Should(BeTrue())
		Expect(w.owned("ada")()).To(HaveLen(2))
	})

	It("says what to do if the plan was deleted first, and goes when that is done", func(ctx SpecContext) {
		w, _ := ownsSome(ctx, 1)
		plan := &usherv1.Plan{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
		Expect(w.api.Get(ctx, client.ObjectKeyFromObject(plan), plan)).To(Succeed())
		Expect(w.api.Delete(ctx, plan)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { // ownsSome deletes it
			Expect(client.IgnoreAlreadyExists(w.api.Create(ctx, testkit.Plan(w.namespace).Build()))).To(Succeed())
		})
		w.remove(testkit.Member("ada").Build(), testkit.Member("bob").Build())
		for _, name := range []string{"ada", "bob"} {
			Eventually(w.member(name)).Should(blocked(usherv1.ReasonPlanNotFound))
			Expect(w.member(name)().Status.Conditions).To(ContainElement(And(HaveField("Type", usherv1.ConditionReady), HaveField("Message", And(
				ContainSubstring("no Plan "+w.namespace), ContainSubstring("create it, or correct the Account's spec.planRef"),
				ContainSubstring("kubectl annotate member %s -n %s usher.dev/orphan=true", name, w.namespace))))))
		}
		Eventually(func() []string { return w.holders(base) }).Should(BeEmpty(), "the seats are free all the same")
		w.editMember("ada", func(m *usherv1.Member) { metav1.SetMetaDataAnnotation(&m.ObjectMeta, usherv1.OrphanAnnotation, "true") })
		Eventually(gone(w, "ada")).Should(BeTrue())

		By("creating the plan again")
		plan.ResourceVersion, plan.UID = "", ""
		Expect(w.api.Create(ctx, plan)).To(Succeed())
		Eventually(gone(w, "bob")).Should(BeTrue())
	})

	It("goes once a planRef is corrected that was wrong from the start", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		account := testkit.Account(testkit.DefaultAccount).Build()
		account.Spec.PlanRef = &usherv1.PlanReference{Name: "profesional"}
		w.create(account, testkit.SeatPool(base).Seats(2).Build())
		w.start()
		w.hire("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonPlanNotFound))
		w.remove(testkit.Member("ada").Build())
		Eventually(w.member("ada")).Should(blocked(usherv1.ReasonPlanNotFound))
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Spec.PlanRef = nil })
		Eventually(gone(w, "ada")).Should(BeTrue())
	})

	It("is not delayed if the account is deleted, too", func(ctx SpecContext) {
		w, _ := ownsSome(ctx, 2)
		w.remove(testkit.Member("ada").Build())
		Eventually(w.member("ada")).Should(blocked(usherv1.ReasonOwnsResources))
		w.remove(testkit.Account(testkit.DefaultAccount).Build())
		Eventually(gone(w, "ada")).Should(BeTrue())
	})

	It("reports a kind that is unknown, and continues once the plan is corrected", func(ctx SpecContext) {
		w, _ := ownsSome(ctx, 1, usherv1.OwnedResource{APIVersion: "crm.example/v1", Kind: "Deal"})
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.ReassignTo = &usherv1.MemberReference{Name: "bob"} })
		w.remove(testkit.Member("ada").Build())
		Eventually(w.member("ada")).Should(blocked(usherv1.ReasonKindNotFound))
		plan := &usherv1.Plan{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
		Expect(w.api.Get(ctx, client.ObjectKeyFromObject(plan), plan)).To(Succeed())
		plan.Spec.OwnedResources = plan.Spec.OwnedResources[:1]
		Expect(w.api.Update(ctx, plan)).To(Succeed())
		Eventually(gone(w, "ada")).Should(BeTrue())
		Expect(w.owned("bob")()).To(HaveLen(1))
	})

	It("reports the right that is missing", func(ctx SpecContext) {
		w, o := ownsSome(ctx, 1)
		o.wire.When(func(c testkit.Call) bool { return c.Resource == "configmaps" && c.Verb == "patch" }, testkit.Status(http.StatusForbidden, 0))
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.ReassignTo = &usherv1.MemberReference{Name: "bob"} })
		w.remove(testkit.Member("ada").Build())
		Eventually(w.member("ada")).Should(blocked(usherv1.ReasonOwnershipForbidden))
		Expect(reasonOf(w.member("ada")())).To(Equal(usherv1.ReasonDeletionBlocked))
		o.wire.Heal()
		w.touch()
		Eventually(gone(w, "ada")).Should(BeTrue())
	})

	It("passes on all objects, even if the manager is killed halfway and another client writes one meanwhile", func(ctx SpecContext) {
		w, o := ownsSome(ctx, 620) // more than one page of a list
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.ReassignTo = &usherv1.MemberReference{Name: "bob"} })
		handing := func(c testkit.Call) bool { return c.Resource == "configmaps" && c.Verb == "patch" }
		dead := o.killAt(300, handing, false)
		w.remove(testkit.Member("ada").Build())
		Eventually(dead).Should(BeClosed())
		o.stop()
		Expect(len(w.owned("bob")())).To(And(BeNumerically(">", 0), BeNumerically("<", 620)))
		o = w.start()
		conflicts := 0
		o.wire.When(func(c testkit.Call) bool {
			if handing(c) {
				conflicts++
			}
			return handing(c) && conflicts == 5
		}, testkit.Status(http.StatusConflict, 0))
		Eventually(gone(w, "ada")).Should(BeTrue())
		Expect(w.owned("bob")()).To(HaveLen(620))
		Expect(w.owned("ada")()).To(BeEmpty())
	})
})
