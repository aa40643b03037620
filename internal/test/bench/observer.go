// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// observer watches the Members and RoleBindings and remembers when what is measured was first seen.
type observer struct {
	mu sync.Mutex
	// reached is when each Member was first there.
	reached map[place]map[types.NamespacedName]time.Time
	// bindings are the RoleBindings that name a user; lost is when the last of them did so no more.
	bindings map[string]map[types.NamespacedName]bool
	lost     map[string]time.Time
	cancel   context.CancelFunc
	ended    chan struct{}
}

// place is how far Members of an account are: the reason of their Ready condition. Accounts of a stage have different names.
type place struct{ account, reason string }

// observe starts an observer, and returns once it knows what is there.
func (s *stage) observe(ctx context.Context) (*observer, error) {
	informers, err := cache.New(s.server.Config(), cache.Options{
		Scheme: testkit.Scheme(), Mapper: s.api.RESTMapper(), DefaultTransform: cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, err
	}
	o := &observer{
		reached: map[place]map[types.NamespacedName]time.Time{}, bindings: map[string]map[types.NamespacedName]bool{},
		lost: map[string]time.Time{}, ended: make(chan struct{}),
	}
	for kind, handle := range map[client.Object]func(object any, gone bool){&usherv1.Member{}: o.member, &rbacv1.RoleBinding{}: o.binding} {
		informer, err := informers.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, err
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { handle(object, false) },
			UpdateFunc: func(_, object any) { handle(object, false) },
			DeleteFunc: func(object any) { handle(object, true) },
		}); err != nil {
			return nil, err
		}
	}
	ctx, o.cancel = context.WithCancel(ctx)
	go func() {
		defer close(o.ended)
		_ = informers.Start(ctx) // its error is that of a cache that does not become synced
	}()
	if !informers.WaitForCacheSync(ctx) {
		o.stop()
		return nil, fmt.Errorf("watch the Members and RoleBindings: %w", context.Cause(ctx))
	}
	return o, nil
}

func (o *observer) stop() {
	o.cancel()
	<-o.ended
}

func (o *observer) member(object any, gone bool) {
	m, ok := object.(*usherv1.Member)
	if !ok || gone {
		return
	}
	ready := meta.FindStatusCondition(m.Status.Conditions, usherv1.ConditionReady)
	if ready == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	here := place{m.Spec.AccountRef.Name, ready.Reason}
	times := o.reached[here]
	if times == nil {
		times = map[types.NamespacedName]time.Time{}
		o.reached[here] = times
	}
	if key := client.ObjectKeyFromObject(m); times[key].IsZero() {
		times[key] = time.Now()
	}
}

func (o *observer) binding(object any, gone bool) {
	b, ok := object.(*rbacv1.RoleBinding)
	if !ok {
		return
	}
	key, named := client.ObjectKeyFromObject(b), map[string]bool{}
	if !gone {
		for _, subject := range b.Subjects {
			named[subject.Name] = true
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for user := range named {
		if o.bindings[user] == nil {
			o.bindings[user] = map[types.NamespacedName]bool{}
		}
		o.bindings[user][key] = true
		delete(o.lost, user)
	}
	for user, keys := range o.bindings {
		if !named[user] && keys[key] {
			if delete(keys, key); len(keys) == 0 {
				o.lost[user] = time.Now()
			}
		}
	}
}

// count returns how many Members of the tenants have had that reason.
func (o *observer) count(reason string, tenants ...tenant) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range tenants {
		n += len(o.reached[place{t.account, reason}])
	}
	return n
}

// at returns when a Member of the tenant first had that reason; zero if it has not had it.
func (o *observer) at(reason string, t tenant, member types.NamespacedName) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reached[place{t.account, reason}][member]
}

// last returns when the last Member of the tenants had that reason.
func (o *observer) last(reason string, tenants ...tenant) (last time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range tenants {
		for _, at := range o.reached[place{t.account, reason}] {
			if at.After(last) {
				last = at
			}
		}
	}
	return last
}

// bound returns how many of the users are named by a RoleBinding.
func (o *observer) bound(users []string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, user := range users {
		if len(o.bindings[user]) > 0 {
			n++
		}
	}
	return n
}

// lostAt returns when a user was last named by a RoleBinding; zero if they still are.
func (o *observer) lostAt(user string) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost[user]
}
