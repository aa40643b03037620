// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// BenchmarkProject has n Active members in three roles, one in ten with a right of its own: at rest, and at first, when there is no
// binding yet.
func BenchmarkProject(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		o := observed()
		for i := range n {
			m := member(fmt.Sprintf("m-%05d", i), []string{"admin", "seller", "guest"}[i%3])
			if i%10 == 0 {
				may("invoices:view")(&m)
			}
			o.Members = append(o.Members, m)
		}
		rested := o
		rested.Bindings = append([]rbacv1.RoleBinding{}, Project(o).Bindings...)
		for name, o := range map[string]Observation{"first": o, "rest": rested} {
			b.Run(fmt.Sprintf("%s/members=%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Project(o)
				}
			})
		}
	}
}
