// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/web"
	"github.com/usher-dev/usher/internal/reason"
)

// writeTries is how often a write is decided again because of a conflict.
const writeTries = 5

// accept writes the acceptance of an admitted visit. It returns the reason if it may not accept any more. An error
// means that, as far as is known, nothing was accepted, and that the visitor can try again.
func (p *Portal) accept(ctx context.Context, v *visit, given answers) (invite.Refusal, error) {
	hash, err := p.hasher.Hash(ctx, given.password)
	if err != nil {
		return "", err
	}
	now := p.now() // hashing takes time, and the link may have expired meanwhile
	if refusal := v.refusal(now); refusal != invite.Admitted {
		return refusal, nil
	}
	if v.acceptance.Blocks() {
		return "", errBlocked
	}

	// From here on, finish even if the client goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), web.SettleTimeout)
	defer cancel()
	made, err := p.commit(ctx, newCredentials(v, given, hash, now))
	if err != nil {
		return "", err
	}
	if made == nil {
		return invite.RefusedUsed, nil
	}
	refusal, err := p.withdrawn(ctx, v, now)
	if err == nil && refusal == invite.Admitted {
		return invite.Admitted, nil
	}
	p.takeBack(ctx, v, made)
	return refusal, err
}

// commit creates the credentials. It returns nil if other credentials exist already. A create whose answer was lost is recognised
// by its API token.
func (p *Portal) commit(ctx context.Context, secret *corev1.Secret) (*corev1.Secret, error) {
	token := string(secret.Data[credentials.KeyAPIToken])
	failed := p.client.Create(ctx, secret)
	if failed == nil {
		return secret, nil
	}
	var there corev1.Secret
	found, err := p.read(ctx, client.ObjectKeyFromObject(secret), &there)
	switch {
	case err != nil || !found:
		return nil, failed
	case string(there.Data[credentials.KeyAPIToken]) == token:
		return &there, nil
	default:
		return nil, nil
	}
}

// withdrawn reads again after the commit, because between reading v and committing the member may have been deleted or disabled, its
// address changed, or the invitation revoked or replaced. An acceptance that a reconciler has recorded stands. So does one that
// cannot be read again: it was admitted a moment ago.
func (p *Portal) withdrawn(ctx context.Context, v *visit, now time.Time) (invite.Refusal, error) {
	again, err := p.look(ctx, v.link)
	if again == nil {
		p.logOf(v).Info("An acceptance stands, although it could not be read again", "cause", cause(err))
		return invite.Admitted, nil
	}
	if again.member.UID != v.member.UID || again.member.DeletionTimestamp != nil {
		return "", errUnknown
	}
	if again.recordedSince(v) {
		return invite.Admitted, nil
	}
	if err != nil {
		return "", err
	}
	refusal := invite.Admit(&again.invitation, &again.member, &again.account, false, now)
	switch refusal {
	case invite.RefusedRevoked, invite.RefusedMemberDisabled, invite.RefusedAccountDisabled:
		return refusal, nil
	default:
		return invite.Admitted, nil
	}
}

// takeBack deletes the credentials that this request made, and no others.
func (p *Portal) takeBack(ctx context.Context, v *visit, secret *corev1.Secret) {
	err := retry.OnError(retry.DefaultBackoff, func(error) bool { return ctx.Err() == nil }, func() error {
		err := p.client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil // gone, or replaced by another
		}
		return err
	})
	if err != nil {
		p.logOf(v).Error(nil, "Could not delete the credentials of an acceptance that came too late; delete the Secret by hand",
			"secret", secret.Name, "cause", cause(err))
	}
}

// decline records that the invitee declines. It returns the reason if the invitee may not decline any more.
func (p *Portal) decline(ctx context.Context, v *visit) (invite.Refusal, error) {
	for range writeTries {
		if refusal := v.refusal(p.now()); refusal != invite.Admitted {
			return refusal, nil
		}
		declined := v.invitation.DeepCopy()
		declined.Status.State = usherv1.InvitationDeclined
		err := p.client.Status().Update(ctx, declined)
		switch {
		case err == nil:
			// An acceptance that came between the read and the write counts; the reconcilers will record it.
			if err := p.readCredentials(ctx, v); err != nil {
				return "", err
			}
			if v.acceptance.Counts() {
				return invite.RefusedUsed, nil
			}
			return invite.Admitted, nil
		case apierrors.IsNotFound(err):
			return "", errUnknown
		case !apierrors.IsConflict(err):
			return "", err
		}
		again, err := p.look(ctx, v.link)
		if err != nil {
			return "", err
		}
		*v = *again
	}
	return "", web.ErrBusy
}

// awaitsSeat reports whether a member who has accepted holds no seat of the base product yet.
func awaitsSeat(member *usherv1.Member) bool {
	if member.Status.State == usherv1.ObservedActive {
		return false
	}
	if reason.OfMember(member).WaitsFor == reason.Seat {
		return true
	}
	for _, seat := range member.Status.Seats {
		if seat.AddOn == "" && seat.Held() {
			return false
		}
	}
	return true
}
