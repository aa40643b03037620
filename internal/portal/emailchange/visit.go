// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package emailchange

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/undecodable"
)

// errNotAccepted is the error of a genuine link while the credentials are no acceptance of the member.
const errNotAccepted = page.PlainError("the credentials of a member whose address changes do not count")

// visit is what a genuine link leads to, read live a moment ago.
type visit struct {
	page.Person
	link page.Link
	// change that the link confirms; zero if it is not the one that the member waits for.
	change invite.AddressChange
	// confirmed: the link's address is in use, because of this link or another one for it.
	confirmed bool
}

// look reads what l leads to. It returns page.ErrUnknown for every link that is neither for the change of address that its member waits for
// nor the one that the address in use was confirmed with; other errors come from the API server.
//
// The work is the same for every link that is unknown: the key, two reads and one verification.
func (p *Pages) look(ctx context.Context, l page.Link) (*visit, error) {
	keys, err := p.Keys(ctx)
	if err != nil {
		return nil, err
	}
	v := &visit{link: l}
	key, possible := l.Key(p.options.Namespaces)
	found, err := p.Read(ctx, key, &v.Member)
	if err != nil {
		return nil, err
	}
	used, err := p.wasUsed(ctx, key, l.Token)
	if err != nil {
		return nil, err
	}
	change, waits := invite.ChangeOf(&v.Member)
	genuine, err := keys.VerifyChange(l.Token, change)
	if err != nil {
		return nil, err
	}
	if genuine = genuine && waits; !possible || !found || !genuine && !used {
		return nil, page.ErrUnknown
	}

	switch found, err := p.ReadAround(ctx, &v.Person); {
	case err != nil:
		return nil, err
	case !found:
		return nil, page.ErrUnknown
	}
	if genuine {
		v.change = change
	}
	return v, v.settle(genuine)
}

// wasUsed reports whether a token is the one that the credentials of a member were confirmed with, as far as they can be believed.
func (p *Pages) wasUsed(ctx context.Context, member types.NamespacedName, token string) (bool, error) {
	var secret corev1.Secret
	_, err := p.Read(ctx, types.NamespacedName{Namespace: member.Namespace, Name: credentials.Name(member.Name)}, &secret)
	return secret.Annotations[usherv1.ConfirmedAnnotation] == invite.Confirmation(token), err
}

// settle decides from the credentials whether the link was confirmed already. genuine: the member waits for the link's change. Credentials
// that count are for the address in use, or the one that is about to be.
func (v *visit) settle(genuine bool) error {
	used := v.Credentials.Annotations[usherv1.ConfirmedAnnotation] == invite.Confirmation(v.link.Token)
	switch v.confirmed = used && v.Acceptance.Counts() || genuine && v.Acceptance == credentials.Accepted; {
	case v.confirmed:
		return nil
	case !genuine:
		return page.ErrUnknown
	case v.Acceptance != credentials.AcceptedAtFormerAddress:
		return errNotAccepted
	}
	return nil
}

// address that the credentials are for. Those that say none are for the one in the spec.
func (v *visit) address() usherv1.EmailAddress {
	if said := v.Credentials.Data[credentials.KeyEmail]; len(said) > 0 {
		return usherv1.EmailAddress(said)
	}
	return v.Member.Spec.Email
}

// disabled returns the notice for a member without access at now; nil for one who has access.
func (v *visit) disabled(now time.Time) *page.Notice {
	switch {
	case v.Member.Spec.State == usherv1.StateDisabled || v.Member.Spec.Ended(now):
		return &noticeMemberDisabled
	case v.Account.Spec.State == usherv1.StateDisabled:
		return &page.NoticeAccountDisabled
	}
	return nil
}

// refusal returns the notice that keeps the visit, at now, from confirming the address; nil if nothing does. A link whose end is not
// recorded yet works: its holder has got the mail.
func (p *Pages) refusal(ctx context.Context, v *visit, now time.Time) (*page.Notice, error) {
	if n := v.disabled(now); n != nil {
		return n, nil
	}
	if expires := v.Member.Status.EmailChange.ExpiresAt; expires != nil && !now.Before(expires.Time) {
		return &noticeExpired, nil
	}
	switch taken, err := p.taken(ctx, v); {
	case err != nil:
		return nil, err
	case taken:
		return &noticeTaken, nil
	}
	return nil, nil
}

// taken reports whether another member of the account has the address by now.
func (p *Pages) taken(ctx context.Context, v *visit) (bool, error) {
	if p.options.MembersAt == nil {
		return false, nil
	}
	names, err := p.options.MembersAt(ctx, string(v.change.Wanted))
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if name.Namespace != v.Member.Namespace || name.Name == v.Member.Name {
			continue
		}
		var other usherv1.Member
		found, err := p.Read(ctx, name, &other)
		if undecodable.Ignore(err) != nil {
			return false, err
		}
		if err == nil && found && membership.Holds(&other, &v.Member) {
			return true, nil
		}
	}
	return false, nil
}
