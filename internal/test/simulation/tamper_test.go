// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// tampered is a client that replaces the calls that are set.
type tampered struct {
	client.Client
	get    func(key client.ObjectKey, o client.Object, next func() error) error
	list   func(list client.ObjectList, next func() error) error
	create func(o client.Object, next func() error) error
	update func(o client.Object, next func() error) error
	put    func(o client.Object, next func(client.Object) error) error
}

func (t *tampered) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	next := func() error { return t.Client.Get(ctx, key, o, options...) }
	if t.get == nil {
		return next()
	}
	return t.get(key, o, next)
}

func (t *tampered) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	next := func() error { return t.Client.List(ctx, list, options...) }
	if t.list == nil {
		return next()
	}
	return t.list(list, next)
}

func (t *tampered) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	next := func() error { return t.Client.Create(ctx, o, options...) }
	if t.create == nil {
		return next()
	}
	return t.create(o, next)
}

func (t *tampered) Update(ctx context.Context, o client.Object, options ...client.UpdateOption) error {
	next := func() error { return t.Client.Update(ctx, o, options...) }
	if t.update == nil {
		return next()
	}
	return t.update(o, next)
}

func (t *tampered) Status() client.SubResourceWriter {
	return tamperedStatus{t.Client.Status(), t}
}

type tamperedStatus struct {
	client.SubResourceWriter
	by *tampered
}

func (t tamperedStatus) Update(ctx context.Context, o client.Object, options ...client.SubResourceUpdateOption) error {
	next := func(o client.Object) error { return t.SubResourceWriter.Update(ctx, o, options...) }
	if t.by.put == nil {
		return next(o)
	}
	return t.by.put(o, next)
}
