// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// MaxNamed is how many of the objects that a Member owns are named.
const MaxNamed = 20

// OwnedObjects is what a Member that is being deleted owns, of the kinds that its account's plan names.
type OwnedObjects struct {
	// Count is how many objects it owns, Names the first of them, such as "Deal north"; at most MaxNamed.
	Count int
	Names []string
	// Reason and Problem say why that is not known, and what to do about it; empty if it is known.
	Reason, Problem string
}

// orphans reports whether a user wants the Member to be deleted whatever it owns.
func orphans(m *usherv1.Member) bool { return m.Annotations[usherv1.OrphanAnnotation] == "true" }

// OwnershipMatters reports whether what the Member owns has to be looked up: it is being deleted, its account exists and is on a plan,
// and no user wants it to be deleted whatever it owns.
func (o Observation) OwnershipMatters() bool {
	return o.Member.DeletionTimestamp != nil && !orphans(o.Member) &&
		o.accountLives() && o.Account.Spec.PlanRef != nil
}

// obstacle says why a Member that is being deleted cannot go, and what to do about it; empty if it owns nothing, or another member takes
// that over.
func (o Observation) obstacle() (reason, problem string) {
	e, to, m := o.OwnedObjects, o.Member.Spec.ReassignTo, o.Member
	letGo := fmt.Sprintf("let it go without: kubectl annotate member %s -n %s %s=true", m.Name, m.Namespace, usherv1.OrphanAnnotation)
	handOver := "; set spec.reassignTo to an Active member of the account to hand that over, or " + letGo
	switch {
	case !o.OwnershipMatters() || e.Reason == "" && e.Count == 0:
		return "", ""
	case e.Reason != "":
		return e.Reason, e.Problem + "; or " + letGo
	case to == nil:
		return usherv1.ReasonOwnsResources, e.String() + handOver
	case o.Successor == nil:
		reason = "there is no Member " + to.Name + " in this namespace"
	case o.Successor.UID == o.Member.UID:
		reason = "spec.reassignTo names the member itself"
	case o.Successor.Spec.AccountRef.Name != o.Member.Spec.AccountRef.Name:
		reason = "Member " + to.Name + " is of another account"
	case o.Successor.DeletionTimestamp != nil || o.Successor.Status.State != usherv1.ObservedActive:
		reason = "Member " + to.Name + " is not Active"
	default:
		return "", ""
	}
	return usherv1.ReasonReassignToNotActive, e.String() + ", and " + reason + handOver
}

// mayGo reports whether the Member owns nothing any more. That is looked up after its access is withdrawn.
func mayGo(o Observation) bool {
	return !o.OwnershipMatters() ||
		o.Member.Status.State == usherv1.ObservedDisabled && o.OwnedObjects.Reason == "" && o.OwnedObjects.Count == 0
}

// String names what is owned.
func (e OwnedObjects) String() string {
	more := ""
	if n := e.Count - len(e.Names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("Still owns %d (%s%s)", e.Count, strings.Join(e.Names, ", "), more)
}

// judgeDeleted decides what a Member is that is being deleted. Its access and its seat are gone at once: a deletion cannot be taken back,
// and only the object waits until another member owns what it owned.
func (d *Decision) judgeDeleted(o Observation) verdict {
	if by, problem := o.obstacle(); problem != "" {
		return saysDeletionBlocked(by, problem)
	}
	if o.OwnershipMatters() && o.OwnedObjects.Count > 0 {
		d.ReassignOwned = o.Successor.Name
	}
	return saysDeleting()
}
