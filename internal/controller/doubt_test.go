// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
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
	e := Environment{Client: cache, Live: live}.doubting()
	request := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "acme", Name: "base"}}
	other := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "acme", Name: "other"}}
	conflict := apierrors.NewConflict(usherv1.GroupVersion.WithResource("seatpools").GroupResource(), "base", nil)

	g.Expect(e.reader(request)).To(BeIdenticalTo(cache))
	result, err := e.outcome(t.Context(), request, ctrl.Result{}, conflict)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(result.RequeueAfter).To(Equal(conflictPause))
	g.Expect(e.reader(request)).To(BeIdenticalTo(live))
	g.Expect(e.reader(other)).To(BeIdenticalTo(cache), "only that object is doubted")

	_, err = e.outcome(t.Context(), request, ctrl.Result{}, nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(e.reader(request)).To(BeIdenticalTo(cache), "the write succeeded, and its event is on its way")
}
