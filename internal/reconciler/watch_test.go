// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
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
