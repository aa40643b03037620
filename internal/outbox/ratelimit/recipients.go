// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/usher-dev/usher/internal/delivery"
)

// slot is where the mails to an address are counted, and by chance those to another one: there are 65,536. A table that forgets
// whoever came first instead could be made to forget by a flood of other addresses.
type slot uint16

// recipients are when each slot's latest mails were sent, in seconds of Unix time. At 40 bytes of times a slot, all of them take a
// few megabytes.
type recipients struct {
	seed maphash.Seed
	sent map[slot][]int64
}

func newRecipients() recipients {
	return recipients{seed: maphash.MakeSeed(), sent: map[slot][]int64{}}
}

func (r recipients) slotOf(address string) slot {
	return slot(maphash.String(r.seed, address))
}

// note counts a mail.
func (r recipients) note(s slot, sent time.Time) {
	times := append(r.sent[s], sent.Unix())
	slices.Sort(times)
	if extra := len(times) - delivery.MailsPerRecipient; extra > 0 {
		times = slices.Delete(times, 0, extra)
	}
	r.sent[s] = times
}

// forget takes a mail back that was counted.
func (r recipients) forget(s slot, sent time.Time) {
	times := r.sent[s]
	if at := slices.Index(times, sent.Unix()); at >= 0 {
		r.sent[s] = slices.Delete(times, at, at+1)
	}
}

// freeAt is when the slot may get its next mail.
func (r recipients) freeAt(s slot, now time.Time) time.Time {
	times := r.sent[s]
	if len(times) < delivery.MailsPerRecipient {
		return now
	}
	return time.Unix(times[0], 0).Add(delivery.RecipientWindow)
}

// sweep forgets the slots whose mails no longer count.
func (r recipients) sweep(now time.Time) {
	for s, times := range r.sent {
		if len(times) == 0 || !now.Before(time.Unix(times[len(times)-1], 0).Add(delivery.RecipientWindow)) {
			delete(r.sent, s)
		}
	}
}
