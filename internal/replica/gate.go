// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"sync"
	"time"

	"github.com/usher-dev/usher/internal/shard"
)

// Gate says which namespaces this replica acts on, and counts the work that is under way in each. Until the first Set it is closed.
type Gate struct {
	// Now is the clock that the replica's Lease runs by.
	Now func() time.Time

	mu   sync.Mutex
	view shard.View
	// until is when the gate closes, unless it is set again before.
	until time.Time
	// may are the answers of the view so far.
	may map[string]bool
	// running counts the work under way in each namespace.
	running map[string]int
}

// Set sets what is open, until a time.
func (g *Gate) Set(view shard.View, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.view, g.until, g.may = view, until, map[string]bool{}
}

// Enter reports whether the replica may act on a namespace. If so, end must be called when the work is done.
func (g *Gate) Enter(namespace string) (end func(), open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.isOpen(namespace) {
		return nil, false
	}
	if g.running == nil {
		g.running = map[string]int{}
	}
	g.running[namespace]++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.running[namespace]--; g.running[namespace] == 0 {
			delete(g.running, namespace)
		}
	}, true
}

// Open reports whether the replica may act on a namespace now.
func (g *Gate) Open(namespace string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.isOpen(namespace)
}

func (g *Gate) isOpen(namespace string) bool {
	if !g.Now().Before(g.until) {
		return false
	}
	may, known := g.may[namespace]
	if !known {
		may = g.view.MayAct(namespace)
		g.may[namespace] = may
	}
	return may
}

// Busy returns how many namespaces have work under way that the gate is closed to.
func (g *Gate) Busy() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for namespace := range g.running {
		if !g.isOpen(namespace) {
			n++
		}
	}
	return n
}
