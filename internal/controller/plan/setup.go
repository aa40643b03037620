// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/reconciler"
)

// workers is how many Plans are reconciled at once.
const workers = 1

// New returns the controller of Plans. It watches no other kind.
func New(base reconciler.Base) reconciler.Controller {
	return reconciler.Controller{
		Name: "plan", For: &usherv1.Plan{}, Workers: workers, Reconciler: &Reconciler{Base: base.ForController()},
		Everywhere: func(reconcile.Request) bool { return true }, // Plans have no namespace
	}
}
