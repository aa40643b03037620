// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

var _ = Describe("An Invitation", func() {
	// in creates an Invitation in a state.
	in := func(ctx SpecContext, state v1alpha1.InvitationState, wish v1alpha1.InvitationWish) *v1alpha1.Invitation {
		GinkgoHelper()
		made := testkit.Invitation("ada").In(testkit.Namespace(ctx, server)).Build()
		made.Spec.State = wish
		Expect(c.Create(ctx, made)).To(Succeed())
		made.Status.State = state
		Expect(c.Status().Update(ctx, made)).To(Succeed())
		return made
	}

	It("can be revoked until it is accepted", func(ctx SpecContext) {
		for _, state := range []v1alpha1.InvitationState{"", v1alpha1.InvitationPending, v1alpha1.InvitationSent, v1alpha1.InvitationExpired} {
			sent := in(ctx, state, v1alpha1.InvitationOpen)
			sent.Spec.State = v1alpha1.InvitationRevokedWish
			Expect(c.Update(ctx, sent)).To(Succeed(), string(state))
		}
	})

	It("cannot be revoked after it is accepted", func(ctx SpecContext) {
		accepted := in(ctx, v1alpha1.InvitationAccepted, v1alpha1.InvitationOpen)
		accepted.Spec.SendGeneration++
		Expect(c.Update(ctx, accepted)).To(Succeed(), "other fields can still be changed")
		accepted.Spec.State = v1alpha1.InvitationRevokedWish
		Expect(c.Update(ctx, accepted)).To(BeRefused("spec.state", tooLateToRevoke))
	})

	It("can still be updated if it was revoked at the moment of its acceptance", func(ctx SpecContext) {
		late := in(ctx, v1alpha1.InvitationAccepted, v1alpha1.InvitationRevokedWish)
		late.Spec.SendGeneration++
		Expect(c.Update(ctx, late)).To(Succeed())
		late.Status.Attempts++
		Expect(c.Status().Update(ctx, late)).To(Succeed())
		late.Spec.State = v1alpha1.InvitationOpen
		Expect(c.Update(ctx, late)).To(Succeed())
	})
})
