// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// UpdateStatus writes an object's status with the resourceVersion that was read.
func UpdateStatus(ctx context.Context, writer client.Client, object client.Object) error {
	return wrapped("update the status of", object, writer.Status().Update(ctx, object))
}

// Record writes what an object records of Usher's work, with the resourceVersion that was read: its status or, of a Secret, which has none,
// the whole.
func Record(ctx context.Context, writer client.Client, object client.Object) error {
	if _, isSecret := object.(*corev1.Secret); isSecret {
		return Update(ctx, writer, object)
	}
	return UpdateStatus(ctx, writer, object)
}

// Create creates an object.
func Create(ctx context.Context, writer client.Writer, object client.Object) error {
	return wrapped("create", object, writer.Create(ctx, object))
}

// Update writes an object with the resourceVersion that was read.
func Update(ctx context.Context, writer client.Writer, object client.Object) error {
	return wrapped("update", object, writer.Update(ctx, object))
}

// DeleteAsRead deletes an object only if it has not changed since it was read. It is no error if the object does not exist.
func DeleteAsRead(ctx context.Context, writer client.Writer, object client.Object) error {
	uid, version := object.GetUID(), object.GetResourceVersion()
	err := writer.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version})
	return wrapped("delete", object, client.IgnoreNotFound(err))
}

// DeleteUID deletes an object whatever was written to it since it was read, but no other object of its name. It is no error if the
// object does not exist.
func DeleteUID(ctx context.Context, writer client.Writer, object client.Object) error {
	uid := object.GetUID()
	return wrapped("delete", object, client.IgnoreNotFound(writer.Delete(ctx, object, client.Preconditions{UID: &uid})))
}

// SetFinalizer adds or removes one finalizer by a patch that touches nothing else and fails if the object has changed.
func SetFinalizer(ctx context.Context, writer client.Writer, object client.Object, finalizer string, present bool) error {
	verb := "add the finalizer of"
	if !present {
		verb = "remove the finalizer of"
	}
	return PatchMetadata(ctx, writer, object, verb, func() {
		if present {
			controllerutil.AddFinalizer(object, finalizer)
		} else {
			controllerutil.RemoveFinalizer(object, finalizer)
		}
	})
}

// PatchMetadata changes an object's metadata by a patch that touches nothing else and fails if the object has changed. verb is what an
// error says was attempted.
func PatchMetadata(ctx context.Context, writer client.Writer, object client.Object, verb string, change func()) error {
	before := object.DeepCopyObject().(client.Object)
	change()
	err := writer.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	return wrapped(verb, object, err)
}

func wrapped(verb string, object client.Object, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", verb, describe(object, object.GetNamespace(), object.GetName()), err)
}
