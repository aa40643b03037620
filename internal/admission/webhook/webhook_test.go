// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// TestGate covers every refusal and every warning, both ways, on a real API server.
func TestGate(t *testing.T) {
	site := serve(t)

	t.Run("the last admin", func(t *testing.T) {
		w := newWorld(t, nil)
		ada := w.active("ada", "admin")
		w.active("bob", "member")
		ways := map[string]func(*usherv1.Member){
			"disabled": func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled },
			"demoted":  func(m *usherv1.Member) { m.Spec.Role = "member" },
			"given the address of another member": func(m *usherv1.Member) {
				m.Spec.Activation, m.Spec.Email = usherv1.ActivateImmediately, "BOB@acme.example"
			},
		}
		last := func(what, closing string) OmegaMatcher {
			return MatchError(ContainSubstring("Member ada is the last Active admin of Account acme and cannot be " + what +
				"; make another member an admin and wait until it is Active, or " + closing + " the Account to close it"))
		}
		for what, way := range ways {
			w.Expect(w.change(ada, way)).To(last(what, "disable"))
			w.Expect(w.change(ada, way, client.DryRunAll)).To(last(what, "disable"), "dry run")
		}
		past, soon := metav1.NewTime(time.Now().Add(-time.Hour)), metav1.NewTime(time.Now().Add(time.Hour))
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Spec.AccessUntil = &past })).To(last("disabled", "disable"))
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Spec.Email = "BOB@acme.example" }, client.DryRunAll)).
			To(Succeed(), "the address in use stays")
		w.Expect(w.api.Delete(w.ctx, ada.DeepCopy())).To(last("deleted", "delete"))
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Spec.Email = "lovelace@acme.example" })).To(Succeed(), "an address of its own")
		w.Expect(w.warnings.said).To(BeEmpty())
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Spec.AccessUntil = &soon })).To(Succeed(), "there is time to appoint another")
		w.Expect(w.warnings.said).To(
			ConsistOf(And(ContainSubstring("last Active admin of Account acme, and its access ends at "+soon.UTC().Format(time.RFC3339)),
				ContainSubstring("make another member an admin before that"))))

		w.active("cat", "admin")
		for what, way := range ways {
			if !strings.Contains(what, "address") {
				w.Expect(w.change(ada, way, client.DryRunAll)).To(Succeed(), what)
			}
		}
		w.Expect(w.api.Delete(w.ctx, ada.DeepCopy())).To(Succeed(), "one of two")
	})

	t.Run("the last admin is deleted with its account", func(t *testing.T) {
		w := newWorld(t, nil)
		ada, eve := w.active("ada", "admin"), w.active("eve", "member")
		account := testkit.Account(testkit.DefaultAccount).In(w.namespace).Build()
		w.Expect(w.api.Delete(w.ctx, account, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		w.Expect(w.api.Get(w.ctx, client.ObjectKeyFromObject(account), account)).To(Succeed(), "it waits for its dependents")
		w.Expect(w.api.Delete(w.ctx, ada)).To(Succeed())
		account.Finalizers = nil
		w.Expect(w.api.Update(w.ctx, account)).To(Succeed())
		w.Expect(w.change(eve, func(m *usherv1.Member) { m.Spec.Role = "boss" })).To(Succeed(), "it has no plan any longer")
		w.Expect(w.warnings.said).To(BeEmpty())
	})

	t.Run("the last admin is deleted with its namespace", func(t *testing.T) {
		w := newWorld(t, nil)
		ada := w.active("ada", "admin")
		w.Expect(w.api.Delete(w.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})).To(Succeed())
		w.Expect(w.api.Delete(w.ctx, ada)).To(Succeed())
	})

	t.Run("the garbage collector may delete the last admin", func(t *testing.T) {
		w := newWorld(t, nil)
		ada := w.active("ada", "admin")
		collector := server.Config()
		collector.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:kube-system:generic-garbage-collector",
			Groups: []string{"system:masters"}}
		api, err := client.New(collector, client.Options{Scheme: testkit.Scheme()})
		w.Expect(err).NotTo(HaveOccurred())
		w.Expect(api.Delete(w.ctx, ada)).To(Succeed())
	})

	t.Run("a deleted member's finalizer can be removed", func(t *testing.T) {
		w := newWorld(t, nil)
		ada, cat := w.active("ada", "admin"), w.active("cat", "admin")
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Finalizers = []string{"usher.dev/release"} })).To(Succeed())
		w.Expect(w.api.Delete(w.ctx, ada)).To(Succeed())
		w.Expect(w.api.Delete(w.ctx, cat)).To(MatchError(ContainSubstring("last Active admin")), "a member that is being deleted does not count")
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Finalizers = nil })).To(Succeed())
		w.Expect(client.IgnoreNotFound(w.api.Get(w.ctx, client.ObjectKeyFromObject(ada), ada))).To(Succeed())
		w.Expect(ada.Finalizers).To(BeEmpty())
	})

	t.Run("roles and rights", func(t *testing.T) {
		w := newWorld(t, nil)
		boss := testkit.Member("boss").In(w.namespace).Role("boss").Build()
		w.Expect(w.api.Create(w.ctx, boss)).To(MatchError(ContainSubstring("has no role boss; its roles are member, guest, admin")))
		fly := testkit.Member("fly").In(w.namespace).Rights("planes:fly").Build()
		w.Expect(w.api.Create(w.ctx, fly)).To(MatchError(ContainSubstring("has no right planes:fly; its rights are orders:place")))
		bob := testkit.Member("bob").In(w.namespace).Role("guest").Rights("orders:place").Build()
		w.Expect(w.api.Create(w.ctx, bob)).To(Succeed())
		w.Expect(w.change(bob, func(m *usherv1.Member) { m.Spec.Role = "boss" })).To(MatchError(ContainSubstring("has no role boss")))
		w.Expect(w.change(bob, func(m *usherv1.Member) { m.Spec.Role = "member" })).To(Succeed())
	})

	t.Run("the role until the acceptance", func(t *testing.T) {
		w := newWorld(t, func(s *usherv1.PlanSpec) { s.InvitedRole = "guest" })
		bob := testkit.Member("bob").In(w.namespace).Role("member").Build()
		w.Expect(w.api.Create(w.ctx, bob)).To(Succeed())
		w.Expect(w.change(bob, func(m *usherv1.Member) { m.Spec.Role = "admin" })).To(
			MatchError(ContainSubstring("The account's plan gives members the role guest until they have accepted")))
		cat := w.active("cat", "member")
		w.Expect(w.change(cat, func(m *usherv1.Member) { m.Spec.Role = "admin" })).To(Succeed())
	})

	t.Run("the seats that the plan sells", func(t *testing.T) {
		w := newWorld(t, nil)
		pool := testkit.SeatPool("acme-base").In(w.namespace).Seats(3).Build()
		w.Expect(w.api.Create(w.ctx, pool.DeepCopy())).To(MatchError(ContainSubstring("sells at most 2 seats")))
		one := int32(1)
		pool.Spec.Seats = &one
		w.Expect(w.api.Create(w.ctx, pool)).To(Succeed())
		scale := func(n int32, options ...client.SubResourceUpdateOption) error {
			return w.api.SubResource("scale").Update(w.ctx, pool.DeepCopy(), append(options, client.WithSubResourceBody(
				&autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: n}}))...)
		}
		w.Expect(scale(3)).To(MatchError(ContainSubstring("sells at most 2 seats")))
		w.Expect(scale(2)).To(Succeed())
		w.Expect(w.api.Get(w.ctx, client.ObjectKeyFromObject(pool), pool)).To(Succeed())
		w.Expect(*pool.Spec.Seats).To(BeEquivalentTo(2))

		pool.Status = usherv1.SeatPoolStatus{Capacity: pool.Spec.Seats, Claims: map[string]int64{"a": 1, "b": 2}, Available: new(int32),
			Waiting: &one, LastGrant: 2}
		w.Expect(w.api.Status().Update(w.ctx, pool)).To(Succeed())
		w.warnings.said = nil
		w.Expect(scale(1)).To(Succeed(), "warned, not refused")
		w.Expect(w.warnings.said).To(ConsistOf(ContainSubstring("2 seats of SeatPool acme-base are claimed and there will be 1")))
		w.warnings.said = nil
		w.Expect(w.api.Create(w.ctx, testkit.Member("bob").In(w.namespace).Build())).To(Succeed())
		w.Expect(w.warnings.said).To(
			ConsistOf(ContainSubstring("SeatPool acme-base needs 2, 0 free: 2 will wait; add seats with: kubectl scale")))
	})

	t.Run("no seats for sale, and seats only while all are assigned", func(t *testing.T) {
		w := newWorld(t, func(s *usherv1.PlanSpec) { s.SeatPurchase = usherv1.SeatPurchase{Policy: usherv1.PurchaseNotAllowed} })
		w.Expect(w.api.Create(w.ctx, testkit.SeatPool("acme-base").In(w.namespace).Seats(1).Build())).To(
			MatchError(ContainSubstring("sells no seats")))
		w.Expect(w.api.Create(w.ctx, testkit.SeatPool("acme-base").In(w.namespace).Build())).To(Succeed())

		yes := true
		w = newWorld(t, func(s *usherv1.PlanSpec) { s.SeatPurchase = usherv1.SeatPurchase{WhenFull: &yes} })
		pool := testkit.SeatPool("acme-base").In(w.namespace).Seats(1).Build()
		w.Expect(w.api.Create(w.ctx, pool)).To(Succeed())
		one, two := int32(1), int32(2)
		pool.Status = usherv1.SeatPoolStatus{Capacity: &one, Assigned: new(int32)}
		w.Expect(w.api.Status().Update(w.ctx, pool)).To(Succeed())
		pool.Spec.Seats = &two
		w.Expect(w.api.Update(w.ctx, pool.DeepCopy())).To(MatchError(ContainSubstring("sells seats only while all are assigned")))
		pool.Status.Assigned, pool.Spec.Seats = &one, &one
		w.Expect(w.api.Status().Update(w.ctx, pool)).To(Succeed())
		pool.Spec.Seats = &two
		w.Expect(w.api.Update(w.ctx, pool)).To(Succeed())
	})

	t.Run("a new owner", func(t *testing.T) {
		w := newWorld(t, nil)
		w.active("ada", "admin")
		bob := testkit.Member("bob").In(w.namespace).Disabled().Build()
		w.Expect(w.api.Create(w.ctx, bob)).To(Succeed())
		deal := func(name, owner string) *corev1.ConfigMap {
			return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name,
				Labels: map[string]string{usherv1.OwnerLabel: owner}}}
		}
		refused := MatchError(ContainSubstring("Member bob has no access and cannot become an owner"))
		w.Expect(w.api.Create(w.ctx, deal("one", "bob"))).To(refused)
		hers := deal("one", "ada")
		w.Expect(w.api.Create(w.ctx, hers)).To(Succeed())
		hers.Labels[usherv1.OwnerLabel] = "bob"
		w.Expect(w.api.Update(w.ctx, hers.DeepCopy())).To(refused)
		w.Expect(w.change(bob, func(m *usherv1.Member) { m.Spec.State = usherv1.StateActive })).To(Succeed())
		w.Expect(w.api.Update(w.ctx, hers)).To(Succeed())
		w.Expect(w.change(bob, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })).To(Succeed())
		hers.Data = map[string]string{"stage": "won"}
		w.Expect(w.api.Update(w.ctx, hers)).To(Succeed(), "it keeps what it owns")
	})

	t.Run("a new owner with a long name", func(t *testing.T) {
		w := newWorld(t, nil)
		name := strings.Repeat("augusta-", 10) + "king"
		w.Expect(w.api.Create(w.ctx, testkit.Member(name).In(w.namespace).Email("king@acme.example").Disabled().Build())).To(Succeed())
		deal := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "deal",
			Labels: map[string]string{usherv1.OwnerLabel: labels.Value(name)}}}
		w.Expect(w.api.Create(w.ctx, deal)).To(MatchError(ContainSubstring("Member " + name + " has no access")))
	})

	t.Run("enabling where no seat is free", func(t *testing.T) {
		w := newWorld(t, nil)
		pool := testkit.SeatPool("acme-base").In(w.namespace).Seats(1).Build()
		w.Expect(w.api.Create(w.ctx, pool)).To(Succeed())
		pool.Status = usherv1.SeatPoolStatus{Capacity: pool.Spec.Seats, Available: new(int32), Waiting: new(int32)}
		w.Expect(w.api.Status().Update(w.ctx, pool)).To(Succeed())
		bob := testkit.Member("bob").In(w.namespace).Disabled().Build()
		w.Expect(w.api.Create(w.ctx, bob)).To(Succeed())
		w.Expect(w.warnings.said).To(BeEmpty(), "Disabled, it wants no seat")
		w.Expect(w.change(bob, func(m *usherv1.Member) { m.Spec.State = usherv1.StateActive })).To(Succeed())
		w.Expect(w.warnings.said).To(ConsistOf(ContainSubstring("SeatPool acme-base needs 1, 0 free: 1 will wait")))
		w.Expect(w.change(bob, func(m *usherv1.Member) { m.Spec.GivenName = "Bob" })).To(Succeed())
		w.Expect(w.warnings.said).To(HaveLen(1), "warned once")
	})

	t.Run("another plan", func(t *testing.T) {
		w := newWorld(t, nil)
		w.active("ada", "admin")
		w.active("bob", "guest")
		basic := testkit.Plan(w.namespace + "-basic").Build()
		w.Expect(w.api.Create(w.ctx, basic)).To(Succeed())
		pool := testkit.SeatPool("acme-base").In(w.namespace).Seats(2).Build()
		w.Expect(w.api.Create(w.ctx, pool)).To(Succeed())
		pool.Status = usherv1.SeatPoolStatus{Capacity: pool.Spec.Seats, Claims: map[string]int64{"a": 1, "b": 2}, LastGrant: 2}
		w.Expect(w.api.Status().Update(w.ctx, pool)).To(Succeed())
		basic.Spec.SeatPurchase.Policy = usherv1.PurchaseNotAllowed
		w.Expect(w.api.Update(w.ctx, basic)).To(Succeed())
		account := testkit.Account(testkit.DefaultAccount).In(w.namespace).Build()
		move := func(plan string) {
			w.Expect(w.api.Get(w.ctx, client.ObjectKeyFromObject(account), account)).To(Succeed())
			account.Spec.PlanRef.Name = plan
			w.warnings.said = nil
			w.Expect(w.api.Update(w.ctx, account, client.DryRunAll)).To(Succeed(), "warned, not refused")
		}
		move(basic.Name)
		w.Expect(w.warnings.said).To(ConsistOf(
			And(ContainSubstring("2 members have no access until their spec fits the plan (ada, bob)"), ContainSubstring("its roles are member")),
			ContainSubstring("No member of Account acme is an Active admin under the new plan"),
			ContainSubstring("2 seats of SeatPool acme-base are claimed and there will be 0"),
		))
		move("nowhere")
		w.Expect(w.warnings.said).To(ConsistOf(ContainSubstring("There is no Plan nowhere; create it")))
		move(w.namespace)
		w.Expect(w.warnings.said).To(BeEmpty())
	})

	t.Run("failed reads", func(t *testing.T) {
		w := newWorld(t, nil)
		ada := w.active("ada", "admin")
		pool := testkit.SeatPool("acme-base").In(w.namespace).Build()
		w.Expect(w.api.Create(w.ctx, pool)).To(Succeed())
		site.reads.fail.Store(true)
		defer site.reads.fail.Store(false)
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })).To(Succeed())
		w.Expect(w.warnings.said).To(ConsistOf(ContainSubstring("Usher could not read what it needs")))
		three := client.WithSubResourceBody(&autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 3}})
		w.Expect(w.api.SubResource("scale").Update(w.ctx, pool, three)).To(Succeed())
		w.Expect(w.warnings.said).To(HaveLen(2))
	})

	t.Run("webhooks that are down", func(t *testing.T) {
		w := newWorld(t, nil)
		ada := w.active("ada", "admin")
		site.stop()
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })).To(Succeed())
	})
}
