// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/undecodable"
)

// What a cache of some namespaces lists and watches has no object of another one, whatever happens to it. Bookmarks pass.
func TestCachesHaveOnlyTheirNamespaces(t *testing.T) {
	g := NewWithT(t)
	in := func(namespace, name string) usherv1.Member {
		return usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, ResourceVersion: "7"}}
	}
	events := watch.NewFake()
	lw := tolerant(&toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return &usherv1.MemberList{ListMeta: metav1.ListMeta{ResourceVersion: "9", Continue: "more"}, Items: []usherv1.Member{
				in("others", "1"), in("mine", "2"), in("others", "3"),
			}}, nil
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return events, nil },
	}, &usherv1.Member{}, time.Hour, undecodable.NewRegistry(logr.Discard()), func(namespace string) bool { return namespace == "mine" })

	list, err := lw.ListWithContext(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(list.(*usherv1.MemberList).Items).To(Equal([]usherv1.Member{in("mine", "2")}))
	g.Expect(list.(*usherv1.MemberList).ListMeta).To(Equal(metav1.ListMeta{ResourceVersion: "9", Continue: "more"}))

	w, err := lw.WatchWithContext(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	defer w.Stop()
	go func() {
		others, mine, plan := in("others", "1"), in("mine", "2"), usherv1.Plan{ObjectMeta: metav1.ObjectMeta{Name: "starter"}}
		events.Add(&others)
		events.Add(&mine)
		events.Modify(&others)
		events.Delete(&others)
		events.Action(watch.Bookmark, &usherv1.Member{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "10"}})
		events.Delete(&mine)
		events.Add(&plan)
	}()
	for _, want := range []watch.EventType{watch.Added, watch.Bookmark, watch.Deleted, watch.Added} {
		e := <-w.ResultChan()
		g.Expect(e.Type).To(Equal(want))
		g.Expect(e.Object.(metav1.Object).GetNamespace()).NotTo(Equal("others"))
	}
}
