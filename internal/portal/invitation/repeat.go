// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invitation

import (
	"context"

	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/web"
)

// errOvertaken is the error of an acceptance that found another one, which is gone again.
const errOvertaken = page.PlainError("another acceptance was made and taken back at the same time")

// mayRepeat reports whether an action that is refused may be one that was done before. The browser of a visitor who presses the button
// twice shows only the answer to the second POST.
func mayRepeat(action string, refusal invite.Refusal) bool {
	return action == actionAccept && refusal == invite.RefusedUsed || action == actionDecline && refusal == invite.RefusedDeclined
}

// repeated returns Admitted if the password is the one that the visit's member has: then the member accepts once more, and not someone
// else. It takes the same time whether or not it is, and if there is no password. An acceptance that may be about to be taken back is not
// confirmed, for the reason that it would be.
func (p *Pages) repeated(ctx context.Context, v *visit, password string) (invite.Refusal, error) {
	var hash []byte
	if v.Acceptance.Counts() {
		hash = credentials.PasswordHash(&v.Credentials)
	}
	// The holder of the link of old may try the password no more often than a stranger at the sign-in.
	target := web.TargetOf(string(v.Member.UID))
	if wait := p.Tries.Take(target, v.from, p.Now()); wait > 0 {
		return "", web.WaitError(wait)
	}
	same, err := p.Hasher.Matches(ctx, hash, password)
	switch {
	case err != nil:
		p.Tries.GiveBack(target, v.from)
		return "", err
	case same:
		p.Tries.Right(target, v.from)
		return v.withdrawn(p.Now()), nil
	default:
		return invite.RefusedUsed, nil
	}
}

// overtaken returns what an acceptance is told that found the credentials of another one.
func (p *Pages) overtaken(ctx context.Context, v *visit, password string) (invite.Refusal, error) {
	again, err := p.look(ctx, v.link)
	if err != nil {
		return "", err
	}
	again.from = v.from
	switch refusal := again.refusal(p.Now()); refusal {
	case invite.RefusedUsed:
		return p.repeated(ctx, again, password)
	case invite.Admitted:
		return "", errOvertaken
	default:
		return refusal, nil
	}
}
