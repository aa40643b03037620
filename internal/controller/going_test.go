// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// What is deleted past the policy of config/policy, which no spec here installs.

// allowDeletion does what the messages about a pool that is being deleted say.
func allowDeletion(p *usherv1.SeatPool) {
	metav1.SetMetaDataAnnotation(&p.ObjectMeta, usherv1.AllowDeletionAnnotation, "true")
}

// blocked matches a pool that waits for its members.
func blocked(members int) types.GomegaMatcher {
	return And(
		testkit.HaveCondition(usherv1.ConditionDeletionBlocked, metav1.ConditionTrue, usherv1.ReasonSeatsInUse),
		testkit.HaveCondition(usherv1.ConditionStalled, metav1.ConditionTrue, usherv1.ReasonSeatsInUse),
		HaveField("Status.Conditions", ContainElement(And(HaveField("Type", usherv1.ConditionReady),
			HaveField("Message", And(ContainSubstring(fmt.Sprint(members, " members keep theirs")),
				ContainSubstring("kubectl annotate seatpool acme-base -n"), ContainSubstring("usher.dev/allow-deletion=true")))))),
	)
}

// neverWithout reports whether a member that was Active stayed so, by all revisions that were written.
func (w *world) neverWithout(name string) bool {
	GinkgoHelper()
	Eventually(func() bool { return w.history.complete(w) }).Should(BeTrue())
	was := false
	for _, r := range w.history.objects() {
		m, ok := r.object.(*usherv1.Member)
		if !ok || m.Name != name {
			continue
		}
		is := m.Status.State == usherv1.ObservedActive
		if was && !is {
			return false
		}
		was = is
	}
	return was
}

var _ = Describe("A seat pool that is being deleted", func() {
	// started has ada Active and bob invited, in a pool with three seats that is being deleted.
	started := func(ctx SpecContext, options ...func(*app.Options)) (*world, *operator) {
		GinkgoHelper()
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(3).Build())
		o := w.start(options...)
		w.hire("ada", "bob")
		w.activate("ada")
		Eventually(w.member("bob")).Should(beInvited)
		w.remove(testkit.SeatPool(base).Build())
		Eventually(w.pool(base)).Should(blocked(2))
		return w, o
	}
	closed := be(usherv1.ObservedPending, usherv1.ReasonSeatPoolNotFound)

	It("keeps its members' seats and access, and gives no new seat", func(ctx SpecContext) {
		w, o := started(ctx)
		w.hire("eve")
		Eventually(w.member("eve")).Should(closed)
		w.activate("bob")
		o.settles()
		Expect(w.member("ada")()).To(beActive)
		Expect(w.holders(base)).To(Equal([]string{"ada", "bob"}))
		Expect(w.member("ada")().Status.Conditions).To(ContainElement(And(HaveField("Type", usherv1.ConditionSeatsAssigned),
			HaveField("Message", "SeatPool acme-base is being deleted; name another in spec.seatPoolRefs"))))
		Expect(w.mailed()).To(ConsistOf("ada", "bob"))

		By("a member that gives its seat back")
		w.disable("bob")
		Eventually(w.pool(base)).Should(blocked(1))
		Eventually(func() []string { return w.holders(base) }).Should(Equal([]string{"ada"}))
		w.enable("bob")
		Eventually(w.member("bob")).Should(closed)
	})

	It("is gone once its members have seats of another, without a moment without access", func(ctx SpecContext) {
		w, _ := started(ctx)
		w.activate("bob")
		w.create(testkit.SeatPool("gold").Seats(1).Build())
		Eventually(func() []string { return w.holders("gold") }).Should(HaveLen(1), "who names no pool moves to the only other one")
		Eventually(w.pool(base)).Should(blocked(1))
		w.scale("gold", 2)
		Eventually(exists(w, testkit.SeatPool(base).Build())).Should(BeFalse())
		Expect(w.holders("gold")).To(Equal([]string{"ada", "bob"}))
		Expect(w.neverWithout("ada")).To(BeTrue())
		Expect(w.neverWithout("bob")).To(BeTrue())
	})

	It("takes its seats back once that is allowed, and grants them again when it is created again", func(ctx SpecContext) {
		w, o := started(ctx)
		edit(w, testkit.SeatPool(base).Build(), allowDeletion)
		Eventually(exists(w, testkit.SeatPool(base).Build())).Should(BeFalse())
		Eventually(func() []string { return w.inState(usherv1.ObservedPending, usherv1.ReasonSeatPoolNotFound) }).Should(Equal([]string{"ada", "bob"}))
		w.create(testkit.SeatPool(base).Seats(2).Build())
		Eventually(w.member("ada")).Should(beActive)
		Eventually(w.member("bob")).Should(beInvited)
		o.settles()
		Expect(w.holders(base)).To(Equal([]string{"ada", "bob"}))
		Expect(w.mailed()).To(HaveLen(2))
	})

	It("is left alone by a restart, and by two managers at once", func(ctx SpecContext) {
		several := func(o *app.Options) { o.LeaderElect = false }
		w, one := started(ctx, several)
		two := w.start(several)
		w.touch()
		one.settles()
		two.settles()
		one.stop()
		three := w.start(several)
		three.settles()
		Expect(w.pool(base)()).To(blocked(2))
		Expect(w.neverWithout("ada")).To(BeTrue())
	})

	It("goes with its account and members, in the order in which a GitOps tool happens to delete them", func(ctx SpecContext) {
		w, _ := started(ctx)
		w.remove(testkit.Account(testkit.DefaultAccount).Build(), testkit.Member("ada").Build(), testkit.Member("bob").Build())
		Eventually(exists(w, testkit.SeatPool(base).Build())).Should(BeFalse())
		Eventually(w.members).Should(BeEmpty())
	})

	It("does not delay the deletion of its namespace", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(3).Build())
		w.start()
		w.hire("ada", "bob")
		w.activate("ada")
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.api.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})).To(Succeed())
		// What the namespace controller does, for one kind after the other, and again until nothing is left.
		kinds := []client.Object{&usherv1.SeatPool{}, &corev1.Secret{}, &usherv1.Account{}, &usherv1.Invitation{}, &usherv1.Member{}, &rbacv1.RoleBinding{}}
		Eventually(func() []string {
			for _, kind := range kinds {
				Expect(w.api.DeleteAllOf(ctx, kind, client.InNamespace(w.namespace))).To(Succeed())
			}
			left := slices.Clone(w.table())
			if exists(w, testkit.SeatPool(base).Build())() {
				left = append(left, base)
			}
			return left
		}).Should(BeEmpty())
	})
})

