// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"context"
	"encoding/json"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/guard"
)

// owners guards the label by which anything is owned: nobody without access is given something new. What they own already stays
// theirs.
type owners struct{ gate }

// Handle implements admission.Handler.
func (v *owners) Handle(ctx context.Context, request admission.Request) admission.Response {
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
	m := &usherv1.Member{}
	err = v.live.Get(ctx, client.ObjectKey{Namespace: request.Namespace, Name: after}, m)
	if apierrors.IsNotFound(err) {
		return admission.Allowed("") // it may come later, or its name be too long for a label
	}
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return answer(nil, refuse(guard.Owner(m, v.now())))
}

func ownerOf(raw []byte) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	var o metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &o); err != nil {
		return "", err
	}
	return o.Labels[usherv1.OwnerLabel], nil
}
