// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"net/http"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	rules "github.com/usher-dev/usher/internal/admission"
)

// pool refuses seats that the plan does not sell, and warns if fewer seats remain than are claimed. Every pool may be
// deleted.
func (g gate) pool(ctx context.Context, before, after *usherv1.SeatPool) (admission.Warnings, error) {
	if after == nil {
		return nil, nil
	}
	terms, err := g.terms(ctx, after.Namespace, after.Spec.AccountRef.Name)
	if err != nil {
		return nil, err
	}
	all, err := g.pools(ctx, after.Namespace)
	if err != nil {
		return nil, err
	}
	if err := refuse(rules.Purchase(before, after, all, terms)); err != nil {
		return nil, err
	}
	if warning := rules.Shrinks(before, after, all, terms); warning != "" {
		return admission.Warnings{warning}, nil
	}
	return nil, nil
}

// scale applies the same rules to `kubectl scale`, which sends a Scale instead of the pool.
type scale struct {
	gate
	decoder admission.Decoder
}

// Handle implements admission.Handler.
func (s *scale) Handle(ctx context.Context, request admission.Request) admission.Response {
	wanted := &autoscalingv1.Scale{}
	if err := s.decoder.Decode(request, wanted); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	before := &usherv1.SeatPool{}
	err := s.live.Get(ctx, client.ObjectKey{Namespace: request.Namespace, Name: request.Name}, before)
	if apierrors.IsNotFound(err) {
		return admission.Allowed("")
	}
	if err != nil {
		return answer(ctx, nil, fmt.Errorf("read SeatPool %s: %w", request.Name, err))
	}
	after := before.DeepCopy()
	after.Spec.Seats = &wanted.Spec.Replicas
	warnings, err := s.pool(ctx, before, after)
	return answer(ctx, warnings, err)
}
