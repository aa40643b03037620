// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// doors is a Gate with the namespaces that the caches have, and whether they are open.
type doors struct {
	open map[string]bool
	in   int
}

func (d *doors) Has(namespace string) bool { _, has := d.open[namespace]; return has }

func (d *doors) Enter(namespace string) (func(), bool) {
	if !d.open[namespace] {
		return nil, false
	}
	d.in++
	return func() { d.in-- }, true
}

func TestGatedReconciler(t *testing.T) {
	g := NewWithT(t)
	gate := &doors{open: map[string]bool{"mine": true, "later": false}}
	var done []string
	inner := reconcile.Func(func(_ context.Context, key reconcile.Request) (ctrl.Result, error) {
		done = append(done, key.String())
		if key.Namespace == "mine" {
			g.Expect(gate.in).To(Equal(1), "the gate counts it")
		}
		return ctrl.Result{}, errors.New("as the inner one")
	})
	r := Controller{Reconciler: inner, Everywhere: func(key reconcile.Request) bool { return key.Namespace == "" }}.Gated(gate)
	for _, namespace := range []string{"mine", ""} {
		_, err := r.Reconcile(t.Context(), keyOf(namespace, 1))
		g.Expect(err).To(MatchError("as the inner one"))
	}
	g.Expect(r.Reconcile(t.Context(), keyOf("later", 1))).To(Equal(ctrl.Result{RequeueAfter: closedPause}), "the gate may open")
	g.Expect(r.Reconcile(t.Context(), keyOf("others", 1))).To(Equal(ctrl.Result{}), "the caches know nothing of it")
	ended, end := context.WithCancel(t.Context())
	end()
	g.Expect(r.Reconcile(ended, keyOf("mine", 2))).To(Equal(ctrl.Result{}))
	g.Expect(done).To(Equal([]string{"mine/1", "/1"}))
	g.Expect(gate.in).To(BeZero())
}
