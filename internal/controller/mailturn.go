// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/message/address"
	"github.com/usher-dev/usher/internal/outbox/ratelimit"
)

// Turn lets a mail of an account go, or says what it has to wait for; see ratelimit.Take. Before the first one it has the pace know what
// an earlier manager sent, as far as the statuses in the cache tell.
func (s *MailServers) Turn(ctx context.Context, cache client.Reader, account *usherv1.Account, m ratelimit.Mail, now time.Time) (takeBack func(), hold *invite.Hold, err error) {
	if !s.Pace.Recalled() {
		var all usherv1.InvitationList
		if err := cache.List(ctx, &all); err != nil {
			return nil, nil, err
		}
		var sent []ratelimit.Sent
		for i := range all.Items {
			if status := &all.Items[i].Status; status.SentAt != nil {
				sent = append(sent, ratelimit.Sent{Recipient: address.Inbox(status.Recipient), At: status.SentAt.Time})
			}
		}
		s.Pace.Recall(sent)
	}
	m.Server = s.SecretOf(account).String()
	takeBack, hold = s.Pace.Take(m, now)
	return takeBack, hold, nil
}

// wentOut tells whether a mail whose attempt ended with err was taken by the server, or may have been.
func wentOut(err error) bool {
	var failed *channel.Error
	return err == nil || errors.As(err, &failed) && failed.InDoubt
}
