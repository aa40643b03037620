// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
)

func TestInvitedMembersAreForgotten(t *testing.T) {
	g := NewWithT(t)
	now := time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)
	var invited invitedMembers
	g.Expect(invited.lately("ada", now)).To(BeFalse())
	invited.note("ada", now)
	g.Expect(invited.lately("ada", now.Add(invitedLately-1))).To(BeTrue())
	g.Expect(invited.lately("bob", now)).To(BeFalse())
	g.Expect(invited.lately("ada", now.Add(invitedLately))).To(BeFalse())
	for n := range 3 * manyInvited {
		now = now.Add(invitedLately / 100)
		invited.note(types.UID(fmt.Sprint(n)), now)
	}
	g.Expect(len(invited.at)).To(BeNumerically("<=", manyInvited))
}
