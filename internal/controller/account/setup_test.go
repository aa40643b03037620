// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// TestAConfirmedAddressCounts: the account's status names its owner's address in use, which changes without the spec when its
// link is confirmed.
func TestAConfirmedAddressCounts(t *testing.T) {
	was := &usherv1.Member{
		Spec:   usherv1.MemberSpec{Email: "new@acme.example"},
		Status: usherv1.MemberStatus{AcceptedAt: &metav1.Time{}, Email: "used@acme.example", State: usherv1.ObservedActive},
	}
	is := was.DeepCopy()
	is.Status.Email = "new@acme.example"
	if !sameForSummary(was, was.DeepCopy()) {
		t.Error("an unchanged member counts as changed")
	}
	if sameForSummary(was, is) {
		t.Error("a change of the address in use does not count")
	}
}
