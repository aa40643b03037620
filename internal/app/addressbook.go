// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/store"
)

// addressBook knows the members' addresses for the portal of a replica that has only its share of the namespaces in its caches: anyone may
// sign in at any replica. It keeps nothing but names and addresses.
type addressBook struct {
	reflectors []*toolscache.Reflector
	books      []*store.AddressBook
}

// newAddressBook returns an addressBook of the watched namespaces, which has to be started.
func (p *process) newAddressBook() (*addressBook, error) {
	api, err := client.NewWithWatch(p.config, client.Options{
		Scheme: p.mgr.GetScheme(), HTTPClient: p.mgr.GetHTTPClient(), Mapper: p.mgr.GetRESTMapper(),
	})
	if err != nil {
		return nil, fmt.Errorf("create a client that watches: %w", err)
	}
	namespaces := p.namespaces()
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	a := &addressBook{}
	for _, namespace := range namespaces {
		options := func(raw metav1.ListOptions) *client.ListOptions {
			return &client.ListOptions{Namespace: namespace, Raw: &raw}
		}
		all := &toolscache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, raw metav1.ListOptions) (runtime.Object, error) {
				list := &usherv1.MemberList{}
				return list, api.List(ctx, list, options(raw))
			},
			WatchFuncWithContext: func(ctx context.Context, raw metav1.ListOptions) (watch.Interface, error) {
				return api.Watch(ctx, &usherv1.MemberList{}, options(raw))
			},
		}
		book := store.NewAddressBook()
		a.books = append(a.books, book)
		a.reflectors = append(a.reflectors, toolscache.NewReflectorWithOptions(
			tolerant(all, &usherv1.Member{}, p.relist(), p.registry, nil), &usherv1.Member{}, book,
			toolscache.ReflectorOptions{Name: "addresses", TypeDescription: "addresses of Members"}))
	}
	return a, nil
}

// Start implements manager.Runnable.
func (a *addressBook) Start(ctx context.Context) error {
	var all sync.WaitGroup
	for _, r := range a.reflectors {
		all.Go(func() { r.RunWithContext(ctx) })
	}
	all.Wait()
	return nil
}

// MembersAt returns the names of the members, of any account, that have an address in use or want it.
func (a *addressBook) MembersAt(_ context.Context, email string) (names []client.ObjectKey, _ error) {
	for _, book := range a.books {
		if !book.Filled() {
			return nil, errors.New("the members' addresses are not listed yet")
		}
		names = append(names, book.MembersAt(usherv1.EmailAddress(email))...)
	}
	return names, nil
}

// Ready reports an error until all addresses are known.
func (a *addressBook) Ready(*http.Request) error {
	_, err := a.MembersAt(context.Background(), "")
	return err
}
