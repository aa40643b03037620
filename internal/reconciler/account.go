// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// OfMembers returns the AccountOf of a controller whose keys are Members'. It asks the cache.
func OfMembers(cache client.Reader) func(reconcile.Request) string {
	return func(key reconcile.Request) string {
		member := &usherv1.Member{}
		if err := cache.Get(context.Background(), key.NamespacedName, member, client.UnsafeDisableDeepCopy); err != nil {
			return ""
		}
		return member.Spec.AccountRef.Name
	}
}

// OfInvitations returns the AccountOf of a controller whose keys are Invitations'. It asks the cache; the account of an Invitation that
// Usher did not make is not known.
func OfInvitations(cache client.Reader) func(reconcile.Request) string {
	return func(key reconcile.Request) string {
		invitation := &usherv1.Invitation{}
		if err := cache.Get(context.Background(), key.NamespacedName, invitation, client.UnsafeDisableDeepCopy); err != nil {
			return ""
		}
		return invitation.Labels[usherv1.AccountLabel]
	}
}
