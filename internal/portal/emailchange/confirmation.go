// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package emailchange

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/web"
	"github.com/usher-dev/usher/internal/store"
)

// confirm has the credentials be for the visit's new address. It returns a notice if that is not allowed any more; an address that is
// confirmed already is. An error means that, as far as is known, nothing was written, and that the visitor can try again.
func (p *Pages) confirm(ctx context.Context, v *visit) (*page.Notice, error) {
	// Finish even if the client goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), web.SettleTimeout)
	defer cancel()
	for range web.WriteTries {
		if v.confirmed {
			return nil, nil
		}
		if n, err := p.refusal(ctx, v, p.Now()); n != nil || err != nil {
			return n, err
		}
		written, err := p.write(ctx, v)
		if written || err != nil {
			return nil, err
		}
		again, err := p.look(ctx, v.link)
		if err != nil {
			return nil, err
		}
		*v = *again
	}
	return nil, web.ErrBusy
}

// write writes the credentials. It reports false if what the visit has read is not so any more.
func (p *Pages) write(ctx context.Context, v *visit) (bool, error) {
	signer, err := p.Signer(ctx)
	if err != nil {
		return false, err
	}
	secret := v.Credentials.DeepCopy()
	credentials.Confirm(secret, v.change.Wanted, invite.Confirmation(v.link.Token), signer)
	// The resourceVersion is the credentials', not the member's: the member is read once more.
	var member usherv1.Member
	if found, err := p.Read(ctx, client.ObjectKeyFromObject(&v.Member), &member); err != nil {
		return false, err
	} else if !found || member.ResourceVersion != v.Member.ResourceVersion {
		return false, nil
	}
	switch err := store.Update(ctx, p.Client, secret); {
	case err == nil:
		return true, nil
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return false, nil
	default:
		return false, err
	}
}
