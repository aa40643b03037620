// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// An end of access that a clock that was ahead has recorded ends the invitation: no event comes when it has come by the right clock.
func TestAnEndByAnotherClockRevokes(t *testing.T) {
	g := NewWithT(t)
	o := observed(linked(usherv1.InvitationSent, expires(time.Hour)), memberIs(usherv1.ReasonAccessEnded))
	o.Member.Spec.AccessUntil = later(time.Hour)
	g.Expect(Decide(o, now).Status.State).To(Equal(usherv1.InvitationRevoked))
	o.Member.Generation++
	g.Expect(Decide(o, now).Status.State).To(Equal(usherv1.InvitationSent), "the spec has changed since")
}
