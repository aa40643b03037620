// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/portal/page"
)

// However many members of an address one namespace has, those of others are looked at before its second.
func TestNamespacesTakeTurns(t *testing.T) {
	g := NewWithT(t)
	named := func(namespace, name string) types.NamespacedName {
		return types.NamespacedName{Namespace: namespace, Name: name}
	}
	var names []types.NamespacedName
	for i := range 1000 {
		names = append(names, named("a-crowd", fmt.Sprintf("m%03d", i)))
	}
	names = append(names, named("b", "ada"), named("c", "ada"), named("c", "twin"))
	order := inTurns(names, types.NamespacedName{})
	g.Expect(order).To(HaveLen(1003))
	g.Expect(order[:6]).To(Equal([]types.NamespacedName{
		named("a-crowd", "m000"), named("b", "ada"), named("c", "ada"), named("a-crowd", "m001"), named("c", "twin"), named("a-crowd", "m002"),
	}))
	g.Expect(inTurns(names, named("c", "twin"))[0]).To(Equal(named("c", "twin")))
	g.Expect(inTurns(names, named("d", "gone"))).To(Equal(order))
	g.Expect(names[0]).To(Equal(named("a-crowd", "m000")), "the argument is the caller's")
}

func TestWhichAccountIsMeant(t *testing.T) {
	ada := &page.Person{
		Member: usherv1.Member{Spec: usherv1.MemberSpec{AccountRef: usherv1.AccountReference{Name: "acme"}}},
		Account: usherv1.Account{
			ObjectMeta: metav1.ObjectMeta{Namespace: "acme-ns", Name: "acme"}, Spec: usherv1.AccountSpec{DisplayName: "Acme SAS"},
		},
	}
	for where, want := range map[Where]bool{
		{}: true, {Account: "acme"}: true, {Account: "twin"}: false, {Company: "Acme SAS"}: true, {Company: " acme  sas "}: true,
		{Company: "ACME"}: true, {Company: "acme-ns/acme"}: true, {Company: "Acme"}: true, {Company: "acme-ns"}: false, {Company: "Globex"}: false,
		{Account: "twin", Company: "Acme SAS"}: false,
	} {
		NewWithT(t).Expect(where.fits(ada)).To(Equal(want), "%+v", where)
	}
}
