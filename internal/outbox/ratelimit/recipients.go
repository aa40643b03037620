// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
)

// bucket counts the mails to the addresses with one hash; there are 65,536 buckets. A table that drops its oldest address when it is
// full would be worse: a flood of other addresses could make it drop any.
type bucket uint16

// recipients records when each bucket's latest mails were sent, in seconds of Unix time. With 40 bytes of times a bucket, all of them
// take a few megabytes.
type recipients struct {
	seed maphash.Seed
	sent map[bucket][]int64
}

func newRecipients() recipients {
	return recipients{seed: maphash.MakeSeed(), sent: map[bucket][]int64{}}
}

func (r recipients) bucketOf(address string) bucket {
	return bucket(maphash.String(r.seed, address))
}

// add counts a mail.
func (r recipients) add(b bucket, sent time.Time) {
	times := append(r.sent[b], sent.Unix())
	slices.Sort(times)
	if extra := len(times) - delivery.MailsPerRecipient; extra > 0 {
		times = slices.Delete(times, 0, extra)
	}
	r.sent[b] = times
}

// remove undoes add.
func (r recipients) remove(b bucket, sent time.Time) {
	times := r.sent[b]
	if at := slices.Index(times, sent.Unix()); at >= 0 {
		r.sent[b] = slices.Delete(times, at, at+1)
	}
}

// freeAt returns when the bucket may get its next mail. It forgets mails that this process counted while its clock was ahead: they would
// count for as long as that.
func (r recipients) freeAt(b bucket, now time.Time) time.Time {
	clock := moment.Clock{Now: now}
	times := slices.DeleteFunc(r.sent[b], func(sent int64) bool { return !clock.Believes(time.Unix(sent, 0), 0) })
	r.sent[b] = times
	if len(times) < delivery.MailsPerRecipient {
		return now
	}
	return time.Unix(times[0], 0).Add(delivery.RecipientWindow)
}

// sweep removes the buckets whose mails no longer count.
func (r recipients) sweep(now time.Time) {
	for b, times := range r.sent {
		if len(times) == 0 || !now.Before(time.Unix(times[len(times)-1], 0).Add(delivery.RecipientWindow)) {
			delete(r.sent, b)
		}
	}
}
