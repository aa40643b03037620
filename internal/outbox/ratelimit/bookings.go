// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"slices"
	"sort"
	"time"
)

// maxSearch bounds how many bookings are looked at for one that has to give way.
const maxSearch = 1000

// booking is a reservation that is still ahead.
type booking struct {
	at    time.Time
	id    string
	share string
}

// bookings are the reservations at one server, in the order of their times.
type bookings struct {
	list []booking
	// of counts those of each share, and has the time of its last one.
	of map[string]*tally
}

type tally struct {
	count int
	last  time.Time
}

func newBookings() *bookings { return &bookings{of: map[string]*tally{}} }

// add adds a booking that is later than all others.
func (b *bookings) add(next booking) {
	b.list = append(b.list, next)
	b.count(next.share, 1, next.at)
}

func (b *bookings) count(share string, n int, last time.Time) {
	a := b.of[share]
	if a == nil {
		a = &tally{}
		b.of[share] = a
	}
	a.count += n
	if last.After(a.last) {
		a.last = last
	}
	if a.count == 0 {
		delete(b.of, share)
	}
}

// prune removes the bookings before a time.
func (b *bookings) prune(before time.Time) {
	for len(b.list) > 0 && b.list[0].at.Before(before) {
		b.count(b.list[0].share, -1, time.Time{})
		b.list = b.list[1:]
	}
}

// remove removes the booking of a mail at about that time, if it has one: holds end at whole seconds.
func (b *bookings) remove(id string, about time.Time) {
	for i := b.from(about.Add(-2 * time.Second)); i < len(b.list) && !b.list[i].at.After(about); i++ {
		if b.list[i].id == id {
			b.count(b.list[i].share, -1, time.Time{})
			b.list = slices.Delete(b.list, i, i+1)
			return
		}
	}
}

// from returns the index of the first booking that is not before a time.
func (b *bookings) from(at time.Time) int {
	return sort.Search(len(b.list), func(i int) bool { return !b.list[i].at.Before(at) })
}

// yields returns the index of the booking that gives way to one more of a share: the first one of the share that has the most, if that
// would still have as many. A share that has bookings leaves one interval to the others after its last.
func (b *bookings) yields(share string, now time.Time, interval time.Duration) (int, bool) {
	from, has := now, 0
	if a := b.of[share]; a != nil {
		from, has = a.last.Add(interval*3/2), a.count
	}
	richest, most := "", has+1
	for other, a := range b.of {
		if a.count > most || a.count == most && most > has+1 && other < richest {
			richest, most = other, a.count
		}
	}
	if most == has+1 {
		return 0, false
	}
	first := b.from(from)
	for i := first; i < min(len(b.list), first+maxSearch); i++ {
		if b.list[i].share == richest {
			return i, true
		}
	}
	return 0, false
}

// replace gives the time of booking i to another mail, and returns the one that had it.
func (b *bookings) replace(i int, id, share string) (had, has booking) {
	had = b.list[i]
	has = booking{at: had.at, id: id, share: share}
	b.list[i] = has
	b.count(had.share, -1, time.Time{})
	b.count(share, 1, has.at)
	return had, has
}
