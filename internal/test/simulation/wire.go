// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
)

// Fault is what happens to one call.
type Fault int

// Faults of calls to the API server, and of those to a mail server.
const (
	None Fault = iota
	// Refused: the call fails and has no effect.
	Refused
	// AnswerLost: the call takes effect, and its caller is told that it failed.
	AnswerLost

	// Temporary, Greylisted, Permanent and Configuration are faults of the mail server.
	Temporary
	Greylisted
	Permanent
	Configuration
	// Away: the mail server accepts the mail, and then the API server refuses every call of the operator for awayFor.
	Away
)

// awayFor is longer than the lease of a mail.
const awayFor = delivery.SendLease + 30*time.Second

var faultNames = [...]string{"", "refused", "answer lost", "temporary", "greylisted", "permanent", "configuration", "away"}

func (f Fault) String() string { return faultNames[f] }

// wire is an operator's client: reads from its caches, or live ones, and writes to the API server. Before every call that
// leaves the process the work waits for its turn.
type wire struct {
	// Client is nil: what the operators do not use, the simulation does not have.
	client.Client
	world *world
	op    *operator
	live  bool
}

// call performs effect when its turn comes, with the fault that the schedule decides.
func (c *wire) call(verb string, k kind, key types.NamespacedName, effect func() error) error {
	t := c.world.running
	fault := c.world.await(pending{verb: verb, kind: k, name: key.Name})
	c.world.actor = t
	defer func() { c.world.actor = nil }()
	switch fault {
	case Refused:
		return apierrors.NewInternalError(fmt.Errorf("injected"))
	case AnswerLost:
		if err := effect(); err != nil {
			return err
		}
		return apierrors.NewTimeoutError("injected: the answer was lost", 1)
	}
	return effect()
}

func (c *wire) Get(_ context.Context, key types.NamespacedName, o client.Object, _ ...client.GetOption) error {
	if c.live {
		return c.call("get", kindOf(o), key, func() error { return c.world.api.read(key, o) })
	}
	k := kindOf(o)
	c.world.cacheRead(k)
	stored := c.op.caches[k].objects.get(key)
	if stored == nil {
		return apierrors.NewNotFound(resources[k], key.Name)
	}
	copyInto(stored, o)
	return nil
}

func (c *wire) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	q := queryOf(options)
	k := kindOf(list)
	if c.live {
		if q.index != "" && q.index != "spec.accountRef.name" {
			panic("a live list knows no indexes of the cache, only selectable fields")
		}
		return c.call("list", k, types.NamespacedName{}, func() error {
			q.from(c.world, k, c.world.api.tables[k], list)
			return nil
		})
	}
	c.world.cacheRead(k)
	q.from(c.world, k, c.op.caches[k].objects, list)
	return nil
}

// query is what the options of a list select.
type query struct {
	namespace, index, value string
	labels                  map[string]string
	// shared: the objects are not copied; the caller promises not to change them.
	shared bool
}

func queryOf(options []client.ListOption) query {
	var q query
	for _, option := range options {
		switch option := option.(type) {
		case client.InNamespace:
			q.namespace = string(option)
		case client.MatchingFields:
			for q.index, q.value = range option {
			}
		case client.MatchingLabels:
			q.labels = option
		case client.UnsafeDisableDeepCopyOption:
			q.shared = bool(option)
		case client.Limit, client.Continue:
		default:
			panic(fmt.Sprintf("the simulation knows no list option %T", option))
		}
	}
	return q
}

func (q query) from(w *world, k kind, objects table, list client.ObjectList) {
	matches := func(o client.Object) bool {
		return (q.namespace == "" || o.GetNamespace() == q.namespace) && (q.index == "" || w.indexed(k, q.index, q.value, o)) &&
			k8slabels.SelectorFromSet(q.labels).Matches(k8slabels.Set(o.GetLabels()))
	}
	switch list := list.(type) {
	case *usherv1.AccountList:
		list.Items = collect[usherv1.Account](objects, matches, q.shared)
	case *usherv1.SeatPoolList:
		list.Items = collect[usherv1.SeatPool](objects, matches, q.shared)
	case *usherv1.MemberList:
		list.Items = collect[usherv1.Member](objects, matches, q.shared)
	case *rbacv1.RoleList:
		list.Items = collect[rbacv1.Role](objects, matches, q.shared)
	case *rbacv1.RoleBindingList:
		list.Items = collect[rbacv1.RoleBinding](objects, matches, q.shared)
	case *usherv1.InvitationList:
		list.Items = collect[usherv1.Invitation](objects, matches, q.shared)
	case *metav1.PartialObjectMetadataList:
		list.Items = nil
		for _, o := range objects {
			if matches(o) {
				list.Items = append(list.Items, *metadataOf(o).DeepCopy())
			}
		}
	}
}

func collect[T any, P interface {
	*T
	client.Object
	DeepCopyInto(*T)
}](objects table, matches func(client.Object) bool, shared bool) []T {
	var items []T
	for _, o := range objects {
		if !matches(o) {
			continue
		}
		if p := o.(P); shared {
			items = append(items, *p)
		} else {
			items = append(items, *new(T))
			p.DeepCopyInto(&items[len(items)-1])
		}
	}
	return items
}

func (c *wire) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	return c.write("create", o, func() error { return c.world.api.Create(o) })
}

func (c *wire) Update(_ context.Context, o client.Object, _ ...client.UpdateOption) error {
	return c.write("update", o, func() error { return c.world.api.Update(o) })
}

// Patch supports the patches that the operators make: finalizers, annotations and owners, with the resourceVersion.
func (c *wire) Patch(_ context.Context, o client.Object, patch client.Patch, _ ...client.PatchOption) error {
	if check := c.world.options.checkPatch; check != nil {
		check(o, patch)
	}
	return c.write("patch", o, func() error { return c.world.api.PatchMetadata(o) })
}

func (c *wire) Delete(_ context.Context, o client.Object, options ...client.DeleteOption) error {
	all := client.DeleteOptions{}
	all.ApplyOptions(options)
	return c.write("delete", o, func() error {
		return c.world.api.Delete(kindOf(o), client.ObjectKeyFromObject(o), all.Preconditions)
	})
}

func (c *wire) write(verb string, o client.Object, effect func() error) error {
	c.world.writes++
	return c.call(verb, kindOf(o), client.ObjectKeyFromObject(o), effect)
}

func (c *wire) Status() client.SubResourceWriter { return statusWire{wire: c} }

type statusWire struct {
	client.SubResourceWriter
	wire *wire
}

func (s statusWire) Update(_ context.Context, o client.Object, _ ...client.SubResourceUpdateOption) error {
	return s.wire.write("put status", o, func() error { return s.wire.world.api.UpdateStatus(o) })
}

// indexed reports whether an index of the cache has the object under the value.
func (w *world) indexed(k kind, index, value string, o client.Object) bool {
	values, known := w.indexes[indexName{k, index}]
	if !known {
		panic("there is no index " + index)
	}
	return slices.Contains(values(o), value)
}
