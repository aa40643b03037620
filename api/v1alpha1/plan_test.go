// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

var _ = Describe("A Plan", func() {
	plan := func(ctx SpecContext) *testkit.PlanBuilder { return testkit.Plan(testkit.Namespace(ctx, server)) }

	It("accepts roles and rights that it defines", func(ctx SpecContext) {
		Expect(c.Create(ctx, plan(ctx).Rights("orders:place", "invoices:view").Role("salesrep", "orders:place").Admin("admin").
			InvitedRole("salesrep").Build())).To(Succeed())
	})

	It("accepts the maximum of every list within the API server's cost limit", func(ctx SpecContext) {
		large := plan(ctx)
		var rights []v1alpha1.Right
		for _, name := range numbered(64, "r%d:v", nil) {
			rights = append(rights, v1alpha1.Right(name.(string)))
		}
		large.Rights(rights...)
		for _, name := range numbered(15, "r%d", nil) {
			large.Role(name.(string), rights...)
		}
		Expect(c.Create(ctx, large.Build())).To(Succeed())
	})

	DescribeTable("refuses a name that it does not define", func(ctx SpecContext, change func(*v1alpha1.PlanSpec), field, message string) {
		changed := plan(ctx).Rights("orders:place").Role("salesrep", "orders:place").Build()
		change(&changed.Spec)
		Expect(c.Create(ctx, changed)).To(BeRefused(field, message))
	},
		Entry("default role", func(s *v1alpha1.PlanSpec) { s.DefaultRole = "boss" }, "spec.defaultRole", noDefaultRole),
		Entry("owner role", func(s *v1alpha1.PlanSpec) { s.OwnerRole = "boss" }, "spec.ownerRole", noOwnerRole),
		Entry("invited role", func(s *v1alpha1.PlanSpec) { s.InvitedRole = "boss" }, "spec.invitedRole", noInvitedRole),
		Entry("a role's right", func(s *v1alpha1.PlanSpec) { s.Roles[1].Rights = []v1alpha1.Right{"orders:cancel"} }, "spec.roles", strangeRight),
		Entry("a role's right without any rights", func(s *v1alpha1.PlanSpec) { s.Rights = nil }, "spec.roles", strangeRight),
	)
})