var _ = Describe("An account that is being deleted", func() {
	const file = "acme-passwords"

	// foreground deletes the account as `kubectl delete --cascade=foreground` does. No garbage collector runs here, so that it stays.
	foreground := func(ctx SpecContext) (*world, *operator) {
		GinkgoHelper()
		w, o := running(ctx, 3)
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Spec.Access = &usherv1.AccountAccess{HtpasswdSecret: file} })
		w.create(testkit.Member("ada").Role("admin").Build(), testkit.Member("bob").Build())
		w.activate("ada")
		Eventually(w.member("bob")).Should(beInvited)
		Eventually(func() string { return string(w.secret(file).Data["auth"]) }).Should(ContainSubstring("ada@acme.example"))
		account := testkit.Account(testkit.DefaultAccount).In(w.namespace).Build()
		Expect(w.api.Delete(ctx, account, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Expect(w.account().DeletionTimestamp).NotTo(BeNil())
		return w, o
	}
	made := func(w *world) func() []string {
		return func() []string {
			GinkgoHelper()
			var list rbacv1.RoleBindingList
			Expect(w.api.List(context.Background(), &list, client.InNamespace(w.namespace))).To(Succeed())
			names := []string{}
			for i := range list.Items {
				names = append(names, list.Items[i].Name)
			}
			if w.secret(file).UID != "" {
				names = append(names, file)
			}
			return names
		}
	}
	ended := be(usherv1.ObservedPending, usherv1.ReasonAccountDeleting)

	It("gives no access and sends no invitation, and nothing is made for it again", func(ctx SpecContext) {
		w, o := foreground(ctx)
		for _, name := range []string{"ada", "bob"} {
			Eventually(w.member(name)).Should(ended)
		}
		Eventually(made(w)).Should(BeEmpty())
		Eventually(func() []string { return w.holders(base) }).Should(BeEmpty())
		Expect(w.visit(w.link("bob", 1))).To(Equal(http.StatusNotFound))
		w.hire("eve")
		w.create(testkit.Member("imm").Immediate().Build())
		Eventually(w.member("eve")).Should(ended)
		Eventually(w.member("imm")).Should(ended)
		Expect(w.api.Delete(ctx, w.invitation("bob")())).To(Succeed()) // as the garbage collector does
		w.touch()
		o.settles()
		Expect(made(w)()).To(BeEmpty())
		Expect(w.invitations()).To(HaveEach(HaveField("Name", "ada")), "none is made for the others")
		Expect(w.credentials("imm")).To(BeNil())
		Expect(w.mailed()).To(ConsistOf("ada", "bob"))
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionFalse, usherv1.ReasonDeleting))
		Expect(w.account().Status.Members.Active).To(BeZero())
		Expect(w.account()).NotTo(testkit.HaveCondition(usherv1.ConditionNoAdmin, metav1.ConditionTrue))

		By("the garbage collector, which is done")
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Finalizers = nil })
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonAccountNotFound))
		w.create(testkit.Account(testkit.DefaultAccount).Build())
		Eventually(w.member("ada")).Should(beActive)
	})

	It("lets go of its members and pools", func(ctx SpecContext) {
		w, _ := foreground(ctx)
		w.remove(testkit.SeatPool(base).Build(), testkit.Member("ada").Build(), testkit.Member("bob").Build())
		Eventually(w.members).Should(BeEmpty())
		Eventually(exists(w, testkit.SeatPool(base).Build())).Should(BeFalse())
	})
})
