// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// AddressBook finds Members by their address, and keeps nothing else of them: their names, and hashes of the addresses. A reflector fills
// it.
type AddressBook struct {
	mu sync.Mutex
	// at are the Members by a hash of an address, of the hashes of each Member.
	at     map[uint64][]types.NamespacedName
	of     map[types.NamespacedName][]uint64
	filled bool
}

var _ cache.ReflectorStore = &AddressBook{}

// NewAddressBook returns an AddressBook without Members.
func NewAddressBook() *AddressBook {
	return &AddressBook{at: map[uint64][]types.NamespacedName{}, of: map[types.NamespacedName][]uint64{}}
}

// MembersAt returns the names of the Members that have an address in use or want it, and seldom that of another one: a caller reads
// the Member.
func (b *AddressBook) MembersAt(address usherv1.EmailAddress) []types.NamespacedName {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.at[xxhash.Sum64String(address.Key())])
}

// Filled reports whether all Members were listed.
func (b *AddressBook) Filled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.filled
}

// Add implements cache.ReflectorStore.
func (b *AddressBook) Add(object any) error { return b.Update(object) }

// Update implements cache.ReflectorStore.
func (b *AddressBook) Update(object any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(object.(*usherv1.Member))
	return nil
}

// Delete implements cache.ReflectorStore.
func (b *AddressBook) Delete(object any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(client.ObjectKeyFromObject(object.(*usherv1.Member)))
	return nil
}

// Replace implements cache.ReflectorStore.
func (b *AddressBook) Replace(objects []any, _ string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.at)
	clear(b.of)
	for _, o := range objects {
		b.put(o.(*usherv1.Member))
	}
	b.filled = true
	return nil
}

// Resync implements cache.ReflectorStore.
func (b *AddressBook) Resync() error { return nil }

func (b *AddressBook) put(m *usherv1.Member) {
	name := client.ObjectKeyFromObject(m)
	b.remove(name)
	for _, address := range addressesOf(m) {
		hash := xxhash.Sum64String(address)
		b.of[name] = append(b.of[name], hash)
		b.at[hash] = append(b.at[hash], name)
	}
}

func (b *AddressBook) remove(name types.NamespacedName) {
	for _, hash := range b.of[name] {
		if rest := slices.DeleteFunc(b.at[hash], func(n types.NamespacedName) bool { return n == name }); len(rest) > 0 {
			b.at[hash] = rest
		} else {
			delete(b.at, hash)
		}
	}
	delete(b.of, name)
}
