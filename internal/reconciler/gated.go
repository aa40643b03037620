// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// closedPause is how long a key waits whose namespace is not open yet, or any more.
const closedPause = time.Second

// Gate says which namespaces a replica acts on.
type Gate interface {
	// Has reports whether the caches have a namespace completely.
	Has(namespace string) bool
	// Enter reports whether the replica may act on a namespace now. If so, end must be called when the work is done.
	Enter(namespace string) (end func(), open bool)
}

// Gated returns the controller's reconciler for one of the replicas that share the namespaces: it reconciles a key only while the gate is
// open for its namespace. A key of a namespace that the caches do not have is dropped: a decision would be made from nothing. Another one
// waits, since the gate may open again.
func (c Controller) Gated(gate Gate) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, key reconcile.Request) (ctrl.Result, error) {
		if ctx.Err() != nil { // the controllers stop, and only empty their queues
			return ctrl.Result{}, nil
		}
		if c.Everywhere != nil && c.Everywhere(key) {
			return c.Reconcile(ctx, key)
		}
		if !gate.Has(key.Namespace) {
			return ctrl.Result{}, nil
		}
		end, open := gate.Enter(key.Namespace)
		if !open {
			return ctrl.Result{RequeueAfter: closedPause}, nil
		}
		defer end()
		return c.Reconcile(ctx, key)
	})
}
