// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/testkit"
)

// TestGate goes through every refusal and every warning, both ways, on a real API server.
func TestGate(t *testing.T) {
	stop := gate(t)

	t.Run("the last admin", func(t *testing.T) {
		w := newWorld(t, nil)
		ada := w.active("ada", "admin")
		w.active("bob", "member")
		later := metav1.NewTime(time.Now().Add(time.Hour))
		ways := map[string]func(*usherv1.Member){
			"disabled":  func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled },
			"demoted":   func(m *usherv1.Member) { m.Spec.Role = "member" },
			"ended":     func(m *usherv1.Member) { m.Spec.AccessUntil = &later },
			"displaced": func(m *usherv1.Member) { m.Spec.Email = "BOB@acme.example" },
		}
		last := MatchError(ContainSubstring("last Active admin of Account acme and cannot be deleted, disabled, demoted or ended; make another member an admin first"))
		for name, way := range ways {
			w.Expect(w.change(ada, way)).To(last, name)
			w.Expect(w.change(ada, way, client.DryRunAll)).To(last, name+", tried")
		}
		w.Expect(w.api.Delete(w.ctx, ada.DeepCopy())).To(last)
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Spec.Email = "lovelace@acme.example" })).To(Succeed(), "an address of its own")
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Spec.GivenName = "Ada" })).To(Succeed())

		w.active("cat", "admin")
		for name, way := range ways {
			if name != "displaced" {
				w.Expect(w.change(ada, way, client.DryRunAll)).To(Succeed(), name)
			}
		}
		w.Expect(w.api.Delete(w.ctx, ada.DeepCopy())).To(Succeed(), "one of two")
	})

	t.Run("the last admin goes with its account", func(t *testing.T) {
		w := newWorld(t, nil)
		ada := w.active("ada", "admin")
		w.Expect(w.api.Delete(w.ctx, testkit.Account(testkit.DefaultAccount).In(w.namespace).Build())).To(Succeed())
		w.Expect(w.api.Delete(w.ctx, ada)).To(Succeed())
	})

	t.Run("the last admin goes with its namespace", func(t *testing.T) {
		w := newWorld(t, nil)
		ada := w.active("ada", "admin")
		w.Expect(w.api.Delete(w.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})).To(Succeed())
		w.Expect(w.api.Delete(w.ctx, ada)).To(Succeed())
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
		w.Expect(w.change(bob, func(m *usherv1.Member) { m.Spec.Role = "admin" })).To(MatchError(ContainSubstring("Members are guest until they have accepted")))
		cat := w.active("cat", "member")
		w.Expect(w.change(cat, func(m *usherv1.Member) { m.Spec.Role = "admin" })).To(Succeed())
	})

	t.Run("what is for sale", func(t *testing.T) {
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

		pool.Status = usherv1.SeatPoolStatus{Capacity: pool.Spec.Seats, Claims: map[string]int64{"a": 1, "b": 2}, Available: new(int32), Waiting: &one, LastGrant: 2}
		w.Expect(w.api.Status().Update(w.ctx, pool)).To(Succeed())
		w.warnings.said = nil
		w.Expect(scale(1)).To(Succeed(), "warned, not refused")
		w.Expect(w.warnings.said).To(ConsistOf(ContainSubstring("2 seats of SeatPool acme-base are claimed and there will be 1")))
		w.warnings.said = nil
		w.Expect(w.api.Create(w.ctx, testkit.Member("bob").In(w.namespace).Build())).To(Succeed())
		w.Expect(w.warnings.said).To(ConsistOf(ContainSubstring("SeatPool acme-base needs 2, 0 free: 2 will wait; add seats with: kubectl scale")))
	})

	t.Run("not for sale, and only while all are assigned", func(t *testing.T) {
		w := newWorld(t, func(s *usherv1.PlanSpec) { s.SeatPurchase = usherv1.SeatPurchase{Policy: usherv1.PurchaseNotAllowed} })
		w.Expect(w.api.Create(w.ctx, testkit.SeatPool("acme-base").In(w.namespace).Seats(1).Build())).To(MatchError(ContainSubstring("sells no seats")))
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
			return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name, Labels: map[string]string{usherv1.OwnerLabel: owner}}}
		}
		refused := MatchError(ContainSubstring("Member bob has no access and takes nothing new"))
		w.Expect(w.api.Create(w.ctx, deal("one", "bob"))).To(refused)
		hers := deal("one", "ada")
		w.Expect(w.api.Create(w.ctx, hers)).To(Succeed())
		hers.Labels[usherv1.OwnerLabel] = "bob"
		w.Expect(w.api.Update(w.ctx, hers.DeepCopy())).To(refused)
		w.Expect(w.change(bob, func(m *usherv1.Member) { m.Spec.State = usherv1.StateActive })).To(Succeed())
		w.Expect(w.api.Update(w.ctx, hers)).To(Succeed())
		w.Expect(w.change(bob, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })).To(Succeed())
		hers.Data = map[string]string{"stage": "won"}
		w.Expect(w.api.Update(w.ctx, hers)).To(Succeed(), "what it owns stays its own")
	})

	t.Run("down", func(t *testing.T) {
		w := newWorld(t, nil)
		ada := w.active("ada", "admin")
		stop()
		w.Expect(w.change(ada, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })).To(Succeed())
	})
}
