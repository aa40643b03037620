// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// namedReader is told from another by its name.
type namedReader struct {
	client.Client
	name string
}

// An event that never arrives leaves the cache wrong until it lists anew. Writing from it again and again would be refused again
// and again.
func TestAnObjectIsReadLiveAfterAConflict(t *testing.T) {
	g := NewWithT(t)
	cache, live := &namedReader{name: "cache"}, &namedReader{name: "live"}
	b := Base{Client: cache, Live: live}.ForController()
	request := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "acme", Name: "base"}}
	other := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "acme", Name: "other"}}
	conflict := apierrors.NewConflict(usherv1.GroupVersion.WithResource("seatpools").GroupResource(), "base", nil)

	g.Expect(b.Reader(request)).To(BeIdenticalTo(cache))
	result, err := b.Finish(t.Context(), request, ctrl.Result{}, conflict)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(result.RequeueAfter).To(Equal(conflictPause))
	g.Expect(b.Reader(request)).To(BeIdenticalTo(live))
	g.Expect(b.Reader(other)).To(BeIdenticalTo(cache), "only that key is stale")

	_, err = b.Finish(t.Context(), request, ctrl.Result{}, nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(b.Reader(request)).To(BeIdenticalTo(cache), "the write succeeded, and its event is on its way")
}

// decision is made live if it says so.
type decision struct {
	live, needs bool
}

func (d decision) NeedsLiveReads() bool { return d.needs }

func TestDecideLiveReadsLiveWhereTheDecisionNeedsIt(t *testing.T) {
	for _, needs := range []bool{false, true} {
		g := NewWithT(t)
		decide := func(live bool) decision { return decision{live: live, needs: needs} }
		observed, d, err := DecideLive(false, decide, func() (bool, error) { return true, nil })
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(observed).To(Equal(needs))
		g.Expect(d.live).To(Equal(needs))
	}
	_, _, err := DecideLive(false, func(bool) decision { return decision{needs: true} }, func() (bool, error) { return false, errors.New("refused") })
	NewWithT(t).Expect(err).To(MatchError("refused"))
}
