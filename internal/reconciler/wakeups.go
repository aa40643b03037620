// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

// Wakeups are keys that one part of the process asks a controller to reconcile.
type Wakeups chan event.GenericEvent

// wakeupsBuffered is how many keys wait at most.
const wakeupsBuffered = 1024

// NewWakeups returns Wakeups without keys.
func NewWakeups() Wakeups { return make(Wakeups, wakeupsBuffered) }

// Add asks for a key to be reconciled. A key that finds the buffer full is dropped.
func (w Wakeups) Add(key types.NamespacedName) {
	object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	select {
	case w <- event.GenericEvent{Object: object}:
	default:
	}
}
