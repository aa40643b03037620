// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Directory finds members by their address.
type Directory struct {
	// Reader is the cache: asking the API server would have it go through all members each time.
	Reader client.Reader
}

// MembersAt are the names of the members, of any account, with an address.
func (d Directory) MembersAt(ctx context.Context, email string) ([]types.NamespacedName, error) {
	var found usherv1.MemberList
	if err := d.Reader.List(ctx, &found, listed("", client.MatchingFields{indexEmail: usherv1.EmailAddress(email).Key()})...); err != nil {
		return nil, err
	}
	names := make([]types.NamespacedName, 0, len(found.Items))
	for i := range found.Items {
		names = append(names, client.ObjectKeyFromObject(&found.Items[i]))
	}
	return names, nil
}
