// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/outbox/ratelimit"
	"github.com/usher-dev/usher/internal/store"
)

// reserve lets a mail of an account go through an endpoint, or returns what it has to wait for; see ratelimit.Limiter. Before the first
// mail, it gives the limiter the mails of earlier managers that the cached statuses record.
func (e *Endpoints) reserve(
	ctx context.Context, cache client.Reader, account *usherv1.Account, endpoint channel.Endpoint, as Counted, now time.Time,
) (cancel func(), hold *delivery.Hold, err error) {
	if !e.Limiter.Recalled() {
		sent, err := e.recall(ctx, cache, now)
		if err != nil {
			return nil, nil, fmt.Errorf("recall the mails that were sent: %w", err)
		}
		e.Limiter.Recall(sent)
	}
	m := e.counted(account, endpoint, as)
	m.PerMinute = e.partOf(e.SecretOf(account), endpoint.RatePerMinute())
	cancel, hold = e.Limiter.Reserve(m, now)
	return cancel, hold, nil
}

// counted returns what the limits count a mail by.
func (e *Endpoints) counted(account *usherv1.Account, endpoint channel.Endpoint, as Counted) ratelimit.Mail {
	m := ratelimit.Mail{
		ID: as.ID, Recipient: usherv1.EmailAddress(as.Recipient).Key(), Server: e.SecretOf(account).String(), Share: account.Namespace,
		Account: client.ObjectKeyFromObject(account).String(), Urgent: as.Urgent, Shared: e.isShared(account, endpoint),
	}
	if e.SecretOf(account) == e.Default {
		m.PerDay = e.Quota
	}
	return m
}

// isShared reports whether an account sends through the server of the default Secret: with that Secret, or with one of its own that leads
// to the same host, at whatever port. endpoint may be nil if it is not known.
func (e *Endpoints) isShared(account *usherv1.Account, endpoint channel.Endpoint) bool {
	if e.SecretOf(account) == e.Default {
		return true
	}
	shared, known := e.Probed(e.Default)
	return known && shared.Endpoint != nil && endpoint != nil && hostOf(shared.Endpoint) == hostOf(endpoint)
}

// hostOf returns the host of an endpoint, or its whole name if that is not a host and a port.
func hostOf(endpoint channel.Endpoint) string {
	name := strings.ToLower(endpoint.String())
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	return strings.TrimSuffix(name, ".")
}

// recall returns the mails that the cached statuses record and that still count for a limit: an hour for the recipient's, and a day for the
// quota. One of a member or an account that is gone counts for its namespace only.
func (e *Endpoints) recall(ctx context.Context, cache client.Reader, now time.Time) (sent []ratelimit.Sent, err error) {
	var all usherv1.InvitationList
	if err := cache.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("list Invitations: %w", err)
	}
	longest := delivery.RecipientWindow
	if e.Quota > 0 {
		longest = delivery.QuotaWindow
	}
	for i := range all.Items {
		inv := &all.Items[i]
		times := sentWithin(inv, longest, now)
		if len(times) == 0 {
			continue
		}
		m := ratelimit.Mail{Recipient: usherv1.EmailAddress(inv.Status.Recipient).Key(), Share: inv.Namespace}
		account, err := accountOf(ctx, cache, inv)
		if err != nil {
			return nil, err
		}
		if account != nil {
			p, _ := e.Probed(e.SecretOf(account))
			m = e.counted(account, p.Endpoint, Counted{Recipient: inv.Status.Recipient})
		}
		for _, at := range times {
			counts := ratelimit.Sent{Mail: m, At: at}
			if !now.Before(at.Add(delivery.RecipientWindow)) {
				counts.Recipient = ""
			}
			sent = append(sent, counts)
		}
	}
	return sent, nil
}

// sentWithin returns when the last mail of an Invitation and its reminders were sent, if that is within a window before now.
func sentWithin(inv *usherv1.Invitation, window time.Duration, now time.Time) (times []time.Time) {
	recorded := []*metav1.Time{inv.Status.SentAt}
	for _, r := range inv.Status.Reminders {
		recorded = append(recorded, r.SentAt)
	}
	for _, at := range recorded {
		if at != nil && moment.At(now, inv).Believes(at.Time, 0) && now.Before(at.Add(window)) {
			times = append(times, at.Time)
		}
	}
	return times
}

// accountOf returns the account of an Invitation's member; nil if there is none.
func accountOf(ctx context.Context, cache client.Reader, inv *usherv1.Invitation) (*usherv1.Account, error) {
	member := &usherv1.Member{}
	found, err := store.Get(ctx, cache, inv.Namespace, inv.Spec.MemberRef.Name, member)
	if err != nil || !found {
		return nil, err
	}
	return store.Account(ctx, cache, member.Namespace, member.Spec.AccountRef.Name)
}

// Held returns the hold that a limit has put on a mail of an account; nil if there is none at now. lifted: there was one, which does not
// hold mails through the server that the account has now.
func (e *Endpoints) Held(account *usherv1.Account, id, recipient string, now time.Time) (hold *delivery.Hold, lifted bool) {
	p, _ := e.Probed(e.SecretOf(account))
	return e.Limiter.Held(e.counted(account, p.Endpoint, Counted{ID: id, Recipient: recipient}), now)
}
