// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// The book finds the same Members as a look at all of them, after any changes.
func TestAddressBook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		book, members := NewAddressBook(), map[types.NamespacedName]*usherv1.Member{}
		addresses := rapid.SampledFrom([]string{"ada@acme.example", "ADA@acme.example", "bob@acme.example", "cyd@acme.example"})
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			m := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "name"))}}
			m.Spec.Email = usherv1.EmailAddress(addresses.Draw(t, "wanted"))
			if rapid.Bool().Draw(t, "accepted") {
				m.Status.AcceptedAt, m.Status.Email = &metav1.Time{}, addresses.Draw(t, "in use")
			}
			key := types.NamespacedName{Namespace: m.Namespace, Name: m.Name}
			switch rapid.IntRange(0, 3).Draw(t, "change") {
			case 0:
				delete(members, key)
				g.Expect(book.Delete(m)).To(Succeed())
			case 1:
				members = map[types.NamespacedName]*usherv1.Member{key: m}
				g.Expect(book.Replace([]any{m}, "")).To(Succeed())
				g.Expect(book.Filled()).To(BeTrue())
			default:
				members[key] = m
				g.Expect(book.Update(m)).To(Succeed())
			}
			for _, address := range []usherv1.EmailAddress{"Ada@acme.example", "bob@acme.example", "cyd@acme.example"} {
				var want []types.NamespacedName
				for key, m := range members {
					if m.EmailInUse().SameAs(address) || m.Spec.Email.SameAs(address) {
						want = append(want, key)
					}
				}
				g.Expect(book.MembersAt(address)).To(ConsistOf(want))
			}
			g.Expect(book.of).To(HaveLen(len(members)))
		}
	})
}
