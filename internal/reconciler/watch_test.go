// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/undecodable"
)

// A change whose keys cannot be found at first wakes them all the same.
func TestAChangeThatCannotBeMappedIsMappedAgain(t *testing.T) {
	g := NewWithT(t)
	q := newFairQueue(1)
	defer q.ShutDown()
	tries := 0
	watch := Watch{Object: &usherv1.Account{}, Map: func(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
		key := client.ObjectKeyFromObject(Present(before, after))
		if tries++; tries == 1 {
			return []types.NamespacedName{{Namespace: key.Namespace, Name: "half"}}, errors.New("the rest is unknown")
		}
		return []types.NamespacedName{key}, nil
	}}
	account := &usherv1.Account{}
	account.Namespace, account.Name = "acme", "acme"
	watch.Handler().Delete(t.Context(), event.DeleteEvent{Object: account}, q)
	g.Eventually(q.Len).WithTimeout(10 * mapAgain).Should(Equal(2))
	var names []string
	for q.Len() > 0 {
		key, _ := q.Get()
		names = append(names, key.Name)
		q.Done(key)
	}
	g.Expect(names).To(Equal([]string{"half", "acme"}))
	g.Expect(tries).To(Equal(2))
}

// A change that concerns what cannot be decoded is mapped once. Any other that cannot be mapped is mapped again, ever more rarely.
func TestAChangeOfWhatCannotBeDecodedIsMappedOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want int
	}{
		"undecodable": {err: &undecodable.Error{}, want: 1},
		"other":       {err: errors.New("no answer"), want: 1 + 6 + 9}, // after 1, 2, 4, 8, 16 and 32 s, then every minute
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newFairQueue(1)
				defer q.ShutDown()
				ctx, cancel := context.WithCancel(t.Context())
				tries := 0
				watch := Watch{Object: &usherv1.Account{}, Map: func(context.Context, client.Object, client.Object) ([]types.NamespacedName, error) {
					tries++
					return nil, tt.err
				}}
				watch.Handler().Create(ctx, event.CreateEvent{Object: &usherv1.Account{}}, q)
				time.Sleep(10*time.Minute + 30*time.Second)
				synctest.Wait()
				if tries != tt.want {
					t.Errorf("mapped %d times in ten minutes and a half, want %d", tries, tt.want)
				}
				cancel()
				time.Sleep(mapAgainAtMost)
			})
		})
	}
}

// A change concerns a controller if the object is, or was, one that it has something to do for.
func TestAControllerIsConcernedByWhatWasAndWhatIs(t *testing.T) {
	g := NewWithT(t)
	plain := &usherv1.Member{}
	ends := &usherv1.Member{Spec: usherv1.MemberSpec{AccessUntil: &metav1.Time{}}}
	c := Controller{Concerns: func(o client.Object) bool { return o.(*usherv1.Member).Spec.AccessUntil != nil }}
	p := c.Predicate()
	for _, o := range []*usherv1.Member{plain, ends} {
		g.Expect(p.Create(event.CreateEvent{Object: o})).To(Equal(o == ends))
		g.Expect(p.Delete(event.DeleteEvent{Object: o})).To(Equal(o == ends))
		g.Expect(p.Generic(event.GenericEvent{Object: o})).To(Equal(o == ends))
	}
	g.Expect(p.Update(event.UpdateEvent{ObjectOld: plain, ObjectNew: plain})).To(BeFalse())
	g.Expect(p.Update(event.UpdateEvent{ObjectOld: plain, ObjectNew: ends})).To(BeTrue())
	g.Expect(p.Update(event.UpdateEvent{ObjectOld: ends, ObjectNew: plain})).To(BeTrue(), "what was begun for it ends")
	g.Expect(Controller{}.Predicate().Create(event.CreateEvent{Object: plain})).To(BeTrue())
}
