// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// History records every revision of a namespace's Members, SeatPools, Invitations and RoleBindings since Record.
//
// All kinds are in one etcd, and a resourceVersion is etcd's revision of the write: the only clock that orders writes of
// different kinds. Each kind has a watch of its own; sorted by resourceVersion, their events are the complete sequence of writes.
type History struct {
	api       client.WithWatch
	namespace string
	cancel    context.CancelFunc
	watching  sync.WaitGroup

	mu        sync.Mutex
	revisions []revision
	latest    map[string]client.Object // by UID, the latest revision
	changed   chan struct{}            // closed by the next revision
	holes     []string
}

// revision is an object after one write.
type revision struct {
	number  int64
	deleted bool
	object  client.Object
}

func kinds() []client.ObjectList {
	return []client.ObjectList{&usherv1.MemberList{}, &usherv1.SeatPoolList{}, &usherv1.InvitationList{}, &rbacv1.RoleBindingList{}}
}

// lookAgain is how often Complete compares the History with the API server's objects.
const lookAgain = 50 * time.Millisecond

// Record starts a History of a namespace. It ends with Complete or ctx.
func Record(ctx context.Context, api client.WithWatch, namespace string) (*History, error) {
	ctx, cancel := context.WithCancel(ctx)
	h := &History{api: api, namespace: namespace, cancel: cancel, latest: map[string]client.Object{}, changed: make(chan struct{})}
	for _, list := range kinds() {
		if err := api.List(ctx, list, client.InNamespace(namespace)); err != nil {
			cancel()
			return nil, err
		}
		objects, err := meta.ExtractList(list)
		if err != nil {
			cancel()
			return nil, err
		}
		for _, o := range objects {
			h.note(watch.Added, o.(client.Object))
		}
		h.watching.Go(func() { h.follow(ctx, list, list.GetResourceVersion()) })
	}
	return h, nil
}

// follow watches one kind from a revision on, and resumes when the API server ends the watch.
func (h *History) follow(ctx context.Context, list client.ObjectList, from string) {
	for ctx.Err() == nil {
		stream, err := h.api.Watch(ctx, list, client.InNamespace(h.namespace),
			&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: from}})
		if err != nil {
			continue // the server is busy, or ctx is done
		}
		for event := range stream.ResultChan() {
			o, ok := event.Object.(client.Object)
			if ctx.Err() != nil {
				break
			}
			if !ok {
				h.mu.Lock()
				h.holes = append(h.holes, fmt.Sprintf("the history of %T has a gap: %v", list, event.Object))
				h.mu.Unlock()
				return
			}
			from = o.GetResourceVersion()
			h.note(event.Type, o)
		}
	}
}

func (h *History) note(kind watch.EventType, o client.Object) {
	number, err := strconv.ParseInt(o.GetResourceVersion(), 10, 64)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.holes = append(h.holes, fmt.Sprintf("a resourceVersion is not a number: %q", o.GetResourceVersion()))
		return
	}
	close(h.changed)
	h.changed = make(chan struct{})
	o.SetManagedFields(nil)
	h.revisions = append(h.revisions, revision{number, kind == watch.Deleted, o})
	h.latest[string(o.GetUID())] = o
	if kind == watch.Deleted {
		delete(h.latest, string(o.GetUID()))
	}
}

// caughtUp reports whether the latest revisions are exactly the objects that exist now.
func (h *History) caughtUp(ctx context.Context) (bool, error) {
	now := map[string]string{}
	for _, list := range kinds() {
		if err := h.api.List(ctx, list, client.InNamespace(h.namespace)); err != nil {
			return false, err
		}
		objects, err := meta.ExtractList(list)
		if err != nil {
			return false, err
		}
		for _, o := range objects {
			now[string(o.(client.Object).GetUID())] = o.(client.Object).GetResourceVersion()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.holes) > 0 {
		return true, nil
	}
	return maps.EqualFunc(now, h.latest, func(version string, o client.Object) bool { return o.GetResourceVersion() == version }), nil
}

// Complete waits until the History has seen every object, ends the History and sorts it.
func (h *History) Complete(ctx context.Context) error {
	if err := wait.PollUntilContextCancel(ctx, lookAgain, true, h.caughtUp); err != nil {
		return fmt.Errorf("the history is not complete: %w", err)
	}
	h.cancel()
	h.watching.Wait()
	slices.SortStableFunc(h.revisions, func(a, b revision) int { return int(a.number - b.number) })
	return nil
}

// Latest returns the latest revision of every Member and SeatPool. With thousands of objects, a test that waits by listing them again
// and again would slow the manager down.
func (h *History) Latest() (members []*usherv1.Member, pools []*usherv1.SeatPool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.latest {
		switch o := o.(type) {
		case *usherv1.Member:
			members = append(members, o)
		case *usherv1.SeatPool:
			pools = append(pools, o)
		}
	}
	return members, pools
}

// Objects returns how many Members, SeatPools and Invitations exist, as far as the History has seen.
func (h *History) Objects() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.latest)
}

// Changed is closed by the next revision.
func (h *History) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// Revisions returns the number of revisions.
func (h *History) Revisions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.revisions)
}

// Stalled returns the revisions at which a Member or an Invitation was Stalled: waiting for a person.
func (h *History) Stalled() (found []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.revisions {
		var conditions []metav1.Condition
		switch o := r.object.(type) {
		case *usherv1.Member:
			conditions = o.Status.Conditions
		case *usherv1.Invitation:
			conditions = o.Status.Conditions
		}
		if c := meta.FindStatusCondition(conditions, usherv1.ConditionStalled); c != nil {
			found = append(found, fmt.Sprintf("revision %d: %T %s is Stalled: %s", r.number, r.object, r.object.GetName(), c.Reason))
		}
	}
	return found
}
