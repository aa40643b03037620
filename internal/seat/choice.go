// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Choice is which pools a Member takes its seats from.
type Choice struct {
	// Base is the pool of the base product; empty if Problem says why there is none.
	Base string
	// AddOns are the pools of add-ons.
	AddOns []string
	// Missing are the pools that the Member names and cannot have a seat of: its account does not have them, or they are being deleted.
	Missing []string
	// Problem says why there is no base pool and what to do about it.
	Problem string
}

// Names reports whether the Member takes a seat from the pool.
func (c Choice) Names(pool string) bool {
	return pool != "" && (pool == c.Base || slices.Contains(c.AddOns, pool))
}

// Choose resolves the Member's seatPoolRefs among pools, in any order. Only pools of the Member's account count. One that is being deleted
// counts only for a member that keeps a seat of it (see Keeps), and only until there is another. A Member that names no base pool keeps
// the pool that it holds, or held, a seat of, so that a second base pool changes nothing for members that have access or come back; after a
// restore its metadata says which. Otherwise it takes the account's only base pool.
//
// For a member that has a base seat, or has accepted, a name that is missing is an add-on's, unless it is known to be a base pool's: a
// missing add-on never costs base access. A new member waits for what it names.
func Choose(member *usherv1.Member, pools []usherv1.SeatPool) Choice {
	f := find(member, pools)
	var c Choice
	var named, staying, lost []string
	for _, ref := range member.Spec.SeatPoolRefs {
		switch addOn, known := f.addOnOf[ref.Name]; {
		case !slices.Contains(f.open, ref.Name) && !slices.Contains(f.kept, ref.Name):
			c.Missing = append(c.Missing, ref.Name)
			if known && addOn == "" {
				lost = append(lost, ref.Name)
			}
		case addOn != "":
			c.AddOns = append(c.AddOns, ref.Name)
		case slices.Contains(f.open, ref.Name):
			named = append(named, ref.Name)
		default:
			staying = append(staying, ref.Name)
		}
	}
	if len(named) == 0 { // a member that also names a pool that stays moves there
		named = staying
	}
	switch {
	case len(named) == 1:
		c.Base = named[0]
	case len(named) > 1:
		c.Problem = fmt.Sprintf("spec.seatPoolRefs names %d pools of the base product (%s); name one", len(named), strings.Join(named, ", "))
	case len(lost) > 0:
		c.Problem = f.saysMissing(lost)
	default:
		c.Base, c.Problem = f.defaultBase(member, c.Missing)
	}
	return c
}

// RecordsBase reports whether it has to be recorded which base pool the Member takes its seat from: it names none, and its account has
// another one, so that nothing else tells after a restore.
func (c Choice) RecordsBase(member *usherv1.Member, pools []usherv1.SeatPool) bool {
	return c.Base != "" && member.Annotations[usherv1.SeatPoolAnnotation] != c.Base &&
		!slices.ContainsFunc(member.Spec.SeatPoolRefs, func(ref usherv1.SeatPoolReference) bool { return ref.Name == c.Base }) &&
		slices.ContainsFunc(pools, func(p usherv1.SeatPool) bool {
			return p.Name != c.Base && p.Spec.AddOn == "" && p.Spec.AccountRef.Name == member.Spec.AccountRef.Name && p.DeletionTimestamp == nil
		})
}

// found is what there is for a Member among the pools of its account.
type found struct {
	account string
	// addOnOf says what a pool is of; empty for the base product. It also has the pools that the Member's status says it had a seat of.
	addOnOf map[string]string
	// open are the pools that are not being deleted, kept those others that the Member keeps a seat of; closing are all others.
	open, kept, closing []string
}

func find(member *usherv1.Member, pools []usherv1.SeatPool) found {
	f := found{account: member.Spec.AccountRef.Name, addOnOf: map[string]string{}}
	for _, s := range member.Status.Seats {
		f.addOnOf[s.Pool] = s.AddOn
	}
	for i := range pools {
		p := &pools[i]
		if p.Spec.AccountRef.Name != f.account {
			continue
		}
		f.addOnOf[p.Name] = p.Spec.AddOn
		switch {
		case p.DeletionTimestamp == nil:
			f.open = append(f.open, p.Name)
		case Keeps(member, p):
			f.kept = append(f.kept, p.Name)
		default:
			f.closing = append(f.closing, p.Name)
		}
	}
	return f
}

// bases returns which of the pools are of the base product, by name.
func (f found) bases(pools []string) []string {
	bases := slices.DeleteFunc(slices.Clone(pools), func(p string) bool { return f.addOnOf[p] != "" })
	slices.Sort(bases)
	return bases
}

// defaultBase returns the base pool of a Member that names none, or why there is none; missing are the pools that it names and cannot have.
func (f found) defaultBase(member *usherv1.Member, missing []string) (base, problem string) {
	bases := f.bases(f.open)
	var left []string
	for _, s := range member.Status.Seats {
		switch {
		case !slices.Contains(bases, s.Pool):
		case s.Held():
			return s.Pool, ""
		default:
			left = append(left, s.Pool)
		}
	}
	if recorded := member.Annotations[usherv1.SeatPoolAnnotation]; slices.Contains(bases, recorded) {
		return recorded, ""
	}
	kept := f.bases(f.kept)
	switch {
	case len(left) == 1:
		return left[0], ""
	case member.Status.AcceptedAt == nil && slices.ContainsFunc(missing, f.isUnknown):
		return "", f.saysMissing(missing)
	case len(bases) == 1:
		return bases[0], ""
	case len(kept) > 0:
		return kept[0], ""
	case len(bases) == 0:
		if closing := f.bases(f.closing); len(missing) == 0 && len(closing) > 0 {
			return "", f.saysMissing(closing)
		}
		return "", cmp.Or(f.saysMissing(missing), fmt.Sprintf("account %s has no SeatPool for the base product; create one", f.account))
	}
	problem = fmt.Sprintf("account %s has %d SeatPools for the base product (%s); name one in spec.seatPoolRefs",
		f.account, len(bases), strings.Join(bases, ", "))
	if len(missing) > 0 {
		problem += fmt.Sprintf(", which names %s, and there is no such SeatPool", strings.Join(missing, ", "))
	}
	return "", problem
}

// isUnknown reports whether nothing says what a missing pool was of.
func (f found) isUnknown(pool string) bool {
	_, known := f.addOnOf[pool]
	return !known
}

// saysMissing says what to do about pools that the Member names and cannot have; empty if there are none.
func (f found) saysMissing(pools []string) string {
	names := strings.Join(pools, ", ")
	switch {
	case len(pools) == 0:
		return ""
	case slices.Contains(f.closing, pools[0]):
		return fmt.Sprintf("SeatPool %s is being deleted and gives no more seats; name another in spec.seatPoolRefs", names)
	}
	return fmt.Sprintf("account %s has no SeatPool %s; create it or correct spec.seatPoolRefs", f.account, names)
}
