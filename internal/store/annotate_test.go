// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestApplied(t *testing.T) {
	const key = "usher.dev/member-uid"
	fields := metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{".":{},"f:usher.dev/member-uid":{}}},"f:spec":{"f:email":{}}}`)
	by := func(operation metav1.ManagedFieldsOperationType) metav1.ObjectMeta {
		return metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "gitops", Operation: operation, FieldsV1: fields}}}
	}
	last := func(manifest string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: manifest}}
	}
	for name, tt := range map[string]struct {
		is   metav1.ObjectMeta
		want bool
	}{
		"no one applies it":       {},
		"server-side":             {by(metav1.ManagedFieldsOperationApply), true},
		"written once":            {by(metav1.ManagedFieldsOperationUpdate), false},
		"client-side":             {last(`{"metadata":{"annotations":{"usher.dev/member-uid":"1"}}}`), true},
		"client-side, without it": {last(`{"metadata":{"annotations":{}}}`), false},
		"not a manifest":          {last(`{`), false},
	} {
		NewWithT(t).Expect(applied(&tt.is, key)).To(Equal(tt.want), name)
	}
}
