// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// cache has the objects of one kind as an operator sees them: as they were after the first at changes.
type cache struct {
	kind    kind
	objects table
	at      int
}

// lag is how many changes the cache has not seen.
func (c *cache) lag(a *API) int { return len(a.logs[c.kind]) - c.at }

// seen returns what a cache keeps of an object: of Secrets and ConfigMaps only the metadata.
func seen(k kind, o client.Object) client.Object {
	if o == nil || !k.core() {
		return o
	}
	return metadataOf(o)
}

// next applies one change, and returns the object before and after it, for the watches.
func (c *cache) next(a *API) (before, after client.Object) {
	change := a.logs[c.kind][c.at]
	c.at++
	key := change.key()
	before = c.objects.get(key)
	if change.after == nil {
		c.objects.remove(key)
		return before, nil
	}
	after = seen(c.kind, change.after)
	c.objects.put(after)
	return before, after
}

// relist replaces the cache with the objects as they were after the first at changes, and calls tell with each difference.
func (c *cache) relist(a *API, at int, tell func(before, after client.Object)) {
	old := c.objects
	c.objects, c.at = nil, at
	for _, change := range a.logs[c.kind][:at] {
		if change.after == nil {
			c.objects.remove(change.key())
		} else {
			c.objects.put(seen(c.kind, change.after))
		}
	}
	for _, o := range old {
		if c.objects.get(client.ObjectKeyFromObject(o)) == nil {
			tell(o, nil)
		}
	}
	for _, o := range c.objects {
		before := old.get(client.ObjectKeyFromObject(o))
		if before == nil || before.GetResourceVersion() != o.GetResourceVersion() {
			tell(before, o)
		}
	}
}
