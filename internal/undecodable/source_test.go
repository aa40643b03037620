// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package undecodable

import (
	"context"
	"errors"
	"testing"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// call is one request to an API server.
type call struct {
	isTolerant bool
	options    metav1.ListOptions
}

// cluster is an API server with one undecodable member, or none.
type cluster struct {
	spoilt bool
	calls  []call
}

func (c *cluster) source() *Source {
	return NewRegistry(logr.Discard()).Source(cache.ToListerWatcherWithContext(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			if c.record(ctx, options); c.spoilt && ctx.Value(tolerant{}) == nil {
				return nil, errors.New("parsing time")
			}
			list := &usherv1.MemberList{Items: []usherv1.Member{{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "ada" + options.Continue}}}}
			if c.spoilt {
				mark(&list.Items[0], "Member", []problem{{"spec.accessUntil", "no time"}})
			}
			if options.Limit > 0 && options.Continue == "" {
				list.Continue = "2"
			}
			return list, nil
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			c.record(ctx, options)
			return watch.NewFake(), nil
		},
	}))
}

func (c *cluster) record(ctx context.Context, options metav1.ListOptions) {
	c.calls = append(c.calls, call{ctx.Value(tolerant{}) != nil, options})
}

func member(name, version string) *usherv1.Member {
	return &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, ResourceVersion: version}}
}

func spoiltMember(version string) *usherv1.Member {
	m := member("ada", version)
	mark(m, "Member", []problem{{"spec.accessUntil", "no time"}})
	return m
}

// undecodedEvent is what a client sends in the place of an event that it cannot decode.
func undecodedEvent() watch.Event {
	return watch.Event{Type: watch.Error, Object: apierrors.NewClientErrorReporter(500, "GET", "ClientWatchDecoding").AsObject(errors.New("parsing time"))}
}

// What can be decoded costs no second request, and no object is decoded twice.
func TestWhatCanBeDecodedIsAskedForOnce(t *testing.T) {
	g := NewWithT(t)
	c := &cluster{}
	s := c.source()
	_, err := s.List(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	_, follow, err := s.Watch(t.Context(), metav1.ListOptions{ResourceVersion: "1"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(follow(watch.Event{Type: watch.Modified, Object: member("ada", "2")})).To(BeNil())
	g.Expect(c.calls).To(HaveLen(2))
	for _, made := range c.calls {
		g.Expect(made.isTolerant).To(BeFalse())
	}
}

func TestAListIsAskedForAgainWhereItCannotBeDecoded(t *testing.T) {
	g := NewWithT(t)
	c := &cluster{spoilt: true}
	s := c.source()
	_, err := s.List(t.Context(), metav1.ListOptions{Limit: 1})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.registry.List()).To(BeEmpty(), "the list has another page")
	_, err = s.List(t.Context(), metav1.ListOptions{Limit: 1, Continue: "2"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.registry.List()).To(HaveLen(2), "one on each page")
	g.Expect(c.calls).To(HaveLen(4))
	_, _, err = s.Watch(t.Context(), metav1.ListOptions{ResourceVersion: "1"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.calls[4].isTolerant).To(BeTrue(), "the next event may be about them")

	c.spoilt = false
	_, err = s.List(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.registry.List()).To(BeEmpty())
}

func TestAListThatTheAPIServerRefusesIsNotAskedForAgain(t *testing.T) {
	for name, refusal := range map[string]error{
		"expired": apierrors.NewResourceExpired("too old"), "forbidden": apierrors.NewForbidden(usherv1.GroupVersion.WithResource("members").GroupResource(), "", nil),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(undecoded(t.Context(), refusal)).To(BeFalse())
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			g.Expect(undecoded(ended, errors.New("parsing time"))).To(BeFalse())
			g.Expect(undecoded(t.Context(), nil)).To(BeFalse())
		})
	}
}

func TestAWatchContinuesWhereAnEventCannotBeDecoded(t *testing.T) {
	g := NewWithT(t)
	c := &cluster{}
	s := c.source()
	_, follow, err := s.Watch(t.Context(), metav1.ListOptions{ResourceVersion: "5", TimeoutSeconds: ptr.To(int64(300))})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(follow(watch.Event{Type: watch.Added, Object: member("bob", "7")})).To(BeNil())
	g.Expect(follow(undecodedEvent())).NotTo(BeNil(), "another watch in its place")
	g.Expect(c.calls[1]).To(Equal(call{true, metav1.ListOptions{ResourceVersion: "7", TimeoutSeconds: ptr.To(int64(300))}}))

	g.Expect(follow(watch.Event{Type: watch.Modified, Object: spoiltMember("8")})).To(BeNil())
	g.Expect(s.registry.List()).To(HaveLen(1))
	g.Expect(follow(watch.Event{Type: watch.Modified, Object: member("bob", "9")})).To(BeNil())
	g.Expect(s.registry.List()).To(HaveLen(1))
	g.Expect(follow(watch.Event{Type: watch.Modified, Object: member("ada", "10")})).To(BeNil())
	g.Expect(s.registry.List()).To(BeEmpty(), "it was corrected")
	g.Expect(follow(watch.Event{Type: watch.Modified, Object: spoiltMember("11")})).To(BeNil())
	g.Expect(follow(watch.Event{Type: watch.Deleted, Object: spoiltMember("12")})).To(BeNil())
	g.Expect(s.registry.List()).To(BeEmpty(), "it was deleted")

	gone := apierrors.NewResourceExpired("too old").Status()
	g.Expect(follow(watch.Event{Type: watch.Error, Object: &gone})).To(BeNil(), "every other error is the reflector's")
	g.Expect(c.calls).To(HaveLen(2))
}

// The events with which a watch begins have no order: a watch cannot continue among them. The next attempt is tolerant at once.
func TestAWatchBeginsAgainWhereItCannotContinue(t *testing.T) {
	g := NewWithT(t)
	c := &cluster{}
	s := c.source()
	begin := metav1.ListOptions{SendInitialEvents: ptr.To(true)}
	_, follow, err := s.Watch(t.Context(), begin)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(follow(undecodedEvent())).To(BeNil())
	_, follow, err = s.Watch(t.Context(), begin)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.calls[1].isTolerant).To(BeTrue())
	g.Expect(follow(watch.Event{Type: watch.Added, Object: spoiltMember("3")})).To(BeNil())
	g.Expect(s.registry.List()).To(BeEmpty(), "not all are known yet")
	end := member("", "4")
	end.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	g.Expect(follow(watch.Event{Type: watch.Bookmark, Object: end})).To(BeNil())
	g.Expect(s.registry.List()).To(HaveLen(1))
}
