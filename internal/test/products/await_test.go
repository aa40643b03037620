// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"context"
	"fmt"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// await watches an object of the world until it matches. It does not poll: a dozen waiting lines would slow the API server down.
func await(w *world, object client.Object, wanted types.GomegaMatcher) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	last := object
	for {
		stream, err := site.api.Watch(ctx, listOf(object), client.InNamespace(w.namespace),
			client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", object.GetName())})
		w.Expect(err).NotTo(HaveOccurred(), "watch "+object.GetName())
		for event := range stream.ResultChan() {
			seen, isObject := event.Object.(client.Object)
			if event.Type == watch.Deleted || !isObject {
				continue
			}
			last = seen
			if fits, err := wanted.Match(seen); err == nil && fits {
				stream.Stop()
				return
			}
		}
		if ctx.Err() != nil {
			_, err := wanted.Match(last)
			w.Expect(err).NotTo(HaveOccurred())
			w.t.Fatalf("%s, after %s: %s", object.GetName(), patience, wanted.FailureMessage(last))
		}
	}
}

// awaitGone watches an object of the world until it does not exist.
func awaitGone(w *world, object client.Object) {
	w.t.Helper()
	w.Eventually(func() bool { return read(w, object.DeepCopyObject().(client.Object)).GetUID() == "" }).Should(BeTrue(),
		"%s is still there", object.GetName())
}

func listOf(object client.Object) client.ObjectList {
	switch object.(type) {
	case *usherv1.Account:
		return &usherv1.AccountList{}
	case *usherv1.SeatPool:
		return &usherv1.SeatPoolList{}
	case *usherv1.Member:
		return &usherv1.MemberList{}
	case *usherv1.Invitation:
		return &usherv1.InvitationList{}
	}
	panic(fmt.Sprintf("await does not support %T", object))
}

// be succeeds for a Member that is in a state for a reason, as of its latest spec.
func be(state usherv1.ObservedState, reason string) types.GomegaMatcher {
	return And(
		testkit.HaveCondition(string(state), metav1.ConditionTrue, reason),
		WithTransform(func(m *usherv1.Member) bool { return m.Status.ObservedGeneration == m.Generation }, BeTrue()),
	)
}

// The states that most lines use.
var (
	beInvited  = be(usherv1.ObservedPending, usherv1.ReasonAwaitingAcceptance)
	beWaiting  = be(usherv1.ObservedPending, usherv1.ReasonSeatUnavailable)
	beActive   = be(usherv1.ObservedActive, usherv1.ReasonAccepted)
	beImported = be(usherv1.ObservedActive, usherv1.ReasonActivated)
	beDisabled = be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec)
)

// are waits until members are in a state.
func (w *world) are(state types.GomegaMatcher, names ...string) {
	w.t.Helper()
	for _, name := range names {
		await(w, testkit.Member(name).Build(), state)
	}
}

// awaitPool waits until the pool of the base product matches.
func (w *world) awaitPool(wanted types.GomegaMatcher) {
	w.t.Helper()
	await(w, testkit.SeatPool(w.base).Build(), wanted)
}

// count succeeds for a SeatPool with these counts.
func count(capacity, assigned, reserved int32) types.GomegaMatcher {
	return And(
		HaveField("Status.Capacity", HaveValue(Equal(capacity))),
		HaveField("Status.Assigned", HaveValue(Equal(assigned))),
		HaveField("Status.Reserved", HaveValue(Equal(reserved))),
		HaveField("Status.Claims", HaveLen(int(assigned+reserved))),
	)
}
