// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// directClient is a client whose calls never wait and never fail.
type directClient struct {
	client.Client
	api *API
}

func (d *directClient) Get(_ context.Context, key types.NamespacedName, o client.Object, _ ...client.GetOption) error {
	return d.api.read(key, o)
}

func (d *directClient) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	return d.api.Create(o)
}
