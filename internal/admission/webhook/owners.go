// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	rules "github.com/usher-dev/usher/internal/admission"
	"github.com/usher-dev/usher/internal/labels"
)

// owners guards the label that names an object's owner: a member without access cannot become an owner. It keeps what
// it owns already.
type owners struct{ gate }

// Handle implements admission.Handler.
func (o *owners) Handle(ctx context.Context, request admission.Request) admission.Response {
	before, err := ownerOf(request.OldObject.Raw)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	after, err := ownerOf(request.Object.Raw)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if after == "" || after == before || request.Namespace == "" {
		return admission.Allowed("")
	}
	m, err := o.named(ctx, request.Namespace, after)
	if err != nil || m == nil { // no such member: it may be created later
		return answer(ctx, nil, err)
	}
	return answer(ctx, nil, refuse(rules.Owner(m, o.now())))
}

// named returns the member that a label's value names, or nil if there is none.
func (g gate) named(ctx context.Context, namespace, value string) (*usherv1.Member, error) {
	m := &usherv1.Member{}
	err := g.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: value}, m)
	if err == nil {
		return m, nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("read Member %s: %w", value, err)
	}
	if !labels.Shortened(value) {
		return nil, nil
	}
	var all usherv1.MemberList // the label may hold the shortened form of a longer name
	if err := g.live.List(ctx, &all, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list the Members of namespace %s: %w", namespace, err)
	}
	for i := range all.Items {
		if labels.Value(all.Items[i].Name) == value {
			return &all.Items[i], nil
		}
	}
	return nil, nil
}

func ownerOf(raw []byte) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	var o metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &o); err != nil {
		return "", fmt.Errorf("decode the object's metadata: %w", err)
	}
	return o.Labels[usherv1.OwnerLabel], nil
}
