// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func BenchmarkDecide(b *testing.B) {
	for _, c := range []struct {
		name  string
		edits []func(*Observation)
	}{
		{"new", nil},
		{"pending", []func(*Observation){linked(usherv1.InvitationPending, due(time.Minute), failed(usherv1.ErrorTemporary, -time.Minute))}},
		{"sent", []func(*Observation){linked(usherv1.InvitationSent, expires(time.Hour))}},
		{"expired", []func(*Observation){linked(usherv1.InvitationSent, expires(-time.Hour))}},
		{"accepted", []func(*Observation){linked(usherv1.InvitationSent, expires(time.Hour)), accepted}},
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
