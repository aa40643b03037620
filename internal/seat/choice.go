// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
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
	// Missing are the pools that the Member names and its account does not have.
	Missing []string
	// Problem says why there is no base pool and what to do about it.
	Problem string
}

// Names reports whether the Member takes a seat from the pool.
func (c Choice) Names(pool string) bool {
	return pool != "" && (pool == c.Base || slices.Contains(c.AddOns, pool))
}

// Choose resolves the Member's seatPoolRefs among pools, in any order. Only pools of the Member's account count, and none that is being
// deleted. A Member that names no base pool keeps the pool that it holds, or held, a seat of, so that a second base pool changes nothing
// for members that have access or come back; after a restore its metadata says which. Otherwise it takes the account's only base pool.
func Choose(member *usherv1.Member, pools []usherv1.SeatPool) Choice {
	account := member.Spec.AccountRef.Name
	addOnOf := map[string]string{}
	var bases []string
	for i := range pools {
		p := &pools[i]
		if p.Spec.AccountRef.Name != account || p.DeletionTimestamp != nil {
			continue
		}
		addOnOf[p.Name] = p.Spec.AddOn
		if p.Spec.AddOn == "" {
			bases = append(bases, p.Name)
		}
	}
	slices.Sort(bases)

	var choice Choice
	var named []string
	for _, ref := range member.Spec.SeatPoolRefs {
		switch addOn, found := addOnOf[ref.Name]; {
		case !found:
			choice.Missing = append(choice.Missing, ref.Name)
		case addOn == "":
			named = append(named, ref.Name)
		default:
			choice.AddOns = append(choice.AddOns, ref.Name)
		}
	}
	switch {
	case len(named) == 1:
		choice.Base = named[0]
	case len(named) > 1:
		choice.Problem = fmt.Sprintf("spec.seatPoolRefs names %d pools of the base product (%s); name one",
			len(named), strings.Join(named, ", "))
	case len(choice.Missing) > 0:
		choice.Problem = fmt.Sprintf("account %s has no SeatPool %s; create it or correct spec.seatPoolRefs",
			account, strings.Join(choice.Missing, ", "))
	default:
		choice.Base, choice.Problem = defaultBase(member, account, bases)
	}
	return choice
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

func defaultBase(member *usherv1.Member, account string, bases []string) (base, problem string) {
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
	if len(left) == 1 {
		return left[0], ""
	}
	switch len(bases) {
	case 0:
		return "", fmt.Sprintf("account %s has no SeatPool for the base product; create one", account)
	case 1:
		return bases[0], ""
	}
	return "", fmt.Sprintf("account %s has %d SeatPools for the base product (%s); name one in spec.seatPoolRefs",
		account, len(bases), strings.Join(bases, ", "))
}
