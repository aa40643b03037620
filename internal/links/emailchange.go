// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/store"
)

// ofMember returns the link that confirms a member's new address.
func (h *Handler) ofMember(ctx context.Context, key types.NamespacedName) (*InvitationLink, error) {
	missing := apierrors.NewNotFound(h.resource, key.Name)
	member := &usherv1.Member{}
	found, err := store.Get(ctx, h.Client, key.Namespace, key.Name, member)
	if err != nil {
		return nil, err
	}
	if !found || member.DeletionTimestamp != nil {
		return nil, refusal(missing)
	}
	account, err := store.Account(ctx, h.Client, key.Namespace, member.Spec.AccountRef.Name)
	if err != nil {
		return nil, err
	}
	change, waits := invite.ChangeOf(member)
	if account == nil || !waits {
		missing.ErrStatus.Message = "there is no link: " + key.Name + " has no address that waits for a confirmation"
		return nil, refusal(missing)
	}
	if refused := invite.AdmitChange(member, account, h.Now()); refused != invite.Admitted {
		return nil, gone(whyChangeGone[refused])
	}
	keys, err := h.Keys(ctx)
	if err != nil {
		return nil, refusal(apierrors.NewInternalError(errKeys))
	}
	path, err := keys.ChangePath(member, change)
	if err != nil {
		return nil, refusal(apierrors.NewInternalError(errKeys))
	}
	return newLink(h.PortalURL+path, member.Status.EmailChange.ExpiresAt), nil
}

// whyChangeGone says why the link that confirms an address is dead.
var whyChangeGone = map[invite.Refusal]string{
	invite.RefusedExpired:         "the link has expired; set the member's spec.email to its status.email, and then to the new address again",
	invite.RefusedMemberDisabled:  "the member is disabled",
	invite.RefusedAccountDisabled: "the account is disabled",
}
