// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the gate: it refuses, before it is stored, what CEL cannot tell is wrong, and says what to do instead. Nothing
// depends on it, so what it cannot judge it lets through. The rules are package guard's, and none of them writes anything: a dry run
// is as good as any other.
package webhook

import (
	"context"
	"errors"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Paths of the webhooks, as config/webhook names them.
const (
	pathAccounts = "/validate-accounts"
	pathMembers  = "/validate-members"
	pathPools    = "/validate-seatpools"
	pathScale    = "/validate-scale"
	pathOwners   = "/validate-owners"
)

// unjudged is said of what was let through because the rule could not be asked.
const unjudged = "Usher could not read what it needs to judge this and let it through; conditions will say if something is wrong with it"

// Setup adds the webhooks to a manager's server. live reads from the API server: a cache may not know yet what was written a moment ago.
func Setup(mgr manager.Manager, live client.Reader, now func() time.Time) {
	g := gate{live, now}
	server, scheme := mgr.GetWebhookServer(), mgr.GetScheme()
	server.Register(pathAccounts, admission.WithValidator(scheme, rule[*usherv1.Account](g.account)))
	server.Register(pathMembers, admission.WithValidator(scheme, rule[*usherv1.Member](g.member)))
	server.Register(pathPools, admission.WithValidator(scheme, rule[*usherv1.SeatPool](g.pool)))
	server.Register(pathScale, &webhook.Admission{Handler: &scale{g, admission.NewDecoder(scheme)}})
	server.Register(pathOwners, &webhook.Admission{Handler: &owners{g}})
}

// rule judges a change of one kind: before is nil for a creation, after for a deletion.
type rule[T client.Object] func(ctx context.Context, before, after T) (admission.Warnings, error)

// ValidateCreate implements admission.Validator.
func (r rule[T]) ValidateCreate(ctx context.Context, after T) (admission.Warnings, error) {
	var none T
	return r.ask(ctx, none, after)
}

// ValidateUpdate implements admission.Validator. What leaves the spec alone, as Usher's finalizer does, is nobody's business.
func (r rule[T]) ValidateUpdate(ctx context.Context, before, after T) (admission.Warnings, error) {
	if before.GetGeneration() == after.GetGeneration() {
		return nil, nil
	}
	return r.ask(ctx, before, after)
}

// ValidateDelete implements admission.Validator.
func (r rule[T]) ValidateDelete(ctx context.Context, before T) (admission.Warnings, error) {
	var none T
	return r.ask(ctx, before, none)
}

func (r rule[T]) ask(ctx context.Context, before, after T) (admission.Warnings, error) {
	warnings, err := r(ctx, before, after)
	return settle(ctx, warnings, err)
}

// refusal says no for a reason that the author can mend.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

// Status is how the API server says it.
func (r refusal) Status() metav1.Status {
	return metav1.Status{Status: metav1.StatusFailure, Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: string(r)}
}

// refuse is nil for no reason.
func refuse(reason string) error {
	if reason == "" {
		return nil
	}
	return refusal(reason)
}

// settle lets through whatever was not refused.
func settle(ctx context.Context, warnings admission.Warnings, err error) (admission.Warnings, error) {
	var no refusal
	switch {
	case err == nil, errors.As(err, &no):
		return warnings, err
	case errors.Is(err, errGoing):
		return nil, nil
	}
	log.FromContext(ctx).Error(err, "let through unjudged")
	return admission.Warnings{unjudged}, nil
}

// answer is the outcome of a rule, for a handler of its own.
func answer(ctx context.Context, warnings admission.Warnings, err error) admission.Response {
	warnings, err = settle(ctx, warnings, err)
	if err != nil {
		return admission.Denied(err.Error()).WithWarnings(warnings...)
	}
	return admission.Allowed("").WithWarnings(warnings...)
}
