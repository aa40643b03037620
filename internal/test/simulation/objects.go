// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// kind is one of the kinds that the API serves.
type kind int

const (
	accounts kind = iota
	pools
	members
	invitations
	plans
	secrets
	configMaps
	roles
	bindings
	// expiryNotices is not a kind: it identifies the controller that announces the end of members' access.
	expiryNotices
	// accountAccess is not a kind either: it identifies the controller that writes roles, bindings and password files.
	accountAccess
	// emailChanges identifies the controller that mails about changes of members' addresses.
	emailChanges
	// passwordResets identifies the controller that mails about members' passwords.
	passwordResets
	kinds
)

var resources = [kinds]schema.GroupResource{
	accounts:      {Group: usherv1.GroupVersion.Group, Resource: "accounts"},
	pools:         {Group: usherv1.GroupVersion.Group, Resource: "seatpools"},
	members:       {Group: usherv1.GroupVersion.Group, Resource: "members"},
	invitations:   {Group: usherv1.GroupVersion.Group, Resource: "invitations"},
	plans:         {Group: usherv1.GroupVersion.Group, Resource: "plans"},
	secrets:       {Resource: "secrets"},
	configMaps:    {Resource: "configmaps"},
	roles:         {Group: rbacv1.GroupName, Resource: "roles"},
	bindings:      {Group: rbacv1.GroupName, Resource: "rolebindings"},
	expiryNotices: {Resource: "expirynotices"},
	accountAccess: {Resource: "accountaccess"},
	emailChanges:  {Resource: "emailchanges"},

	passwordResets: {Resource: "passwordresets"},
}

// core reports whether the kind is Kubernetes' own: without a spec, a status and a generation, and cached by its metadata only.
func (k kind) core() bool { return k == secrets || k == configMaps }

func (k kind) String() string { return resources[k].Resource }

// kindOf returns the kind of an object or a list; a PartialObjectMetadata is a Secret's.
func kindOf(o any) kind {
	switch o := o.(type) {
	case *usherv1.Account, *usherv1.AccountList:
		return accounts
	case *usherv1.SeatPool, *usherv1.SeatPoolList:
		return pools
	case *usherv1.Member, *usherv1.MemberList:
		return members
	case *usherv1.Invitation, *usherv1.InvitationList:
		return invitations
	case *usherv1.Plan, *usherv1.PlanList:
		return plans
	case *corev1.Secret:
		return secrets
	case *corev1.ConfigMap:
		return configMaps
	case *rbacv1.Role, *rbacv1.RoleList:
		return roles
	case *rbacv1.RoleBinding, *rbacv1.RoleBindingList:
		return bindings
	case *metav1.PartialObjectMetadata:
		if o.Kind == "ConfigMap" {
			return configMaps
		}
		return secrets
	case *metav1.PartialObjectMetadataList:
		return map[string]kind{"MemberList": members, "SecretList": secrets}[o.Kind]
	}
	panic(fmt.Sprintf("the simulation does not serve %T", o))
}

// clone returns a deep copy.
func clone(o client.Object) client.Object { return o.DeepCopyObject().(client.Object) }

// copyInto makes to a deep copy of from, or of its metadata.
func copyInto(from, to client.Object) {
	switch to := to.(type) {
	case *usherv1.Account:
		from.(*usherv1.Account).DeepCopyInto(to)
	case *usherv1.SeatPool:
		from.(*usherv1.SeatPool).DeepCopyInto(to)
	case *usherv1.Member:
		from.(*usherv1.Member).DeepCopyInto(to)
	case *usherv1.Invitation:
		from.(*usherv1.Invitation).DeepCopyInto(to)
	case *usherv1.Plan:
		from.(*usherv1.Plan).DeepCopyInto(to)
	case *corev1.Secret:
		from.(*corev1.Secret).DeepCopyInto(to)
	case *corev1.ConfigMap:
		from.(*corev1.ConfigMap).DeepCopyInto(to)
	case *rbacv1.Role:
		from.(*rbacv1.Role).DeepCopyInto(to)
	case *rbacv1.RoleBinding:
		from.(*rbacv1.RoleBinding).DeepCopyInto(to)
	case *metav1.PartialObjectMetadata:
		metadataOf(from).ObjectMeta.DeepCopyInto(&to.ObjectMeta)
	default:
		panic(fmt.Sprintf("the simulation does not serve %T", to))
	}
}

