// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// The tables at the end of the story, as kubectl prints them.
const tables = `NAME                     DISPLAY    PLAN   STATE    ACTIVE   PENDING   SEATS   READY   AGE
account.usher.dev/acme   Acme SAS          Active   1        4         1/4     True    12s

NAME                           ACCOUNT   ADD-ON   CAPACITY   ASSIGNED   RESERVED   AVAILABLE   WAITING   READY   AGE
seatpool.usher.dev/acme-base   acme               4          1          3          0           0         True    12s

NAME                      EMAIL                         ACCOUNT   ROLE     STATE      REASON               AGE
member.usher.dev/ada      ada@acme.example              acme      admin    Active     Accepted             12s
member.usher.dev/benoit   benoît.mercier@acme.example   acme      member   Pending    InvitationDeclined   12s
member.usher.dev/chloe    chloe.okafor@acme.example     acme      member   Disabled   DisabledBySpec       12s

NAME                          MEMBER   RECIPIENT                     STATE      SENT   EXPIRES   ATTEMPTS   AGE
invitation.usher.dev/ada      ada      ada@acme.example              Accepted   x      x         1          12s
invitation.usher.dev/benoit   benoit   benoit.mercier@acme.example   Declined   x      x         1          12s
`

func TestATableIsComparedWithTheTruth(t *testing.T) {
	now := situation{
		members: map[string]standing{"ada": active, "benoit": declined, "chloe": disabled, "dmitri": invited, "emma": invited, "farah": invited},
		seats:   seats{capacity: 4, assigned: 1, reserved: 3},
	}
	g := NewWithT(t)
	g.Expect(rows(tables)).To(HaveLen(7))
	g.Expect(untrue(tables, now)).To(Succeed())
	for wrong, right := range map[string]string{
		"1/3     True ": "1/4     True ", "1        3         1/4": "1        4         1/4", "Pending    Accepted          ": "Active     Accepted          ",
		"Declined             12s": "InvitationDeclined   12s", "3          1          3 ": "4          1          3 ", "Sent       x": "Declined   x", "False   12s": "True    12s",
	} {
		g.Expect(tables).To(ContainSubstring(right))
		g.Expect(untrue(strings.Replace(tables, right, wrong, 1), now)).NotTo(Succeed(), wrong)
	}
	g.Expect(untrue(strings.Replace(tables, "1/4", "1/3", 1), now)).To(MatchError("the table says SEATS 1/3 of account.usher.dev/acme, expected 1/4"))
	one := rows("NAME   EMAIL   STATE   REASON\nada    a@b.c   Active  Accepted\n")
	g.Expect(one).To(HaveLen(1))
	g.Expect(one[0].name()).To(Equal("ada"))
}
