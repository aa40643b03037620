// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package compact

import (
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/cache"
)

// buckets is how many sets of keys an index of unique values has: few enough that they are small beside 10,000 objects, and so many that
// one has few objects.
const buckets = 512

// bucketNames are the values of such an index in the store.
var bucketNames = func() (names [buckets]string) {
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}()

var seed = maphash.MakeSeed()

// bucket returns the bucket of a value. controller-runtime indexes each value twice, as "<namespace>/<value>" and as
// "__all_namespaces/<value>": they are in the same one, and an object is in it once.
func bucket(value string) string {
	_, after, _ := strings.Cut(value, "/")
	return bucketNames[maphash.String(seed, after)%buckets]
}

// indexer decodes the objects of a store when they are read.
type indexer struct {
	cache.Indexer
	unique func(index string) bool
	// values are the functions of the indexes that have buckets.
	values map[string]cache.IndexFunc
}

func newIndexer(inner cache.Indexer, unique func(index string) bool) *indexer {
	return &indexer{Indexer: inner, unique: unique, values: map[string]cache.IndexFunc{}}
}

// wrap returns indexers for the store. Indexes are added before the informer starts.
func (x *indexer) wrap(indexers cache.Indexers) cache.Indexers {
	wrapped := cache.Indexers{}
	for name, values := range indexers {
		ofDecoded := func(item any) ([]string, error) { return values(decoded(item)) }
		wrapped[name] = ofDecoded
		if !x.unique(name) {
			continue
		}
		x.values[name] = ofDecoded
		wrapped[name] = func(item any) ([]string, error) {
			all, err := ofDecoded(item)
			in := make([]string, 0, 2)
			for _, value := range all {
				if b := bucket(value); !slices.Contains(in, b) {
					in = append(in, b)
				}
			}
			return in, err
		}
	}
	return wrapped
}

// AddIndexers implements cache.Indexer.
func (x *indexer) AddIndexers(indexers cache.Indexers) error {
	return x.Indexer.AddIndexers(x.wrap(indexers)) //nolint:wrapcheck // it is this store's error
}

// GetIndexers implements cache.Indexer.
func (x *indexer) GetIndexers() cache.Indexers {
	all := x.Indexer.GetIndexers()
	exact := make(cache.Indexers, len(all))
	for name, values := range all {
		if exact[name] = values; x.values[name] != nil {
			exact[name] = x.values[name]
		}
	}
	return exact
}

// List implements cache.Store.
func (x *indexer) List() []any { return decodeAll(x.Indexer.List()) }

// Get implements cache.Store.
func (x *indexer) Get(item any) (any, bool, error) {
	found, exists, err := x.Indexer.Get(item)
	return decoded(found), exists, err
}

// GetByKey implements cache.Store.
func (x *indexer) GetByKey(key string) (any, bool, error) {
	found, exists, err := x.Indexer.GetByKey(key)
	return decoded(found), exists, err
}

// ByIndex implements cache.Indexer.
func (x *indexer) ByIndex(index, value string) ([]any, error) {
	values, hasBuckets := x.values[index]
	if !hasBuckets {
		found, err := x.Indexer.ByIndex(index, value)
		return decodeAll(found), err
	}
	candidates, err := x.Indexer.ByIndex(index, bucket(value))
	if err != nil {
		return nil, err //nolint:wrapcheck // it is this store's error
	}
	var found []any
	for _, item := range candidates {
		has, err := values(item)
		if err != nil {
			return nil, err
		}
		if slices.Contains(has, value) {
			found = append(found, decoded(item))
		}
	}
	return found, nil
}

// Index implements cache.Indexer.
func (x *indexer) Index(index string, item any) ([]any, error) {
	values, hasBuckets := x.values[index]
	if !hasBuckets {
		found, err := x.Indexer.Index(index, item)
		return decodeAll(found), err
	}
	wanted, err := values(item)
	var all []any
	for _, value := range wanted {
		found, failed := x.ByIndex(index, value)
		if failed != nil {
			return nil, failed
		}
		for _, one := range found {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all, err
}

// IndexKeys implements cache.Indexer.
func (x *indexer) IndexKeys(index, value string) ([]string, error) {
	if x.values[index] == nil {
		return x.Indexer.IndexKeys(index, value) //nolint:wrapcheck // it is this store's error
	}
	found, err := x.ByIndex(index, value)
	keys := make([]string, 0, len(found))
	for _, item := range found {
		key, _ := cache.MetaNamespaceKeyFunc(item) // it has a key: it is in the store
		keys = append(keys, key)
	}
	return keys, err
}

// ListIndexFuncValues implements cache.Indexer.
func (x *indexer) ListIndexFuncValues(index string) []string {
	values, hasBuckets := x.values[index]
	if !hasBuckets {
		return x.Indexer.ListIndexFuncValues(index)
	}
	all := sets.New[string]()
	for _, item := range x.Indexer.List() {
		has, _ := values(item) // it has been indexed
		all.Insert(has...)
	}
	return all.UnsortedList()
}

// decodeAll decodes the objects of a slice, which must be the caller's own.
func decodeAll(items []any) []any {
	for i := range items {
		items[i] = decoded(items[i])
	}
	return items
}
