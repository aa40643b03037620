// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/store"
)

// TestMembersAreFoundByBothAddresses: by the one in use, and by the one that they want, which may be in use before a cache hears of it.
func TestMembersAreFoundByBothAddresses(t *testing.T) {
	changes := &usherv1.Member{
		Spec:   usherv1.MemberSpec{AccountRef: usherv1.AccountReference{Name: "acme"}, Email: "New@acme.example"},
		Status: usherv1.MemberStatus{AcceptedAt: &metav1.Time{}, Email: "Used@acme.example"},
	}
	settled := changes.DeepCopy()
	settled.Status.Email = "NEW@acme.example"
	for _, tt := range []struct {
		index  string
		member *usherv1.Member
		want   []string
	}{
		{store.ByEmail, changes, []string{"used@acme.example", "new@acme.example"}},
		{store.ByAddress, changes, []string{"acme/used@acme.example", "acme/new@acme.example"}},
		{store.ByEmail, settled, []string{"new@acme.example"}},
		{store.ByAddress, settled, []string{"acme/new@acme.example"}},
	} {
		i := slices.IndexFunc(store.Indexes(), func(i store.Index) bool { return i.Field == tt.index })
		if is := store.Indexes()[i].Values(tt.member); !slices.Equal(is, tt.want) {
			t.Errorf("index %s has the member under %q, want %q", tt.index, is, tt.want)
		}
	}
}
