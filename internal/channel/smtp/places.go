// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"context"
	"errors"
	"sync"
)

// errBusy means that all connections that the Secret allows stayed in use.
var errBusy = errors.New("no connection became free")

// places bounds the connections to each server that has a limit, including those that are being closed: the server still counts them.
type places struct {
	mu      sync.Mutex
	taken   map[serverKey]chan struct{}
	waiting map[serverKey]int
}

// take waits for a place, and calls makeRoom first if there is none. release may be called more than once.
func (p *places) take(ctx context.Context, server Server, makeRoom func()) (release func(), err error) {
	if server.MaxConnections == 0 {
		return func() {}, nil
	}
	p.mu.Lock()
	of := p.taken[keyOf(server)]
	if of == nil {
		of = make(chan struct{}, server.MaxConnections)
		p.taken[keyOf(server)] = of
	}
	p.mu.Unlock()
	release = sync.OnceFunc(func() { <-of })
	select {
	case of <- struct{}{}:
		return release, nil
	default:
	}
	p.wait(server, 1)
	defer p.wait(server, -1)
	makeRoom()
	select {
	case of <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		return nil, &failure{stageDial, errBusy}
	}
}

func (p *places) wait(server Server, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting[keyOf(server)] += n; p.waiting[keyOf(server)] == 0 {
		delete(p.waiting, keyOf(server))
	}
}

// wanted reports whether a place at the server is waited for.
func (p *places) wanted(server Server) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting[keyOf(server)] > 0
}

// forget forgets a server. The connections that are still open give their places back to no one.
func (p *places) forget(server Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, keyOf(server))
}

// memory remembers the mechanism with which the authentication at a server worked, where it is not the first that the server offers.
type memory struct {
	mu         sync.Mutex
	mechanisms map[serverKey]string
}

// mechanism returns the one that worked; empty if none is remembered.
func (m *memory) mechanism(server Server) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mechanisms[keyOf(server)]
}

// remember sets it; an empty one forgets it.
func (m *memory) remember(server Server, mechanism string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if mechanism == "" {
		delete(m.mechanisms, keyOf(server))
		return
	}
	m.mechanisms[keyOf(server)] = mechanism
}
