// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// MadeFor returns the UID of the Member that Usher made an Invitation for. An Invitation without a controller, or with one of another
// kind, such as an object of kro or Crossplane, was made by another program or user, who also decides when it goes.
func MadeFor(inv *usherv1.Invitation) (uid string, made bool) {
	owner := metav1.GetControllerOf(inv)
	if owner == nil || owner.Kind != "Member" {
		return "", false
	}
	if of, err := schema.ParseGroupVersion(owner.APIVersion); err != nil || of.Group != usherv1.GroupVersion.Group {
		return "", false
	}
	return string(owner.UID), true
}

// Leftover reports whether Usher made an Invitation for an earlier Member of this name, which was deleted. Another UID alone does not
// matter: it is from before a restore. account is the member's; nil if it does not exist.
func Leftover(inv *usherv1.Invitation, member *usherv1.Member, account *usherv1.Account) bool {
	uid, made := MadeFor(inv)
	return made && !member.Is(uid) && account.Remembers(uid)
}

// Invites reports whether an Invitation invites this Member: it names it, is not being deleted, and is no leftover.
func Invites(inv *usherv1.Invitation, member *usherv1.Member, account *usherv1.Account) bool {
	return inv.Spec.MemberRef.Name == member.Name && inv.DeletionTimestamp == nil && !Leftover(inv, member, account)
}
