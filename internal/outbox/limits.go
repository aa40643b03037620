// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/outbox/ratelimit"
)

// reserve lets a mail of an account go, or returns what it has to wait for; see ratelimit.Limiter. Before the first mail, it gives the
// limiter the mails of earlier managers that the cached statuses record.
func (e *Endpoints) reserve(
	ctx context.Context, cache client.Reader, account *usherv1.Account, m ratelimit.Mail, now time.Time,
) (cancel func(), hold *delivery.Hold, err error) {
	if !e.Limiter.Recalled() {
		var all usherv1.InvitationList
		if err := cache.List(ctx, &all); err != nil {
			return nil, nil, fmt.Errorf("list Invitations to recall sent mails: %w", err)
		}
		var sent []ratelimit.Sent
		for i := range all.Items {
			if status := &all.Items[i].Status; status.SentAt != nil && moment.At(now, &all.Items[i]).Believes(status.SentAt.Time, 0) {
				sent = append(sent, ratelimit.Sent{Recipient: usherv1.EmailAddress(status.Recipient).Key(), At: status.SentAt.Time})
			}
		}
		e.Limiter.Recall(sent)
	}
	m.Server, m.Share, m.Recipient = e.SecretOf(account).String(), account.Namespace, usherv1.EmailAddress(m.Recipient).Key()
	cancel, hold = e.Limiter.Reserve(m, now)
	return cancel, hold, nil
}

// Held returns the hold that a rate limit has put on a mail; nil if there is none at now.
func (e *Endpoints) Held(id, recipient string, now time.Time) *delivery.Hold {
	return e.Limiter.Held(id, usherv1.EmailAddress(recipient).Key(), now)
}
