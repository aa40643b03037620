// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invitation

import (
	"context"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/web"
)

// errBlocked is the error of an acceptance while credentials exist that are not the member's; the reconcilers delete them.
const errBlocked = page.PlainError("credentials that are not the member's have not been deleted yet")

// visit is what a genuine link leads to, read live a moment ago.
type visit struct {
	page.Person
	link       page.Link
	invitation usherv1.Invitation
	// from is where an answer comes from.
	from web.Source
}

// refusal returns why the visit, at now, ends before the form.
func (v *visit) refusal(now time.Time) invite.Refusal {
	return invite.Admit(&v.invitation, &v.Member, &v.Account, v.Acceptance.Counts(), now)
}

// withdrawn returns what keeps an acceptance that no reconciler has recorded from standing, at now.
func (v *visit) withdrawn(now time.Time) invite.Refusal {
	switch refusal := invite.Admit(&v.invitation, &v.Member, &v.Account, false, now); refusal {
	case invite.RefusedRevoked, invite.RefusedMemberDisabled, invite.RefusedAccountDisabled:
		return refusal
	default:
		return invite.Admitted
	}
}

// disabled returns the refusal of a member, or an account, that has no access at now, whatever has become of the invitation.
func (v *visit) disabled(now time.Time) invite.Refusal {
	open := v.invitation.DeepCopy()
	open.Spec.State, open.Status.State = usherv1.InvitationOpen, usherv1.InvitationSent
	switch refusal := invite.Admit(open, &v.Member, &v.Account, false, now); refusal {
	case invite.RefusedMemberDisabled, invite.RefusedAccountDisabled:
		return refusal
	default:
		return invite.Admitted
	}
}

// recordedSince reports whether a reconciler has recorded an acceptance since an earlier visit.
func (v *visit) recordedSince(earlier *visit) bool {
	at := v.Member.Status.AcceptedAt
	return v.invitation.Status.State == usherv1.InvitationAccepted || at != nil && !at.Equal(earlier.Member.Status.AcceptedAt)
}

// look reads what l leads to. It returns page.ErrUnknown for every link that is not a genuine, current one, with the invitation
// and member that were read, if any; other errors come from the API server.
//
// The work is the same for every link: the key, two reads and one verification. A name that no object can have is replaced by a valid
// one that no object has.
func (p *Pages) look(ctx context.Context, l page.Link) (*visit, error) {
	keys, err := p.Keys(ctx)
	if err != nil {
		return nil, err
	}
	v := &visit{link: l}
	key, possible := l.Key(p.options.Namespaces)
	invitationFound, err := p.Read(ctx, key, &v.invitation)
	if err != nil {
		return nil, err
	}
	if name := v.invitation.Spec.MemberRef.Name; name != "" {
		key.Name = name
	}
	memberFound, err := p.Read(ctx, key, &v.Member)
	if err != nil {
		return nil, err
	}
	genuine := keys.Verify(l.Token, v.invitation.UID, v.invitation.Status.LinkGeneration, v.invitation.Status.Recipient)
	current := invite.Current(&v.invitation, string(v.Member.EmailInUse()))
	if !genuine || !possible || !invitationFound || !memberFound || !current {
		return v, page.ErrUnknown
	}

	switch found, err := p.ReadAround(ctx, &v.Person); {
	case err != nil:
		return nil, err
	case !found:
		return v, page.ErrUnknown
	}
	return v, nil
}
