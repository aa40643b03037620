// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// accounts answers reads of Accounts, and counts them.
type accounts struct {
	client.Reader
	mu     sync.Mutex
	reads  int
	answer func(*usherv1.Account) error
}

func (a *accounts) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	a.mu.Lock()
	a.reads++
	a.mu.Unlock()
	object.SetNamespace(key.Namespace)
	object.SetName(key.Name)
	return a.answer(object.(*usherv1.Account))
}

// cached has every Account, at one version.
type cached struct {
	client.Reader
	version string
}

func (c cached) Get(_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	object.SetResourceVersion(c.version)
	return nil
}

func TestRecentAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		api, cache := &accounts{answer: func(*usherv1.Account) error { return nil }}, &cached{}
		recent := &RecentAccounts{Live: api, For: 100 * time.Millisecond}
		get := func(name string) *usherv1.Account {
			t.Helper()
			account, err := recent.Get(t.Context(), cache, "acme", name)
			g.Expect(err).NotTo(HaveOccurred())
			return account
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { get("one").Spec.DisplayName = "changed" })
		}
		all.Wait()
		g.Expect(api.reads).To(Equal(1), "all that ask meanwhile share one read")
		g.Expect(get("one").Spec.DisplayName).To(BeEmpty(), "each has its own copy")
		get("two")
		g.Expect(api.reads).To(Equal(2), "another account is another read")

		cache.version = "2"
		api.answer = func(a *usherv1.Account) error { a.ResourceVersion = "2"; return nil }
		g.Expect(get("one").ResourceVersion).To(Equal("2"), "the cache has another version by now")
		get("one")
		g.Expect(api.reads).To(Equal(3))

		time.Sleep(100 * time.Millisecond)
		gone := metav1.Now()
		api.answer = func(a *usherv1.Account) error { a.DeletionTimestamp = &gone; return nil }
		g.Expect(get("one")).To(BeNil(), "it is being deleted by now")
		api.answer = func(*usherv1.Account) error {
			return apierrors.NewNotFound(usherv1.GroupVersion.WithResource("accounts").GroupResource(), "one")
		}
		g.Expect(get("one")).To(BeNil())
		g.Expect(api.reads).To(Equal(5), "that there is none is read each time")
	})
}

// An error is no answer: the next one asks again.
func TestRecentAccountsDoNotRepeatErrors(t *testing.T) {
	g := NewWithT(t)
	api := &accounts{answer: func(*usherv1.Account) error { return errors.New("refused") }}
	recent := &RecentAccounts{Live: api, For: time.Hour}
	_, err := recent.Get(t.Context(), cached{}, "acme", "one")
	g.Expect(err).To(MatchError(ContainSubstring("refused")))
	api.answer = func(*usherv1.Account) error { return nil }
	g.Expect(recent.Get(t.Context(), cached{}, "acme", "one")).NotTo(BeNil())
}

func TestRecentAccountsAreBounded(t *testing.T) {
	g := NewWithT(t)
	api := &accounts{answer: func(*usherv1.Account) error { return nil }}
	recent := &RecentAccounts{Live: api, For: time.Hour}
	synctest.Test(t, func(t *testing.T) {
		for n := range 2*manyAnswers + 1 {
			g.Expect(recent.Get(t.Context(), cached{}, "acme", fmt.Sprint(n))).NotTo(BeNil())
		}
	})
	g.Expect(len(recent.answers)).To(BeNumerically("<=", manyAnswers))
	always := &RecentAccounts{Live: api}
	before := api.reads
	for range 2 {
		g.Expect(always.Get(t.Context(), cached{}, "acme", "one")).NotTo(BeNil())
	}
	g.Expect(api.reads-before).To(Equal(2), "without a time, nothing is remembered")
}
