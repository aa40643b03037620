// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invitation

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/web"
	"github.com/usher-dev/usher/internal/reason"
	"github.com/usher-dev/usher/internal/store"
)

// accept writes the acceptance of an admitted visit. It returns the reason if it may not accept any more. An error
// means that, as far as is known, nothing was accepted, and that the visitor can try again.
func (p *Pages) accept(ctx context.Context, v *visit, given answers) (invite.Refusal, error) {
	hash, err := p.Hasher.Hash(ctx, given.password.Typed)
	if err != nil {
		return "", err
	}
	now := p.Now() // hashing takes time, and the link may have expired meanwhile
	if refusal := v.refusal(now); refusal != invite.Admitted {
		return refusal, nil
	}
	if v.Acceptance.Blocks() {
		return "", errBlocked
	}

	// From here on, finish even if the client goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), web.SettleTimeout)
	defer cancel()
	signer, err := p.Signer(ctx)
	if err != nil {
		return "", err
	}
	made, err := p.commit(ctx, newCredentials(v, given, hash, now, signer))
	if err != nil {
		return "", err
	}
	if made == nil {
		return p.overtaken(ctx, v, given.password.Typed)
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
func (p *Pages) commit(ctx context.Context, secret *corev1.Secret) (*corev1.Secret, error) {
	token := string(secret.Data[credentials.KeyAPIToken])
	failed := store.Create(ctx, p.Client, secret)
	if failed == nil {
		return secret, nil
	}
	var there corev1.Secret
	found, err := p.Read(ctx, client.ObjectKeyFromObject(secret), &there)
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
func (p *Pages) withdrawn(ctx context.Context, v *visit, now time.Time) (invite.Refusal, error) {
	again, err := p.look(ctx, v.link)
	if again == nil {
		p.logOf(v).Info("An acceptance stands, although it could not be read again", "cause", page.Cause(err))
		return invite.Admitted, nil
	}
	if again.Member.UID != v.Member.UID || again.Member.DeletionTimestamp != nil {
		return "", page.ErrUnknown
	}
	if again.recordedSince(v) {
		return invite.Admitted, nil
	}
	if err != nil {
		return "", err
	}
	return again.withdrawn(now), nil
}

// newCredentials returns the acceptance of the visit's member at now.
func newCredentials(v *visit, given answers, passwordHash []byte, now time.Time, signer *credentials.Signer) *corev1.Secret {
	return credentials.New(&v.Member, credentials.Answers{
		Personal:     given.personal,
		TermsURL:     string(v.Account.Spec.TermsURL),
		PasswordHash: passwordHash,
	}, now, signer)
}

// takeBack deletes the credentials that this request made, and no others.
func (p *Pages) takeBack(ctx context.Context, v *visit, secret *corev1.Secret) {
	err := retry.OnError(retry.DefaultBackoff, func(error) bool { return ctx.Err() == nil }, func() error {
		err := p.Client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil // gone, or replaced by another
		}
		if err != nil {
			return fmt.Errorf("delete Secret %s: %w", secret.Name, err)
		}
		return nil
	})
	if err != nil {
		p.logOf(v).Error(nil, "Could not delete the credentials of an acceptance that came too late; delete the Secret by hand",
			"secret", secret.Name, "cause", page.Cause(err))
	}
}

// decline records that the invitee declines. It returns the reason if the invitee may not decline any more. One who has declined before
// has declined.
func (p *Pages) decline(ctx context.Context, v *visit) (invite.Refusal, error) {
	for range web.WriteTries {
		switch refusal := v.refusal(p.Now()); {
		case mayRepeat(actionDecline, refusal):
			return invite.Admitted, nil
		case refusal != invite.Admitted:
			return refusal, nil
		}
		declined := v.invitation.DeepCopy()
		declined.Status.State = usherv1.InvitationDeclined
		err := store.UpdateStatus(ctx, p.Client, declined)
		switch {
		case err == nil:
			// An acceptance that came between the read and the write counts; the reconcilers will record it.
			if err := p.ReadCredentials(ctx, &v.Person); err != nil {
				return "", err
			}
			if v.Acceptance.Counts() {
				return invite.RefusedUsed, nil
			}
			return invite.Admitted, nil
		case apierrors.IsNotFound(err):
			return "", page.ErrUnknown
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
