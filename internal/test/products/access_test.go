// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"slices"
	"strings"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
)

// mayAs asks Kubernetes, as a product does, whether a user, perhaps in a group, has a right in the account.
func (w *world) mayAs(user, right string, groups ...string) bool {
	w.t.Helper()
	resource, verb, _ := strings.Cut(right, ":")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, Groups: groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: w.namespace, Group: "rights.usher.dev", Resource: resource, Verb: verb,
		},
	}}
	w.Expect(site.api.Create(w.ctx, review)).To(Succeed())
	return review.Status.Allowed
}

// rights returns those of the plan's rights that Kubernetes says a user has, sorted.
func (w *world) rightsAs(user string, groups ...string) []string {
	w.t.Helper()
	rights := []string{}
	for _, right := range w.vocabulary() {
		if w.mayAs(user, right, groups...) {
			rights = append(rights, right)
		}
	}
	return rights
}

// vocabulary is every right of the account's plan, sorted.
func (w *world) vocabulary() []string {
	w.t.Helper()
	var rights []string
	for _, right := range w.thePlan().Spec.Rights {
		rights = append(rights, string(right.Name))
	}
	slices.Sort(rights)
	return rights
}

// awaitRights waits until a member has these rights and none of the plan's others.
func (w *world) awaitRights(name string, rights ...string) {
	w.t.Helper()
	slices.Sort(rights)
	w.Eventually(func() []string { return w.rightsAs(w.address(name)) }).Should(Equal(append([]string{}, rights...)), "rights of %s", name)
}

// as runs kubectl as a member who is signed in to the cluster.
func (w *world) as(name string, args ...string) (string, error) {
	w.t.Helper()
	return w.tryKubectl(append([]string{"--as", w.address(name)}, args...)...)
}

// forbidden matches what kubectl prints if RBAC forbids a request.
var forbidden = ContainSubstring("Forbidden")
