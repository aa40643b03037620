// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package webhook serves the admission webhooks: they refuse changes that are wrong and that CEL cannot detect, and say
// what to do instead. Nothing depends on them, so they admit what they cannot check. The rules are those of package
// admission. None of them writes anything, so a dry run is treated like any other request.
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
	"github.com/usher-dev/usher/internal/undecodable"
)

// Paths of the webhooks, as config/webhook names them.
const (
	pathAccounts = "/validate-accounts"
	pathMembers  = "/validate-members"
	pathPools    = "/validate-seatpools"
	pathScale    = "/validate-scale"
	pathOwners   = "/validate-owners"
)

// unjudged is the warning for a change that was admitted because the rule could not be evaluated.
const unjudged = "Usher could not read what it needs to check this change and admitted it unchecked; the conditions will report any problem"

// Setup adds the webhooks to a manager's server. live reads from the API server, because a cache may not contain the
// latest writes yet.
func Setup(mgr manager.Manager, live client.Reader, now func() time.Time) {
	g := gate{live, now}
	server, scheme := mgr.GetWebhookServer(), mgr.GetScheme()
	server.Register(pathAccounts, correctable(admission.WithValidator(scheme, rule[*usherv1.Account](g.account))))
	server.Register(pathMembers, correctable(admission.WithValidator(scheme, rule[*usherv1.Member](g.member))))
	server.Register(pathPools, correctable(admission.WithValidator(scheme, rule[*usherv1.SeatPool](g.pool))))
	server.Register(pathScale, &webhook.Admission{Handler: &scale{g, admission.NewDecoder(scheme)}})
	server.Register(pathOwners, &webhook.Admission{Handler: &owners{g}})
}

// correctable lets every change of an object pass that could not be decoded before: otherwise it could be neither corrected nor deleted.
func correctable(hook *admission.Webhook) *admission.Webhook {
	check := hook.Handler
	hook.Handler = admission.HandlerFunc(func(ctx context.Context, request admission.Request) admission.Response {
		if problem := undecodable.Check(request.OldObject.Raw); problem != nil {
			return answer(ctx, nil, problem)
		}
		return check.Handle(ctx, request)
	})
	return hook
}

// rule checks a change of one kind: before is nil for a creation, after for a deletion.
type rule[T client.Object] func(ctx context.Context, before, after T) (admission.Warnings, error)

// ValidateCreate implements admission.Validator.
func (r rule[T]) ValidateCreate(ctx context.Context, after T) (admission.Warnings, error) {
	var none T
	return r.ask(ctx, none, after)
}

// ValidateUpdate implements admission.Validator. It admits every change that leaves the spec alone, such as that of a
// finalizer.
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

// refusal refuses a change for a reason that its author can fix.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

// Status returns the refusal in the API server's form.
func (r refusal) Status() metav1.Status {
	return metav1.Status{Status: metav1.StatusFailure, Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: string(r)}
}

// refuse returns a refusal, or nil for an empty reason.
func refuse(reason string) error {
	if reason == "" {
		return nil
	}
	return refusal(reason)
}

// settle admits whatever was not refused.
func settle(ctx context.Context, warnings admission.Warnings, err error) (admission.Warnings, error) {
	var no refusal
	switch {
	case err == nil, errors.As(err, &no):
		return warnings, err
	case errors.Is(err, errGoing):
		return nil, nil
	}
	log.FromContext(ctx).Error(err, "admitted a change unchecked: cannot read what the rule needs")
	return admission.Warnings{unjudged}, nil
}

// answer turns the outcome of a rule into the response of a handler.
func answer(ctx context.Context, warnings admission.Warnings, err error) admission.Response {
	warnings, err = settle(ctx, warnings, err)
	if err != nil {
		return admission.Denied(err.Error()).WithWarnings(warnings...)
	}
	return admission.Allowed("").WithWarnings(warnings...)
}
