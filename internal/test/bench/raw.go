// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// Rates are what a plain client reaches that only writes, with the bench's number of workers.
type Rates struct {
	// Creates are of Members, Patches merge patches of their statuses, both a second.
	Creates, Patches float64
}

// rawClient writes objects of Usher's kinds while no manager runs. It reads nothing.
type rawClient struct {
	*stage
	namespace string
	// tenants are accounts, each of them of so many members.
	tenants    []tenant
	perAccount int
}

// raw returns a raw client with accounts of its own, as a roll-out has them.
func (s *stage) raw(ctx context.Context, shape Shape, n int) (*rawClient, error) {
	namespace, err := s.server.Namespace(ctx, "raw")
	if err != nil {
		return nil, err
	}
	sizes := shape.accounts(n)
	r := &rawClient{s, namespace, make([]tenant, len(sizes)), sizes[0]}
	return r, each(ctx, s.Workers, len(sizes), func(ctx context.Context, i int) error {
		r.tenants[i] = tenant{namespace, fmt.Sprint("raw-", i)}
		if err := s.establish(ctx, r.tenants[i], sizes[i], ""); err != nil {
			return err
		}
		room := fmt.Appendf(nil, `{"status":{"capacity":%d}}`, sizes[i]) // for claims
		return r.patchStatus(ctx, r.tenants[i].blankPool(), room)
	})
}

// tenantOf returns the account of the i-th member.
func (r *rawClient) tenantOf(i int) tenant { return r.tenants[i/r.perAccount%len(r.tenants)] }

// patchesPerCreate is how many status patches are made of each Member that is created for a rate.
const patchesPerCreate = 4

// rates measures with n Members, and deletes them.
func (s *stage) rates(ctx context.Context, n int) (Rates, error) {
	r, err := s.raw(ctx, Shapes[0], n)
	if err != nil {
		return Rates{}, err
	}
	began := time.Now()
	if err := each(ctx, s.Workers, n, func(ctx context.Context, i int) error { return r.create(ctx, "members", i) }); err != nil {
		return Rates{}, err
	}
	created := time.Now()
	if err := each(ctx, s.Workers, n*patchesPerCreate, func(ctx context.Context, i int) error {
		return r.status(ctx, "members", i%n, i/n)
	}); err != nil {
		return Rates{}, err
	}
	rates := Rates{perSecond(n, created.Sub(began)), perSecond(n*patchesPerCreate, time.Since(created))}
	return rates, r.remove(ctx)
}

// remove deletes what a manager would take for its work.
func (r *rawClient) remove(ctx context.Context) error {
	for _, kind := range []client.Object{&usherv1.Member{}, &usherv1.Invitation{}, &usherv1.Account{}, &usherv1.SeatPool{}, &corev1.Secret{}} {
		if err := r.api.DeleteAllOf(ctx, kind, client.InNamespace(r.namespace)); err != nil {
			return err
		}
	}
	return nil
}

// replay makes the same writes as were counted, spread evenly over n members, and returns how long that takes. The members have to exist
// unless their creation is among the writes.
func (r *rawClient) replay(ctx context.Context, counted calls, n int) (time.Duration, error) {
	wanted := map[call]int{}
	for c, times := range counted {
		if c.mutating() && c.succeeded() && (work(c) || c.event()) {
			c.code, c.group = 0, ""
			wanted[c] += times
		}
	}
	sequence := inOrder(wanted)
	began := time.Now()
	err := each(ctx, r.Workers, n, func(ctx context.Context, i int) error {
		for _, c := range sequence {
			for nth := wanted[c] * i / n; nth < wanted[c]*(i+1)/n; nth++ {
				if err := r.write(ctx, c, i, nth); err != nil {
					return fmt.Errorf("%s: %w", c.kind(), err)
				}
			}
		}
		return nil
	})
	return time.Since(began), err
}

