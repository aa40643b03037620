// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"context"
	"errors"
	"net/http"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/guard"
)

// pools guards what a plan sells.
type pools struct{ gate }

var _ admission.Validator[*usherv1.SeatPool] = (*pools)(nil)

// ValidateCreate refuses seats that the plan does not sell.
func (v *pools) ValidateCreate(ctx context.Context, p *usherv1.SeatPool) (admission.Warnings, error) {
	return v.judge(ctx, nil, p)
}

// ValidateUpdate refuses more seats that the plan does not sell, and warns of fewer than are claimed.
func (v *pools) ValidateUpdate(ctx context.Context, before, after *usherv1.SeatPool) (admission.Warnings, error) {
	if before.Generation == after.Generation {
		return nil, nil
	}
	return v.judge(ctx, before, after)
}

// ValidateDelete lets every pool go.
func (v *pools) ValidateDelete(context.Context, *usherv1.SeatPool) (admission.Warnings, error) {
	return nil, nil
}

func (v *pools) judge(ctx context.Context, before, after *usherv1.SeatPool) (admission.Warnings, error) {
	terms, err := v.terms(ctx, after.Namespace, after.Spec.AccountRef.Name)
	if errors.Is(err, errGoing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := v.poolsOf(ctx, after.Namespace)
	if err != nil {
		return nil, err
	}
	if err := refuse(guard.Purchase(before, after, all, terms)); err != nil {
		return nil, err
	}
	if warning := guard.Shrinks(before, after, all, terms); warning != "" {
		return admission.Warnings{warning}, nil
	}
	return nil, nil
}

// scale guards the same where seats are bought with `kubectl scale`, which sends a Scale in place of the pool.
type scale struct {
	pools
	decoder admission.Decoder
}

// Handle implements admission.Handler.
func (v *scale) Handle(ctx context.Context, request admission.Request) admission.Response {
	wanted := &autoscalingv1.Scale{}
	if err := v.decoder.Decode(request, wanted); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	before := &usherv1.SeatPool{}
	err := v.live.Get(ctx, client.ObjectKey{Namespace: request.Namespace, Name: request.Name}, before)
	if apierrors.IsNotFound(err) {
		return admission.Allowed("")
	}
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	after := before.DeepCopy()
	after.Spec.Seats = &wanted.Spec.Replicas
	warnings, err := v.judge(ctx, before, after)
	return answer(warnings, err)
}
