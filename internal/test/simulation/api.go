// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// API is the API server: the stored objects, and all changes in order.
type API struct {
	now func() time.Time
	// without are the rules that do not apply.
	without map[Rule]bool
	// unlocked are kinds whose status is replaced whatever resourceVersion the write carries.
	unlocked []string
	// committed is called with every change, after it was made.
	committed func(change)

	tables   [kinds]table
	logs     [kinds][]change
	revision int64
	uids     int64
}

// change is one revision of one object. Its objects are shared and never changed.
type change struct {
	kind kind
	// before is nil if the object was created, after if it was deleted.
	before, after client.Object
}

func (c change) key() types.NamespacedName { return client.ObjectKeyFromObject(c.object()) }

// object returns the object after the change, or before it if it was deleted.
func (c change) object() client.Object {
	if c.after != nil {
		return c.after
	}
	return c.before
}

// commit stores after in place of before; either may be nil.
func (a *API) commit(k kind, before, after client.Object) {
	a.revision++
	if after != nil {
		after.SetResourceVersion(strconv.FormatInt(a.revision, 10))
		a.tables[k].put(after)
	} else {
		a.tables[k].remove(client.ObjectKeyFromObject(before))
	}
	c := change{k, before, after}
	a.logs[k] = append(a.logs[k], c)
	a.committed(c)
}

func (a *API) get(k kind, key types.NamespacedName) client.Object { return a.tables[k].get(key) }

func (a *API) read(key types.NamespacedName, o client.Object) error {
	k := kindOf(o)
	stored := a.get(k, key)
	if stored == nil {
		return apierrors.NewNotFound(resources[k], key.Name)
	}
	copyInto(stored, o)
	return nil
}

// Create stores a new object; its status is dropped.
func (a *API) Create(o client.Object) error {
	k := kindOf(o)
	if a.get(k, client.ObjectKeyFromObject(o)) != nil {
		return apierrors.NewAlreadyExists(resources[k], o.GetName())
	}
	next := clone(o)
	clearStatus(next)
	setDefaults(next)
	a.uids++
	next.SetUID(types.UID(fmt.Sprintf("uid-%d", a.uids)))
	next.SetCreationTimestamp(metav1.Time{Time: a.now().Truncate(time.Second)})
	if !k.core() {
		next.SetGeneration(1)
	}
	if err := a.admit(nil, next); err != nil {
		return err
	}
	a.commit(k, nil, next)
	copyInto(next, o)
	return nil
}

// current returns the stored object, or an error if o has another UID or resourceVersion.
func (a *API) current(o client.Object) (client.Object, error) {
	k := kindOf(o)
	stored := a.get(k, client.ObjectKeyFromObject(o))
	switch {
	case stored == nil:
		return nil, apierrors.NewNotFound(resources[k], o.GetName())
	case o.GetUID() != "" && o.GetUID() != stored.GetUID():
		return nil, apierrors.NewConflict(resources[k], o.GetName(), errors.New("another UID"))
	case o.GetResourceVersion() == "" && !k.core():
		return nil, apierrors.NewBadRequest("metadata.resourceVersion must be specified for an update")
	case o.GetResourceVersion() != "" && o.GetResourceVersion() != stored.GetResourceVersion():
		return nil, apierrors.NewConflict(resources[k], o.GetName(), errors.New("the object has been modified"))
	}
	return stored, nil
}

// Update replaces an object's spec, labels, annotations and owners (a Secret's and a ConfigMap's contents); its status stays.
func (a *API) Update(o client.Object) error {
	stored, err := a.current(o)
	if err != nil {
		return err
	}
	next := clone(stored)
	copySpec(o, next)
	setDefaults(next)
	if equality.Semantic.DeepEqual(stored, next) {
		copyInto(stored, o)
		return nil
	}
	if !kindOf(o).core() && respecified(stored, next) {
		next.SetGeneration(stored.GetGeneration() + 1)
	}
	return a.store(stored, next, o)
}

// respecified reports whether more than labels, annotations and owners differ: they do not count for the generation.
func respecified(stored, next client.Object) bool {
	same := clone(stored)
	same.SetLabels(next.GetLabels())
	same.SetAnnotations(next.GetAnnotations())
	same.SetOwnerReferences(next.GetOwnerReferences())
	return !equality.Semantic.DeepEqual(same, next)
}

// UpdateStatus replaces an object's status, and nothing else.
func (a *API) UpdateStatus(o client.Object) error {
	if stored := a.get(kindOf(o), client.ObjectKeyFromObject(o)); stored != nil && slices.Contains(a.unlocked, kindOf(o).String()) {
		o.SetResourceVersion(stored.GetResourceVersion())
	}
	stored, err := a.current(o)
	if err != nil {
		return err
	}
	next := clone(stored)
	copyStatus(o, next)
	serialise(next)
	if equality.Semantic.DeepEqual(stored, next) {
		copyInto(stored, o)
		return nil
	}
	return a.store(stored, next, o)
}

