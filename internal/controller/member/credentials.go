// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/store"
)

// settleCredentials creates, changes or deletes the Member's credentials as decided, and reports whether o changed.
func (r *Reconciler) settleCredentials(ctx context.Context, o *membership.Observation, d membership.Decision) (changed bool, err error) {
	m := o.Member
	var secret *corev1.Secret
	switch {
	case d.DropCredentials:
		return r.dropCredentials(ctx, o)
	case d.MakeCredentials:
		if living, err := r.accountLives(ctx, m); !living {
			return false, err
		}
		secret, err = r.makeCredentials(ctx, m, d)
	case d.MoveCredentials || d.RotateToken || d.RecordStanding || d.AdoptCredentials || d.SignAgain || d.TakeOverCredentials:
		secret, err = r.changeCredentials(ctx, m, d)
	default:
		return false, nil
	}
	if err != nil {
		return false, err
	}
	o.Credentials, err = r.read(ctx, m, secret)
	return true, err
}

// makeCredentials creates the acceptance of a Member that needs no invitation. What was decided about may be an old Member: if it is gone
// or being deleted once its credentials exist, they are deleted, since its deletion may have come before. They stay for another Member of
// its name, which was restored and accepts by them.
func (r *Reconciler) makeCredentials(ctx context.Context, m *usherv1.Member, d membership.Decision) (*corev1.Secret, error) {
	signer, err := r.tokenKeys.Signer(ctx)
	if err != nil {
		return nil, err
	}
	secret := credentials.New(m, credentials.Answers{}, r.Now(), signer)
	plan.Record(secret.Annotations, d.Standing)
	if err := store.Create(ctx, r.Client, secret); err != nil {
		return nil, err
	}
	now := &usherv1.Member{}
	found, err := store.Get(ctx, r.Live, m.Namespace, m.Name, now)
	if err != nil || found && (now.UID != m.UID || now.DeletionTimestamp == nil) {
		return secret, err
	}
	if err := store.DeleteAsRead(ctx, r.Client, secret); err != nil {
		return nil, err
	}
	return nil, apierrors.NewConflict(usherv1.GroupVersion.WithResource("members").GroupResource(), m.Name, errGone)
}

// dropCredentials deletes the credentials. It reads them before it reads whether the Member is still there: those of the next Member of
// this name, which may have been created since o was read, stay.
func (r *Reconciler) dropCredentials(ctx context.Context, o *membership.Observation) (changed bool, err error) {
	secret := &corev1.Secret{}
	found, err := store.Get(ctx, r.Live, o.Member.Namespace, credentials.Name(o.Member.Name), secret)
	if err != nil {
		return false, err
	}
	is := credentials.None
	if found {
		says, err := r.read(ctx, o.Member, secret)
		if err != nil {
			return false, err
		}
		if is = credentials.AcceptanceOf(says, o.Member, o.Account); is.LeftAlone() {
			o.Credentials = says // they are others than were decided about
			return true, nil
		}
		if err := r.checkStillThere(ctx, o.Member); err != nil {
			return false, err
		}
		if err := store.DeleteAsRead(ctx, r.Client, secret); err != nil {
			return false, err
		}
	}
	if found && o.Member.DeletionTimestamp == nil && is == credentials.OfEarlierMember {
		r.emitCredentialsDropped(o.Member)
	}
	o.Credentials = nil
	return true, nil
}

// checkStillThere returns a conflict if the Member is gone, also where another one has its name.
func (r *Reconciler) checkStillThere(ctx context.Context, m *usherv1.Member) error {
	now := &usherv1.Member{}
	if _, err := store.Get(ctx, r.Live, m.Namespace, m.Name, now); err != nil {
		return err
	}
	if now.UID != m.UID {
		return apierrors.NewConflict(usherv1.GroupVersion.WithResource("members").GroupResource(), m.Name, errGone)
	}
	return nil
}

// changeCredentials moves the Member's credentials to another address, replaces their API token, and records whose they are and which
// standing the Member has, as decided. It returns them as they are afterwards.
//
// The token is replaced once for each time that the Member was disabled, and never while it is Active: the Secret is read before the
// Member, and written with the resourceVersion that was read. Before the Member can be Active again the Secret says that the token
// was replaced, so that a write that was delayed until then is refused.
func (r *Reconciler) changeCredentials(ctx context.Context, m *usherv1.Member, d membership.Decision) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	found, err := store.Get(ctx, r.Live, m.Namespace, credentials.Name(m.Name), secret)
	if err != nil {
		return nil, err
	}
	if !found || secret.Type != credentials.Type {
		return nil, apierrors.NewConflict(corev1.Resource("secrets"), credentials.Name(m.Name), errors.New("the credentials were deleted"))
	}
	if ptr.Deref(secret.Immutable, false) {
		return secret, nil // what is decided next knows that it stays as it is
	}
	signer, err := r.tokenKeys.SignerFor(ctx, secret)
	if err != nil {
		return nil, err
	}
	rotated := d.RotateToken && credentials.RotateToken(secret, *m.Status.DisabledAt)
	if rotated {
		if err := r.checkStillDisabled(ctx, m); err != nil {
			return nil, err
		}
	}
	if annotated, signed := annotate(secret, m, d), r.sign(secret, signer, m, d); !rotated && !annotated && !signed {
		return secret, nil
	}
	if err := store.Update(ctx, r.Client, secret); err != nil {
		return nil, err
	}
	if rotated {
		r.emitTokenRotated(m)
	}
	return secret, nil
}

