// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/reason"
	"github.com/usher-dev/usher/internal/undecodable"
)

// maxNamesakes is how many members with one address are looked at when one of them is looked for.
const maxNamesakes = 32

// Where narrows down which member with an address is meant. The zero value does not.
type Where struct {
	// Namespace and Account are those of a path; empty if it names none.
	Namespace, Account string
	// Company is what was typed: the name of an account, however it is written; empty if nothing was.
	Company string
	// First is a member that comes before all others.
	First types.NamespacedName
}

// Find returns at most that many members who can sign in with an address. A member whose account has another member of the address, to whom
// it belongs, is not among them.
//
// Any tenant can make members with any address. So namespaces take turns: those of one do not crowd out a member of another.
func (s *Sessions) Find(ctx context.Context, email string, where Where, most int) ([]*Member, error) {
	names, err := s.options.MembersAt(ctx, email)
	if err != nil {
		return nil, err
	}
	if where.Namespace != "" {
		names = slices.DeleteFunc(names, func(n types.NamespacedName) bool { return n.Namespace != where.Namespace })
	}
	names = inTurns(names, where.First)
	var found []*Member
	for _, name := range names[:min(len(names), maxNamesakes)] {
		v, err := s.read(ctx, name, func(who *page.Person) bool {
			m := &who.Member
			return m.EmailInUse().SameAs(usherv1.EmailAddress(email)) && !reason.OfMember(m).Duplicate && where.fits(who)
		})
		if undecodable.Ignore(err) != nil {
			return nil, err
		}
		if err != nil {
			s.site.Log.Error(err, "a member cannot sign in", "namespace", name.Namespace, "member", name.Name)
			continue // another member with the address can sign in all the same
		}
		if v == nil {
			continue
		}
		if found = append(found, v); len(found) == most {
			break
		}
	}
	return found, nil
}

// fits reports whether a person may be the one who is meant, as far as is known: the Account may not have been read yet.
func (w Where) fits(who *page.Person) bool {
	if w.Account != "" && who.Member.Spec.AccountRef.Name != w.Account {
		return false
	}
	a := &who.Account
	said := func(name string) bool { return strings.EqualFold(strings.Join(strings.Fields(w.Company), " "), name) }
	return w.Company == "" || a.Name == "" || said(string(a.Spec.DisplayName)) || said(a.Name) || said(a.Namespace+"/"+a.Name)
}

// inTurns returns names in the order in which namespaces take turns, each with one name. The name that is first comes first if it is among
// them.
func inTurns(names []types.NamespacedName, first types.NamespacedName) []types.NamespacedName {
	names = slices.Clone(names)
	slices.SortFunc(names, func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	turn, had := map[types.NamespacedName]int{}, map[string]int{}
	for _, name := range names {
		turn[name] = had[name.Namespace]
		had[name.Namespace]++
	}
	if _, found := turn[first]; found {
		turn[first] = -1
	}
	slices.SortStableFunc(names, func(a, b types.NamespacedName) int { return cmp.Compare(turn[a], turn[b]) })
	return names
}
