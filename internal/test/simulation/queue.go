// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// The pauses after a failed reconcile are controller-runtime's defaults.
const (
	firstRetry   = 5 * time.Millisecond
	longestRetry = 1000 * time.Second
)

// queue is a controller's work queue: each key is in it at most once, at the earliest of the times that it was added for, and only one
// worker works on it at a time.
type queue struct{ items []item }

type item struct {
	key      types.NamespacedName
	queued   bool
	at       time.Duration
	working  bool
	failures int
}

func (q *queue) item(key types.NamespacedName) *item {
	at := len(q.items)
	for i := range q.items {
		if k := q.items[i].key; k == key {
			return &q.items[i]
		} else if k.Name > key.Name || k.Name == key.Name && k.Namespace > key.Namespace {
			at = i
			break
		}
	}
	q.items = append(q.items, item{})
	copy(q.items[at+1:], q.items[at:])
	q.items[at] = item{key: key}
	return &q.items[at]
}

func (q *queue) add(key types.NamespacedName, at time.Duration) {
	i := q.item(key)
	if !i.queued || at < i.at {
		i.queued, i.at = true, at
	}
}

// ready reports whether the key may be worked on now.
func (i *item) ready(now time.Duration) bool { return i.queued && !i.working && i.at <= now }

// done ends the work on a key. It adds the key again after a pause that is not 0, or with increasing pauses if the work failed.
func (q *queue) done(key types.NamespacedName, now, pause time.Duration, failed bool) {
	i := q.item(key)
	i.working = false
	switch {
	case failed:
		q.add(key, now+min(firstRetry<<min(i.failures, 20), longestRetry))
		i.failures++
	case pause > 0:
		i.failures = 0
		q.add(key, now+pause)
	default:
		i.failures = 0
	}
}
