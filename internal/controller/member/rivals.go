// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	"context"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/store"
)

// rivalOf returns the name of the member of the account that keeps this one from having its address; empty if there is none.
func (r *Reconciler) rivalOf(
	ctx context.Context, reader client.Reader, member *usherv1.Member, account *usherv1.Account,
) (string, error) {
	same, err := store.Members(ctx, r.Client, member.Namespace, store.ByAddress, store.AddressKey(member, member.EmailInUse()))
	if err != nil || len(same) == 0 || len(same) == 1 && same[0].UID == member.UID {
		return "", err
	}
	if member, err = r.withAcceptance(ctx, reader, member, account); err != nil {
		return "", err
	}
	var rivals []usherv1.Member
	for i := range same {
		other, err := r.withAcceptance(ctx, r.Client, &same[i], account)
		if err != nil {
			return "", err
		}
		if membership.Precedes(other, member) {
			rivals = append(rivals, *other)
		}
	}
	slices.SortFunc(rivals, func(a, b usherv1.Member) int { return strings.Compare(a.Name, b.Name) })
	for i := range rivals {
		if !r.isLive(reader) {
			return rivals[i].Name, nil
		}
		rival := &usherv1.Member{}
		found, err := store.Get(ctx, reader, rivals[i].Namespace, rivals[i].Name, rival)
		if err != nil {
			return "", err
		}
		if rival, err = r.withAcceptance(ctx, reader, rival, account); err != nil {
			return "", err
		}
		if found && membership.Precedes(rival, member) {
			return rival.Name, nil
		}
	}
	return "", nil
}

// holderOf returns the name of the member of the account that has the address which the member, having accepted at another one, wants;
// empty if there is none. It is asked of the cache alone: the portal asks again before the address changes hands.
func (r *Reconciler) holderOf(ctx context.Context, member *usherv1.Member) (string, error) {
	if member.EmailInUse().SameAs(member.Spec.Email) {
		return "", nil
	}
	same, err := store.Members(ctx, r.Client, member.Namespace, store.ByAddress, store.AddressKey(member, member.Spec.Email))
	if err != nil {
		return "", err
	}
	var holders []string
	for i := range same {
		if membership.Holds(&same[i], member) {
			holders = append(holders, same[i].Name)
		}
	}
	slices.Sort(holders)
	return strings.Join(holders[:min(1, len(holders))], ""), nil
}

// withAcceptance returns a Member whose status, if there is none yet, says that it has accepted if it has credentials that may be its
// acceptance: after a restore that is all that is left.
func (r *Reconciler) withAcceptance(
	ctx context.Context, reader client.Reader, member *usherv1.Member, account *usherv1.Account,
) (*usherv1.Member, error) {
	if member.Status.State != "" || member.Name == "" {
		return member, nil
	}
	meta := store.SecretMetadata()
	found, err := store.Get(ctx, reader, member.Namespace, credentials.Name(member.Name), meta)
	if err != nil || !found || !credentials.MayBeAcceptance(meta, member, account) {
		return member, err
	}
	member = member.DeepCopy()
	member.Status.AcceptedAt = &meta.CreationTimestamp
	return member, nil
}
