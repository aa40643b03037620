// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/reason"
)

// RightsGroup is the API group of rights: a program asks for resource `orders` in it.
const RightsGroup = "rights.usher.dev"

// Rules returns the rules of a Role that gives the rights. Each right is two rules: one for programs, which ask for `orders` in the group
// rights.usher.dev, and one for `kubectl auth can-i place orders.rights.usher.dev`, which asks for that name in the core group, since the
// server does not have such a type.
func Rules(rights []usherv1.Right) []rbacv1.PolicyRule {
	verbs := map[string][]string{}
	for _, right := range rights {
		resource, verb, found := strings.Cut(string(right), ":")
		if !found {
			resource, verb = rbacv1.ResourceAll, rbacv1.VerbAll
		}
		verbs[resource] = append(verbs[resource], verb)
	}
	var programs, kubectl []rbacv1.PolicyRule
	for _, resource := range slices.Sorted(maps.Keys(verbs)) {
		slices.Sort(verbs[resource])
		programs = append(programs, rbacv1.PolicyRule{APIGroups: []string{RightsGroup}, Resources: []string{resource}, Verbs: verbs[resource]})
		if resource != rbacv1.ResourceAll {
			named := []string{resource + "." + RightsGroup}
			kubectl = append(kubectl, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: named, Verbs: verbs[resource]})
		}
	}
	return append(programs, kubectl...)
}

// HoldsRole reports whether a present role is as it should be.
func HoldsRole(present, wanted *rbacv1.Role) bool {
	return equality.Semantic.DeepEqual(present.Rules, wanted.Rules) && sameMeta(present, wanted)
}

func sameMeta(present, wanted metav1.Object) bool {
	for key, value := range wanted.GetLabels() {
		if present.GetLabels()[key] != value {
			return false
		}
	}
	return equality.Semantic.DeepEqual(present.GetOwnerReferences(), wanted.GetOwnerReferences())
}

// leaves reports whether a Member that is no longer Active gives its seat back, and has not only lost its access for a while.
func leaves(m *usherv1.Member) bool {
	return !reason.OfMember(m).KeepsSeat
}