// metadataOf returns what a metadata cache holds of an object.
func metadataOf(o client.Object) *metav1.PartialObjectMetadata {
	switch o := o.(type) {
	case *metav1.PartialObjectMetadata:
		return o
	case *corev1.Secret:
		return &metav1.PartialObjectMetadata{ObjectMeta: o.ObjectMeta}
	case *corev1.ConfigMap:
		return &metav1.PartialObjectMetadata{ObjectMeta: o.ObjectMeta}
	case *usherv1.Member:
		return &metav1.PartialObjectMetadata{ObjectMeta: o.ObjectMeta}
	}
	panic(fmt.Sprintf("the simulation has no metadata of %T", o))
}

// table holds the objects of one kind, by namespace and name. Its objects are replaced and never changed.
type table []client.Object

func before(o client.Object, key types.NamespacedName) bool {
	if n := o.GetName(); n != key.Name {
		return n < key.Name
	}
	return o.GetNamespace() < key.Namespace
}

func (t table) index(key types.NamespacedName) (int, bool) {
	for i, o := range t {
		if !before(o, key) {
			return i, o.GetName() == key.Name && o.GetNamespace() == key.Namespace
		}
	}
	return len(t), false
}

func (t table) get(key types.NamespacedName) client.Object {
	if i, found := t.index(key); found {
		return t[i]
	}
	return nil
}

func (t *table) put(o client.Object) {
	i, found := t.index(client.ObjectKeyFromObject(o))
	if !found {
		*t = append(*t, nil)
		copy((*t)[i+1:], (*t)[i:])
	}
	(*t)[i] = o
}

func (t *table) remove(key types.NamespacedName) {
	if i, found := t.index(key); found {
		*t = append((*t)[:i], (*t)[i+1:]...)
	}
}

// serialise changes an object as JSON does: times that Usher writes lose their fractions of a second, and empty values become absent. An
// end date keeps its fraction: the admin writes it as text.
func serialise(o client.Object) {
	switch o := o.(type) {
	case *usherv1.Account:
		cutConditions(o.Status.Conditions)
		for i := range o.Status.FormerMembers {
			cut(&o.Status.FormerMembers[i].DeletedAt)
		}
		for i := range o.Status.Departures {
			cut(&o.Status.Departures[i].DeletedAt)
		}
	case *usherv1.SeatPool:
		cutConditions(o.Status.Conditions)
		if len(o.Status.Claims) == 0 {
			o.Status.Claims = nil
		}
	case *usherv1.Member:
		s := &o.Status
		cutConditions(s.Conditions)
		for _, t := range []*metav1.Time{s.AcceptedAt, s.InvitedAt, s.ExpiresAt, s.ActivatedAt, s.DisabledAt} {
			cut(t)
		}
		for i := range s.EndNotices {
			n := &s.EndNotices[i]
			cut(&n.AccessUntil)
			cut(n.SentAt)
			cut(n.NextAttemptAt)
			if n.LastError != nil {
				cut(&n.LastError.At)
			}
		}
		cutChange(s.EmailChange)
	case *usherv1.Invitation:
		s := &o.Status
		cutConditions(s.Conditions)
		for _, t := range []*metav1.Time{s.FirstAttemptAt, s.SentAt, s.ExpiresAt, s.AcceptedAt, s.NextAttemptAt} {
			cut(t)
		}
		for i := range s.Reminders {
			cut(s.Reminders[i].SentAt)
			cut(s.Reminders[i].NextAttemptAt)
		}
		if s.LastError != nil {
			cut(&s.LastError.At)
		}
	case *usherv1.Plan:
		cutConditions(o.Status.Conditions)
	}
}

func cutChange(c *usherv1.EmailChange) {
	if c == nil {
		return
	}
	cut(&c.RequestedAt)
	cut(c.ExpiresAt)
	for i := range c.Mails {
		cut(c.Mails[i].SentAt)
		cut(c.Mails[i].NextAttemptAt)
		if c.Mails[i].LastError != nil {
			cut(&c.Mails[i].LastError.At)
		}
	}
}

func cut(t *metav1.Time) {
	if t != nil {
		t.Time = t.Truncate(time.Second)
	}
}

func cutConditions(list []metav1.Condition) {
	for i := range list {
		cut(&list[i].LastTransitionTime)
	}
}
