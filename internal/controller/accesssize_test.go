// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ktypes "k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// The spec does not create the members. It checks whether the API server accepts the bindings that Usher would write for so many.
var _ = Describe("Five thousand members in one role, with the longest addresses", func() {
	It("fit into bindings that the API server accepts and applies, and removing one member rewrites one of them", func(ctx SpecContext) {
		const many = 5000
		w := newWorld(ctx, smtpsink.Options{})
		usher, err := client.New(manager().Config(), client.Options{Scheme: testkit.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		account := testkit.Account(testkit.DefaultAccount).Build()
		account.Spec.PlanRef = &usherv1.PlanReference{Name: w.namespace}
		w.create(account)
		o := access.Observation{Account: account, Terms: plan.For(account, testkit.Plan(w.namespace).Rights("orders:place").Role("seller", "orders:place").Build())}
		address := func(i int) string {
			return fmt.Sprintf("M%04d.%s@%s.%s.%s.example", i, strings.Repeat("x", 58), strings.Repeat("a", 60), strings.Repeat("b", 60), strings.Repeat("c", 59))
		}
		for i := range many {
			m := testkit.Member(fmt.Sprintf("m%04d", i)).Email(address(i)).Build()
			m.UID, m.Generation = ktypes.UID(fmt.Sprint(i)), 1
			m.Status = usherv1.MemberStatus{
				ObservedGeneration: 1, State: usherv1.ObservedActive, Role: "seller", Rights: []usherv1.Right{"orders:place"},
				ActivatedAt: &metav1.Time{Time: time.Now()}, Seats: []usherv1.MemberSeat{{Pool: base, Grant: int64(i + 1)}},
			}
			o.Members = append(o.Members, *m)
		}
		Expect(address(0)).To(HaveLen(254))
		// The API server may hear of the binding between the two questions.
		may := func(i int) func() (bool, error) {
			return func() (bool, error) {
				written := w.may(address(i), "place", "rights.usher.dev", "orders")
				if w.may(strings.ToLower(address(i)), "place", "rights.usher.dev", "orders") != written {
					return written, errors.New("the two names of one member differ")
				}
				return written, nil
			}
		}

		wanted := access.Project(o)
		Expect(len(wanted.Bindings)).To(BeNumerically(">", 1))
		for i := range wanted.Roles {
			Expect(usher.Create(ctx, &wanted.Roles[i])).To(Succeed())
		}
		for i := range wanted.Bindings {
			Expect(usher.Create(ctx, &wanted.Bindings[i])).To(Succeed())
		}
		for _, i := range []int{0, many / 2, many - 1} {
			Eventually(may(i)).Should(BeTrue(), "number %d", i)
		}
		Expect(may(many)()).To(BeFalse())

		var present rbacv1.RoleBindingList
		Expect(usher.List(ctx, &present, client.InNamespace(w.namespace))).To(Succeed())
		o.Bindings = present.Items
		o.Members[many/2].Status.State = usherv1.ObservedDisabled
		o.Members[many/2].Status.Seats[0].ReleasedGrant = o.Members[many/2].Status.Seats[0].Grant
		rewritten := 0
		for _, next := range access.Project(o).Bindings {
			for i := range present.Items {
				if present.Items[i].Name == next.Name && !access.Holds(&present.Items[i], &next) {
					rewritten++
					next.ResourceVersion = present.Items[i].ResourceVersion
					Expect(usher.Update(ctx, &next)).To(Succeed())
				}
			}
		}
		Expect(rewritten).To(Equal(1))
		Eventually(may(many / 2)).Should(BeFalse())
		Expect(may(many/2 - 1)()).To(BeTrue())
		Expect(may(many - 1)()).To(BeTrue())
	})
})
