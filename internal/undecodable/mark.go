// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package undecodable

import (
	"crypto/rand"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// annotation marks an object in memory. It is never written: a reconciler that would write the object gets an error instead of it.
const annotation = "usher.dev/undecodable"

// seal begins the value of the annotation, so that an annotation in the stored object marks nothing.
var seal = rand.Text()

// Error says that an object exists, and why it cannot be decoded.
type Error struct {
	Kind, Namespace, Name string
	// Fields that cannot be decoded, such as spec.accessUntil.
	Fields string
	// Problem with each field, with its value.
	Problem string
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s cannot be decoded: %s; correct the object", e.Object(), e.Problem)
}

// Object names the object, such as "Member acme/ada".
func (e *Error) Object() string {
	if e.Namespace == "" {
		return e.Kind + " " + e.Name
	}
	return e.Kind + " " + e.Namespace + "/" + e.Name
}

// Of returns why an object could not be decoded; nil if it could. What can be read of an undecodable object is in its fields.
func Of(object metav1.Object) *Error {
	value, marked := object.GetAnnotations()[annotation]
	if !marked {
		return nil
	}
	parts := strings.SplitN(value, "\n", 4)
	if len(parts) != 4 || parts[0] != seal {
		return nil
	}
	return &Error{Kind: parts[1], Namespace: object.GetNamespace(), Name: object.GetName(), Fields: parts[2], Problem: parts[3]}
}

func mark(object metav1.Object, kind string, problems []problem) {
	var fields, texts []string
	for _, p := range problems[:min(len(problems), maxNamed)] {
		fields, texts = append(fields, p.field), append(texts, p.field+": "+p.text)
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[annotation] = strings.Join([]string{seal, kind, strings.Join(fields, ", "), strings.Join(texts, "; ")}, "\n")
	object.SetAnnotations(annotations)
}

// maxNamed is how many fields of an object are named.
const maxNamed = 5