// write makes one write of a kind for the i-th member: the nth in all.
func (r *rawClient) write(ctx context.Context, c call, i, nth int) error {
	switch {
	case c.verb == "POST":
		if c.resource == "members" || c.resource == "invitations" || c.resource == "secrets" {
			nth = i
		}
		return r.create(ctx, c.resource, nth)
	case c.subresource == "status":
		return r.status(ctx, c.resource, i, nth)
	default: // of metadata, such as a finalizer
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"n":"%d"}}}`, nth)
		return r.api.Patch(ctx, r.blankMember(i), client.RawPatch(types.MergePatchType, patch))
	}
}

// create creates the i-th object of a kind; those of kinds that are rare are Events.
func (r *rawClient) create(ctx context.Context, resource string, i int) error {
	member := r.tenantOf(i).member(strconv.Itoa(i)).Build()
	name := member.Name
	switch resource {
	case "members":
		return r.api.Create(ctx, member)
	case "invitations":
		return r.api.Create(ctx, testkit.Invitation(name).In(r.namespace).SendGeneration(1).Build())
	case "secrets":
		return r.api.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: credentials.Name(name)},
			Data:       map[string][]byte{credentials.KeyEmail: []byte(member.Spec.Email), credentials.KeyPasswordHash: []byte(bcryptHash)},
		})
	}
	return r.api.Create(ctx, &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, GenerateName: "raw-"},
		EventTime:  metav1.NowMicro(), ReportingController: "raw", ReportingInstance: "raw", Action: "Reconcile", Type: corev1.EventTypeNormal,
		Reason: usherv1.ReasonAwaitingAcceptance, Note: said,
		Regarding: corev1.ObjectReference{APIVersion: usherv1.GroupVersion.String(), Kind: "Member", Namespace: r.namespace, Name: name},
	})
}

// said is the message of the raw client's conditions and Events, of a usual length.
const said = "The invitation was sent and waits for an answer; the invitee has until the link expires to use it."

// status patches the status of the i-th object of a kind; nth makes each patch change something.
func (r *rawClient) status(ctx context.Context, resource string, i, nth int) error {
	switch resource {
	case "seatpools":
		claim := fmt.Appendf(nil, `{"status":{"lastGrant":%d,"claims":{"%036d":%d}}}`, nth+1, i, nth+1)
		return r.patchStatus(ctx, r.tenantOf(i).blankPool(), claim)
	case "accounts":
		return r.patchStatus(ctx, r.tenantOf(i).blankAccount(), described(nth))
	case "invitations":
		return r.patchStatus(ctx, &usherv1.Invitation{ObjectMeta: r.blankMember(i).ObjectMeta}, described(nth))
	}
	return r.patchStatus(ctx, r.blankMember(i), described(nth))
}

func (r *rawClient) patchStatus(ctx context.Context, object client.Object, patch []byte) error {
	return r.api.Status().Patch(ctx, object, client.RawPatch(types.MergePatchType, patch))
}

func (r *rawClient) blankMember(i int) *usherv1.Member {
	return &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: r.tenantOf(i).memberKey(strconv.Itoa(i)).Name}}
}

func (t tenant) blankPool() *usherv1.SeatPool {
	return &usherv1.SeatPool{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: t.pool()}}
}

func (t tenant) blankAccount() *usherv1.Account {
	return &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: t.account}}
}

// described is a patch with as many conditions as a Member usually has.
func described(nth int) []byte {
	now := metav1.Now().UTC().Format(time.RFC3339)
	condition := func(kind string) string {
		return fmt.Sprintf(`{"type":%q,"status":"False","reason":%q,"message":%q,"observedGeneration":%d,"lastTransitionTime":%q}`,
			kind, usherv1.ReasonAwaitingAcceptance, said, nth, now)
	}
	return fmt.Appendf(nil, `{"status":{"observedGeneration":%d,"conditions":[%s,%s,%s,%s]}}`, nth,
		condition("Ready"), condition("Pending"), condition("Active"), condition("Disabled"))
}

// inOrder returns the kinds of writes as they can follow each other for one member: what is written to has been created.
func inOrder(kinds map[call]int) []call {
	rank := func(c call) int {
		switch {
		case c.verb == "POST" && c.resource == "members":
			return 0
		case c.verb == "POST":
			return 1
		}
		return 2
	}
	return slices.SortedFunc(maps.Keys(kinds), func(a, b call) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.String(), b.String()))
	})
}
