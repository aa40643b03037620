// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"encoding/json"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// No client can oversell seats, not even an administrator or a broken build of Usher: the API server refuses a ledger
// that grows beyond the capacity.
var _ = Describe("The ledger", func() {
	var pool *v1alpha1.SeatPool

	create := func(ctx context.Context, seats int32) {
		GinkgoHelper()
		pool = testkit.SeatPool("base").In(testkit.Namespace(ctx, server)).Seats(seats).Build()
		Expect(c.Create(ctx, pool)).To(Succeed())
	}
	// write does what the SeatPool reconciler does: one PUT of the whole status.
	write := func(ctx context.Context, capacity *int32, members ...string) error {
		GinkgoHelper()
		Expect(c.Get(ctx, client.ObjectKeyFromObject(pool), pool)).To(Succeed())
		pool.Status.Capacity, pool.Status.Claims = capacity, claims(members...)
		return c.Status().Update(ctx, pool)
	}
	full := BeRefused("status.claims", ledgerFull)

	It("accepts claims up to the capacity at the first write, and none beyond", func(ctx SpecContext) {
		create(ctx, 2)
		Expect(write(ctx, new(int32(2)), "a", "b", "c")).To(full)
		Expect(write(ctx, new(int32(2)), "a", "b")).To(Succeed())
		Expect(write(ctx, new(int32(2)), "a", "b", "c")).To(full)
	})

	It("accepts no claim without seats", func(ctx SpecContext) {
		create(ctx, 0)
		Expect(write(ctx, new(int32(0)), "a")).To(full)
		Expect(write(ctx, new(int32(0)))).To(Succeed())
	})

	It("accepts no claim while the status has no capacity", func(ctx SpecContext) {
		create(ctx, 2)
		Expect(write(ctx, nil, "a")).To(full)
	})

	It("does not trust a capacity that was written by hand", func(ctx SpecContext) {
		create(ctx, 2)
		Expect(write(ctx, new(int32(100)))).To(Succeed(), "a capacity alone grants nothing")
		Expect(write(ctx, new(int32(100)), "a", "b", "c")).To(full)
		Expect(write(ctx, new(int32(100)), "a", "b")).To(Succeed())
	})

	It("respects a capacity below the seats", func(ctx SpecContext) {
		create(ctx, 5)
		Expect(write(ctx, new(int32(1)), "a", "b")).To(full)
		Expect(write(ctx, new(int32(1)), "a")).To(Succeed())
	})

	It("counts the seats that the plan includes", func(ctx SpecContext) {
		create(ctx, 2)
		pool.Status.Included = 1
		Expect(c.Status().Update(ctx, pool)).To(Succeed())
		Expect(write(ctx, new(int32(3)), "a", "b", "c")).To(Succeed())
		Expect(write(ctx, new(int32(4)), "a", "b", "c", "d")).To(full)
	})

	It("stays valid when seats are removed, may shrink, and grows only within the remaining seats", func(ctx SpecContext) {
		create(ctx, 3)
		Expect(write(ctx, new(int32(3)), "a", "b", "c")).To(Succeed())
		pool.Spec.Seats = new(int32(1))
		Expect(c.Update(ctx, pool)).To(Succeed(), "no member is evicted")
		Expect(pool.Status.Claims).To(HaveLen(3))

		Expect(write(ctx, new(int32(1)), "a", "b", "c")).To(Succeed(), "the new capacity with the old claims")
		Expect(write(ctx, new(int32(1)), "a", "b", "c", "d")).To(full)
		Expect(write(ctx, new(int32(1)), "a", "b")).To(Succeed())
		Expect(write(ctx, new(int32(1)), "a", "b", "c")).To(full)
		Expect(write(ctx, new(int32(1)))).To(Succeed())
		Expect(write(ctx, new(int32(1)), "d", "e")).To(full)
		Expect(write(ctx, new(int32(1)), "d")).To(Succeed())

		pool.Spec.Seats = new(int32(2))
		Expect(c.Update(ctx, pool)).To(Succeed())
		Expect(write(ctx, new(int32(2)), "d", "e")).To(Succeed())
	})

	It("cannot be bypassed through a lost status", func(ctx SpecContext) {
		create(ctx, 2)
		Expect(write(ctx, new(int32(2)), "a", "b")).To(Succeed())
		for _, wiped := range []string{`{"status":null}`, `{"status":{"claims":null,"capacity":null}}`} {
			Expect(c.Status().Patch(ctx, pool, client.RawPatch(types.MergePatchType, []byte(wiped)))).To(Succeed())
			Expect(pool.Status.Claims).To(BeEmpty())
			Expect(write(ctx, new(int32(3)), "a", "b", "c")).To(full)
			Expect(write(ctx, new(int32(2)), "a", "b")).To(Succeed(), "it can be rebuilt from what members hold")
		}
	})

	It("cannot be bypassed through patches and server-side apply", func(ctx SpecContext) {
		create(ctx, 1)
		Expect(write(ctx, new(int32(1)), "a")).To(Succeed())
		merge := []byte(`{"status":{"claims":{"b":2}}}`)
		Expect(c.Status().Patch(ctx, pool, client.RawPatch(types.MergePatchType, merge))).To(full)
		add := []byte(`[{"op":"add","path":"/status/claims/b","value":2}]`)
		Expect(c.Status().Patch(ctx, pool, client.RawPatch(types.JSONPatchType, add))).To(full)
		applied, err := json.Marshal(map[string]any{
			"apiVersion": v1alpha1.GroupVersion.String(), "kind": "SeatPool", "metadata": map[string]any{"name": pool.Name},
			"status": map[string]any{"claims": claims("a", "b")},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Status().Patch(ctx, pool, client.RawPatch(types.ApplyYAMLPatchType, applied),
			client.ForceOwnership, client.FieldOwner("intruder"))).To(full)
	})

	It("cannot be created with a new object", func(ctx SpecContext) {
		pool := testkit.SeatPool("base").In(testkit.Namespace(ctx, server)).Status(func(s *v1alpha1.SeatPoolStatus) {
			s.Claims = claims("a", "b")
		}).Build()
		Expect(c.Create(ctx, pool)).To(Succeed())
		Expect(pool.Status.Claims).To(BeEmpty())
	})

	It("uses optimistic locking: of two writers with one resourceVersion, one is refused", func(ctx SpecContext) {
		create(ctx, 1)
		other := pool.DeepCopy()
		pool.Status.Capacity, pool.Status.Claims = new(int32(1)), claims("a")
		other.Status.Capacity, other.Status.Claims = new(int32(1)), claims("b")
		Expect(c.Status().Update(ctx, pool)).To(Succeed())
		Expect(apierrors.IsConflict(c.Status().Update(ctx, other))).To(BeTrue())
	})

	It("is owned with the status as a whole, so that managedFields does not grow with it", func(ctx SpecContext) {
		create(ctx, 2)
		Expect(write(ctx, new(int32(2)), "member-a", "member-b")).To(Succeed())
		managed, err := json.Marshal(pool.ManagedFields)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(managed)).To(And(ContainSubstring(`"f:status":{}`), Not(ContainSubstring("member-a"))))
	})

	It("holds 10,000 claims and no more", func(ctx SpecContext) {
		create(ctx, 10000)
		var members []string
		for i := range 10001 {
			members = append(members, fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
		}
		Expect(write(ctx, new(int32(10001)), members...)).To(BeRefused("status.claims", "Too many"))
		Expect(write(ctx, new(int32(10000)), members[:10000]...)).To(Succeed())
		pool.Spec.Seats = new(int32(9000))
		Expect(c.Update(ctx, pool)).To(Succeed())
	})
})

// claims returns a ledger of these members, with grants from 1.
func claims(members ...string) map[string]int64 {
	ledger := map[string]int64{}
	for i, member := range members {
		ledger[member] = int64(i + 1)
	}
	return ledger
}
