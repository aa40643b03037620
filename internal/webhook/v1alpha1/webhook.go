// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the gate: it refuses, before it is stored, what CEL cannot tell is wrong, and says what to do instead. Nothing
// depends on it. The rules are package guard's, and none of them writes anything, so a dry run is as good as any other.
package v1alpha1

import (
	"context"
	"errors"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// Paths of the webhooks, as config/webhook names them.
const (
	pathMembers = "/validate-members"
	pathPools   = "/validate-seatpools"
	pathScale   = "/validate-scale"
	pathOwners  = "/validate-owners"
)

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get
// +kubebuilder:rbac:groups=usher.dev,resources=accounts;plans;members;seatpools,verbs=get;list

// gate reads what the rules need from the API server: a cache may not know yet what was written a moment ago.
type gate struct {
	live client.Reader
	now  func() time.Time
}

// Setup adds the webhooks to a manager's server.
func Setup(mgr manager.Manager, live client.Reader, now func() time.Time) {
	g := gate{live, now}
	server, decoder := mgr.GetWebhookServer(), admission.NewDecoder(mgr.GetScheme())
	server.Register(pathMembers, admission.WithValidator(mgr.GetScheme(), &members{g}))
	server.Register(pathPools, admission.WithValidator(mgr.GetScheme(), &pools{g}))
	server.Register(pathScale, &webhook.Admission{Handler: &scale{pools{g}, decoder}})
	server.Register(pathOwners, &webhook.Admission{Handler: &owners{g}})
}

// refuse is an answer that says no for a reason that the author can mend; nil for no reason.
func refuse(reason string) error {
	if reason == "" {
		return nil
	}
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: reason,
	}}
}

var errGoing = errors.New("the account is not there, or about to go")

// terms are those of an account; errGoing if nothing needs guarding any more.
func (g gate) terms(ctx context.Context, namespace, account string) (plan.Terms, error) {
	a := &usherv1.Account{}
	err := g.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: account}, a)
	if apierrors.IsNotFound(err) || err == nil && a.DeletionTimestamp != nil {
		return plan.Terms{}, errGoing
	}
	if err != nil {
		return plan.Terms{}, err
	}
	if a.Spec.PlanRef == nil {
		return plan.For(a, nil), nil
	}
	p := &usherv1.Plan{}
	if err := g.live.Get(ctx, client.ObjectKey{Name: a.Spec.PlanRef.Name}, p); apierrors.IsNotFound(err) {
		return plan.For(a, nil), nil
	} else if err != nil {
		return plan.Terms{}, err
	}
	return plan.For(a, p), nil
}

// leaving tells whether the namespace is being deleted, and everything in it.
func (g gate) leaving(ctx context.Context, namespace string) (bool, error) {
	ns := &corev1.Namespace{}
	err := g.live.Get(ctx, client.ObjectKey{Name: namespace}, ns)
	return apierrors.IsNotFound(err) || err == nil && ns.DeletionTimestamp != nil, client.IgnoreNotFound(err)
}

// poolsOf are all SeatPools of a namespace.
func (g gate) poolsOf(ctx context.Context, namespace string) ([]usherv1.SeatPool, error) {
	var list usherv1.SeatPoolList
	err := g.live.List(ctx, &list, client.InNamespace(namespace))
	return list.Items, err
}

// answer is that of a handler of its own to the outcome of a rule.
func answer(warnings []string, err error) admission.Response {
	var refused *apierrors.StatusError
	switch {
	case errors.As(err, &refused):
		return admission.Denied(refused.ErrStatus.Message).WithWarnings(warnings...)
	case err != nil:
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return admission.Allowed("").WithWarnings(warnings...)
}
