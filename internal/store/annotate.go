// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Annotate has an object's annotations say what is wanted; one that is wanted empty is removed. It is a patch that touches nothing else and
// fails if the object has changed.
//
// An annotation that another client applies, as from Git, is left as it is: that client and Usher would each undo what the other writes,
// without end. That is looked up live, and only if there is such an annotation: caches leave out who manages a field.
func Annotate(ctx context.Context, writer client.Writer, live client.Reader, object client.Object, wanted map[string]string) error {
	is, changes, overwrites := object.GetAnnotations(), map[string]string{}, false
	for key, value := range wanted {
		if is[key] != value {
			changes[key] = value
			overwrites = overwrites || is[key] != ""
		}
	}
	if overwrites {
		now := reflect.New(reflect.TypeOf(object).Elem()).Interface().(client.Object)
		if _, err := GetReadable(ctx, live, object.GetNamespace(), object.GetName(), now); err != nil {
			return err
		}
		maps.DeleteFunc(changes, func(key, _ string) bool { return applied(now, key) })
	}
	if len(changes) == 0 {
		return nil
	}
	return PatchMetadata(ctx, writer, object, "annotate", func() {
		annotations := maps.Clone(object.GetAnnotations())
		if annotations == nil {
			annotations = map[string]string{}
		}
		for key, value := range changes {
			if annotations[key] = value; value == "" {
				delete(annotations, key)
			}
		}
		object.SetAnnotations(annotations)
	})
}

// applied reports whether a client applies an object with that annotation: by server-side apply, which Usher does not use, or as kubectl
// does by default. An object is read as far as it can be.
func applied(object metav1.Object, annotation string) bool {
	for _, by := range object.GetManagedFields() {
		var fields struct {
			Metadata struct {
				Annotations map[string]json.RawMessage `json:"f:annotations"`
			} `json:"f:metadata"`
		}
		if by.Operation != metav1.ManagedFieldsOperationApply || by.FieldsV1 == nil || json.Unmarshal(by.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		if _, is := fields.Metadata.Annotations["f:"+annotation]; is {
			return true
		}
	}
	last := metav1.PartialObjectMetadata{}
	if json.Unmarshal([]byte(object.GetAnnotations()[corev1.LastAppliedConfigAnnotation]), &last) != nil {
		return false
	}
	_, is := last.Annotations[annotation]
	return is
}
