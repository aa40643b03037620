// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package undecodable

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NewClient returns a client whose Get returns an *Error for an object that cannot be decoded, beside what can be read of it, and whose
// List returns such objects among the others. It reads from the cache or from the API server, as the client does that it is made of;
// the latter's requests must pass through Transport.
func NewClient(c client.Client) client.Client { return &tolerantClient{c} }

type tolerantClient struct{ client.Client }

// Get implements client.Reader.
func (c *tolerantClient) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	err := c.Client.Get(ctx, key, object, options...)
	if undecoded(ctx, err) && c.Client.Get(Tolerant(ctx), key, object, options...) == nil {
		err = nil
	}
	if err != nil {
		return err
	}
	if problem := Of(object); problem != nil {
		return problem
	}
	return nil
}

// List implements client.Reader.
func (c *tolerantClient) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	err := c.Client.List(ctx, list, options...)
	if undecoded(ctx, err) && c.Client.List(Tolerant(ctx), list, options...) == nil {
		err = nil
	}
	return err
}

// Ignore returns nil for the error of a Get that returned what can be read of an undecodable object, and every other error as it is.
func Ignore(err error) error {
	var undecodable *Error
	if errors.As(err, &undecodable) {
		return nil
	}
	return err
}
