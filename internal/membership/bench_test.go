// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"testing"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// crowded fills the ledger of the pool base with the claims of others: how many there are must not matter.
func crowded(others int) edit {
	return func(o *Observation) {
		claims := o.pool("base").Status.Claims
		if claims == nil {
			claims = map[string]int64{}
		}
		for i := range others {
			claims[fmt.Sprint("uid-", i)] = int64(i) + 100
		}
		o.pool("base").Status.Claims = claims
	}
}

func BenchmarkDecide(b *testing.B) {
	invited := func(o *Observation) {
		holding("base", 7)(o)
		invitation(usherv1.InvitationSent)(o)
	}
	for _, c := range []struct {
		name  string
		edits []edit
	}{
		{"new", nil},
		{"invited", []edit{invited}},
		{"invited-claims=10000", []edit{invited, crowded(10000)}},
		{"active", []edit{active}},
		{"active-claims=10000", []edit{active, crowded(10000)}},
		{"disabled", []edit{active, disabled}},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := observed(c.edits...)
			b.ReportAllocs()
			for b.Loop() {
				Decide(o, now)
			}
		})
	}
}