// sign takes the credentials over, moves them to another address, or signs them anew, as decided.
func (r *Reconciler) sign(secret *corev1.Secret, signer *credentials.Signer, m *usherv1.Member, d membership.Decision) (signed bool) {
	switch is := signer.Check(secret); {
	case d.TakeOverCredentials && is == credentials.Unsigned:
		credentials.TakeOver(secret, m, r.Now(), signer)
	case is == credentials.Unsigned:
		return false
	case d.MoveCredentials:
		credentials.Move(secret, m, signer)
	case d.SignAgain && is == credentials.SignedBefore:
		signer.Sign(secret)
	default:
		return false
	}
	return true
}

// annotate has the metadata of credentials say whose they are and which standing the Member has, as decided.
func annotate(secret *corev1.Secret, m *usherv1.Member, d membership.Decision) (changed bool) {
	if d.AdoptCredentials {
		credentials.AddressedTo(secret, m)
	}
	if d.TakeOverCredentials {
		delete(secret.Annotations, usherv1.FirstMemberAnnotation) // an imported Secret does not say who came first
	} else if !d.RecordStanding || plan.Recorded(secret.Annotations) != plan.Junior {
		return d.AdoptCredentials
	}
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	plan.Record(secret.Annotations, d.Standing)
	return true
}

// checkStillDisabled returns a conflict if the Member, as it is now, was not disabled at the moment that m says.
func (r *Reconciler) checkStillDisabled(ctx context.Context, m *usherv1.Member) error {
	now := &usherv1.Member{}
	if _, err := store.Get(ctx, r.Live, m.Namespace, m.Name, now); err != nil {
		return err
	}
	if now.UID != m.UID || now.Status.State == usherv1.ObservedActive || !now.Status.DisabledAt.Equal(m.Status.DisabledAt) {
		return apierrors.NewConflict(usherv1.GroupVersion.WithResource("members").GroupResource(), m.Name, errors.New("its status has changed"))
	}
	return nil
}

// sweep deletes credentials that were created while their Member was being deleted, by a client that had not heard of it yet: only
// those of a Member whose deletion the account has recorded, and not before it is clear that no such Member is restored with them. Any
// others may have been restored before their Member.
func (r *Reconciler) sweep(ctx context.Context, member types.NamespacedName) (ctrl.Result, error) {
	found, err := store.Get(ctx, r.Client, member.Namespace, credentials.Name(member.Name), store.SecretMetadata())
	if err != nil || !found {
		return ctrl.Result{}, err
	}
	if found, err = store.Get(ctx, r.Live, member.Namespace, member.Name, &usherv1.Member{}); err != nil || found {
		return ctrl.Result{}, err
	}
	secret, is, err := r.readAlone(ctx, member)
	if err != nil || secret == nil {
		return ctrl.Result{}, err
	}
	accounts, err := store.Accounts(ctx, r.Client, member.Namespace, "", "")
	if err != nil {
		return ctrl.Result{}, err
	}
	for i := range accounts {
		// The label may be shortened, and a user may have removed it.
		if secret.Labels[usherv1.AccountLabel] != labels.Value(accounts[i].Name) && !accounts[i].Remembers(is.MemberUID) {
			continue
		}
		account, err := store.AnyAccount(ctx, r.Live, member.Namespace, accounts[i].Name)
		if err != nil {
			return ctrl.Result{}, err
		}
		if account == nil || credentials.AcceptanceOf(is, nil, account) != credentials.OfEarlierMember {
			continue
		}
		if until := credentials.KeptUntil(secret, r.Now()); !until.IsZero() {
			return r.WakeAt(until), nil
		}
		return ctrl.Result{}, store.DeleteAsRead(ctx, r.Client, secret)
	}
	return ctrl.Result{}, nil
}

// readAlone reads live the credentials of a Member that does not exist; nil if there are none.
func (r *Reconciler) readAlone(ctx context.Context, member types.NamespacedName) (*corev1.Secret, *credentials.Credentials, error) {
	secret := &corev1.Secret{}
	found, err := store.Get(ctx, r.Live, member.Namespace, credentials.Name(member.Name), secret)
	if err != nil || !found {
		return nil, nil, err
	}
	signer, err := r.tokenKeys.SignerFor(ctx, secret)
	return secret, credentials.Read(secret, signer), err
}
