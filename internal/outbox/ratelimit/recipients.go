// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
)

// maxShared is how many mails at most go to a recipient within delivery.RecipientWindow through the shared server: those above
// delivery.MailsPerRecipient are first mails of namespaces.
const maxShared = 2 * delivery.MailsPerRecipient

// maxOwn is how many buckets at most the namespaces have together, of at most 80 bytes of mails each: about 16 MB in all.
const maxOwn = 1 << 17

// bucket counts the mails to the addresses with one hash; there are 65,536 buckets. A table that drops its oldest address when it is
// full would be worse: a flood of other addresses could make it drop any.
type bucket uint16

// recipients records when each bucket's latest mails were sent: those of each namespace, and those of all namespaces through the shared
// server. Two addresses of one namespace may share a bucket; those of two namespaces do so only through the shared server.
type recipients struct {
	seed   maphash.Seed
	shared mails
	// own are the mails of each namespace, through whatever server. ownBuckets counts their buckets.
	own        map[string]mails
	ownBuckets int
}

// mails are the latest mails to each bucket, in the order of their times.
type mails map[bucket][]mail

// mail is when a mail was sent, in seconds of Unix time, and the hash of its namespace.
type mail struct {
	at int64
	of uint64
}

func newRecipients() *recipients {
	return &recipients{seed: maphash.MakeSeed(), shared: mails{}, own: map[string]mails{}}
}

func (r *recipients) bucketOf(address string) bucket { return bucket(maphash.String(r.seed, address)) }

// add counts a mail.
func (r *recipients) add(m Mail, sent time.Time) {
	b, counted := r.bucketOf(m.Recipient), mail{at: sent.Unix(), of: maphash.String(r.seed, m.Share)}
	if m.Shared {
		r.shared.add(b, counted, maxShared)
	}
	if r.ownBuckets >= maxOwn {
		r.forgetMost()
	}
	of := r.own[m.Share]
	if of == nil {
		of = mails{}
		r.own[m.Share] = of
	}
	r.ownBuckets -= len(of)
	of.add(b, counted, delivery.MailsPerRecipient)
	r.ownBuckets += len(of)
}

// forgetMost forgets the mails of the namespace that has the most recipients: it may send them as many again, as far as its own server
// lets it.
func (r *recipients) forgetMost() {
	most := ""
	for namespace, of := range r.own {
		if len(of) > len(r.own[most]) {
			most = namespace
		}
	}
	r.ownBuckets -= len(r.own[most])
	delete(r.own, most)
}

// remove undoes add.
func (r *recipients) remove(m Mail, sent time.Time) {
	b, counted := r.bucketOf(m.Recipient), mail{at: sent.Unix(), of: maphash.String(r.seed, m.Share)}
	if m.Shared {
		r.shared.remove(b, counted)
	}
	r.own[m.Share].remove(b, counted)
}

// freeAt returns when a mail may go. ofOthers: mails of other namespaces hold it.
func (r *recipients) freeAt(m Mail, now time.Time) (at time.Time, ofOthers bool) {
	b := r.bucketOf(m.Recipient)
	own := after(r.own[m.Share].latest(b, now), delivery.MailsPerRecipient, now)
	if !m.Shared {
		return own, false
	}
	all := r.shared.latest(b, now)
	among := after(all, delivery.MailsPerRecipient, now)
	first := latest(after(all, maxShared, now), after(sentBy(all, maphash.String(r.seed, m.Share)), 1, now))
	if first.Before(among) {
		among = first
	}
	return latest(own, among), among.After(own)
}

// after returns when fewer than n of the mails count.
func after(sent []mail, n int, now time.Time) time.Time {
	if len(sent) < n {
		return now
	}
	return time.Unix(sent[len(sent)-n].at, 0).Add(delivery.RecipientWindow)
}

func sentBy(all []mail, namespace uint64) (own []mail) {
	for _, m := range all {
		if m.of == namespace {
			own = append(own, m)
		}
	}
	return own
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// sweep removes the buckets whose mails no longer count.
func (r *recipients) sweep(now time.Time) {
	r.shared.sweep(now)
	r.ownBuckets = 0
	for namespace, of := range r.own {
		of.sweep(now)
		if r.ownBuckets += len(of); len(of) == 0 {
			delete(r.own, namespace)
		}
	}
}

// add adds a mail, and forgets the oldest of more than n.
func (s mails) add(b bucket, m mail, n int) {
	sent := append(s[b], m)
	slices.SortStableFunc(sent, func(a, b mail) int { return cmp.Compare(a.at, b.at) })
	s[b] = slices.Delete(sent, 0, max(0, len(sent)-n))
}

func (s mails) remove(b bucket, m mail) {
	if i := slices.Index(s[b], m); i >= 0 {
		s[b] = slices.Delete(s[b], i, i+1)
	}
}

// latest returns the mails of a bucket that count at now. It forgets the others, also those that this process counted while its clock was
// ahead: they would count for as long as that.
func (s mails) latest(b bucket, now time.Time) []mail {
	if len(s[b]) == 0 {
		return nil
	}
	clock := moment.Clock{Now: now}
	s[b] = slices.DeleteFunc(s[b], func(m mail) bool {
		sent := time.Unix(m.at, 0)
		return !now.Before(sent.Add(delivery.RecipientWindow)) || !clock.Believes(sent, 0)
	})
	return s[b]
}

func (s mails) sweep(now time.Time) {
	for b := range s {
		if len(s.latest(b, now)) == 0 {
			delete(s, b)
		}
	}
}