// PatchMetadata is a merge patch of o's finalizers with its resourceVersion in it. An object that is marked for deletion is
// deleted with its last finalizer.
func (a *API) PatchMetadata(o client.Object) error {
	stored, err := a.current(o)
	if err != nil {
		return err
	}
	next := clone(stored)
	next.SetFinalizers(o.GetFinalizers())
	next.SetAnnotations(o.GetAnnotations())
	next.SetOwnerReferences(o.GetOwnerReferences())
	if equality.Semantic.DeepEqual(stored, next) {
		copyInto(stored, o)
		return nil
	}
	if stored.GetDeletionTimestamp() != nil {
		if len(next.GetFinalizers()) > len(stored.GetFinalizers()) {
			return apierrors.NewForbidden(resources[kindOf(o)], o.GetName(),
				errors.New("no finalizer can be added to an object that is being deleted"))
		}
		if len(next.GetFinalizers()) == 0 {
			a.commit(kindOf(o), stored, nil)
			return nil
		}
	}
	return a.store(stored, next, o)
}

func (a *API) store(stored, next, o client.Object) error {
	if err := a.admit(stored, next); err != nil {
		return err
	}
	a.commit(kindOf(o), stored, next)
	copyInto(next, o)
	return nil
}

// Delete removes an object, or marks it for deletion if it has finalizers. Preconditions may be nil.
func (a *API) Delete(k kind, key types.NamespacedName, only *metav1.Preconditions) error {
	stored := a.get(k, key)
	switch {
	case stored == nil:
		return apierrors.NewNotFound(resources[k], key.Name)
	case only != nil && only.UID != nil && *only.UID != stored.GetUID():
		return apierrors.NewConflict(resources[k], key.Name, errors.New("another UID"))
	case only != nil && only.ResourceVersion != nil && *only.ResourceVersion != stored.GetResourceVersion():
		return apierrors.NewConflict(resources[k], key.Name, errors.New("another resourceVersion"))
	case len(stored.GetFinalizers()) == 0:
		a.commit(k, stored, nil)
	case stored.GetDeletionTimestamp() == nil:
		next := clone(stored)
		next.SetDeletionTimestamp(&metav1.Time{Time: a.now().Truncate(time.Second)})
		next.SetGeneration(next.GetGeneration() + 1)
		a.commit(k, stored, next)
	}
	return nil
}

func copySpec(from, to client.Object) {
	to.SetLabels(from.GetLabels())
	to.SetAnnotations(from.GetAnnotations())
	to.SetOwnerReferences(from.GetOwnerReferences())
	switch to := to.(type) {
	case *usherv1.Account:
		from.(*usherv1.Account).Spec.DeepCopyInto(&to.Spec)
	case *usherv1.SeatPool:
		from.(*usherv1.SeatPool).Spec.DeepCopyInto(&to.Spec)
	case *usherv1.Member:
		from.(*usherv1.Member).Spec.DeepCopyInto(&to.Spec)
	case *usherv1.Invitation:
		from.(*usherv1.Invitation).Spec.DeepCopyInto(&to.Spec)
	case *usherv1.Plan:
		from.(*usherv1.Plan).Spec.DeepCopyInto(&to.Spec)
	case *corev1.Secret:
		to.Data = from.(*corev1.Secret).DeepCopy().Data
	case *rbacv1.Role:
		to.Rules = from.(*rbacv1.Role).DeepCopy().Rules
	case *rbacv1.RoleBinding:
		to.Subjects = from.(*rbacv1.RoleBinding).DeepCopy().Subjects
	case *corev1.ConfigMap:
		to.Data = from.(*corev1.ConfigMap).DeepCopy().Data
	}
}

func copyStatus(from, to client.Object) {
	switch to := to.(type) {
	case *usherv1.Account:
		from.(*usherv1.Account).Status.DeepCopyInto(&to.Status)
	case *usherv1.SeatPool:
		from.(*usherv1.SeatPool).Status.DeepCopyInto(&to.Status)
	case *usherv1.Member:
		from.(*usherv1.Member).Status.DeepCopyInto(&to.Status)
	case *usherv1.Invitation:
		from.(*usherv1.Invitation).Status.DeepCopyInto(&to.Status)
	case *usherv1.Plan:
		from.(*usherv1.Plan).Status.DeepCopyInto(&to.Status)
	}
}
