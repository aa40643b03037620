// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/store"
)

// firstMemberCache finds out whether a member is its account's first one. It remembers each account's first member and reads that one
// before it lists all: most members are not the first, and one older member is enough to tell.
type firstMemberCache struct {
	// names of the first members as they were found, by account.
	names sync.Map
}

// standingOf returns the member's standing as far as nothing records it, where that matters. reader is the cache, or the API server where
// the answer matters.
func (r *Reconciler) standingOf(ctx context.Context, reader client.Reader, o membership.Observation) (plan.Standing, error) {
	if !o.StandingMatters() {
		return plan.Junior, nil
	}
	m := o.Member.DeepCopy()
	delete(m.Annotations, usherv1.FirstMemberAnnotation) // it does not count, or there would be a standing
	if older, err := r.firstMembers.older(ctx, reader, m); err != nil || older != nil {
		return plan.Junior, err
	}
	if preceded, err := r.preceded(ctx, reader, o); err != nil || preceded {
		return plan.Later, err
	}
	return plan.Eldest, nil
}

// preceded reports whether the credentials of another member of the account say that it is the first one or, where the status of o's
// member is still empty, that it had accepted before a restore. Creation times do not tell who was first after a restore.
func (r *Reconciler) preceded(ctx context.Context, reader client.Reader, o membership.Observation) (bool, error) {
	all, err := store.Credentials(ctx, reader, o.Member.Namespace, o.Member.Spec.AccountRef.Name)
	if err != nil {
		return false, err
	}
	restoresCount := o.Member.Status.State == "" && !o.Accepted()
	for i := range all {
		secret := &all[i]
		name, _ := credentials.MemberOf(secret.Name)
		first := plan.Recorded(secret.Annotations) == plan.First
		if name == o.Member.Name || !first && !restoresCount {
			continue
		}
		member := &usherv1.Member{}
		if found, err := store.GetReadable(ctx, reader, secret.Namespace, name, member); err != nil {
			return false, err
		} else if !found {
			member = nil
		}
		if first && !credentials.MayBeAcceptance(secret, member, o.Account) || !first && !credentials.MayBeRestored(secret, member, o.Account) {
			continue
		}
		if signed, err := r.signed(ctx, secret); err != nil || signed {
			return signed, err
		}
	}
	return false, nil
}

// signed reports whether Usher signed the credentials with that metadata.
func (r *Reconciler) signed(ctx context.Context, meta *metav1.PartialObjectMetadata) (bool, error) {
	secret := &corev1.Secret{}
	found, err := store.Get(ctx, r.Live, meta.Namespace, meta.Name, secret)
	if err != nil || !found || secret.Type != credentials.Type {
		return false, err
	}
	signer, err := r.tokenKeys.SignerFor(ctx, secret)
	return err == nil && signer.Check(secret) != credentials.Unsigned, err
}

// older returns a member of the account that is older than m; nil if m is the first.
func (c *firstMemberCache) older(ctx context.Context, reader client.Reader, m *usherv1.Member) (*usherv1.Member, error) {
	account := types.NamespacedName{Namespace: m.Namespace, Name: m.Spec.AccountRef.Name}
	if name, known := c.names.Load(account); known {
		first := &usherv1.Member{}
		found, err := store.GetReadable(ctx, reader, m.Namespace, name.(string), first)
		if err != nil {
			return nil, err
		}
		if found && plan.CameBefore(first, m) {
			return first, nil
		}
	}
	oldest, err := oldestBut(ctx, reader, m)
	if err != nil || oldest == nil || !plan.CameBefore(oldest, m) {
		return nil, err
	}
	c.names.Store(account, oldest.Name)
	return oldest, nil
}

// oldestBut returns the oldest member of m's account besides m; nil if there is none.
func oldestBut(ctx context.Context, reader client.Reader, m *usherv1.Member) (*usherv1.Member, error) {
	all, err := store.Members(ctx, reader, m.Namespace, store.ByAccount, m.Spec.AccountRef.Name)
	if err != nil {
		return nil, err
	}
	var oldest *usherv1.Member
	for i := range all {
		other := &all[i]
		if other.UID != m.UID && other.DeletionTimestamp == nil && (oldest == nil || plan.CameBefore(other, oldest)) {
			oldest = other
		}
	}
	return oldest, nil
}
