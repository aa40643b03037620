// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Connections bounds how many connections are open at the same time. Clients that open many and send little would otherwise use
// up the process's memory and files. Beyond the bound, the connection whose latest request began longest ago is closed: the
// request of a visitor takes milliseconds, and connections that are held open on purpose are older.
type Connections struct {
	most int

	mu    sync.Mutex
	byAge *list.List // of net.Conn, the longest unused first
	place map[net.Conn]*list.Element
}

// NewConnections returns Connections with a bound.
func NewConnections(most int) *Connections {
	return &Connections{most: most, byAge: list.New(), place: map[net.Conn]*list.Element{}}
}

// Follow is the server's ConnState hook.
func (c *Connections) Follow(conn net.Conn, state http.ConnState) {
	if oldest := c.note(conn, state); oldest != nil {
		if secure, isTLS := oldest.(*tls.Conn); isTLS {
			oldest = secure.NetConn() // closing TLS sends an alert, and would wait for a client that does not read
		}
		_ = oldest.Close()
	}
}

// note records a state and returns the connection to close, if there is one too many.
func (c *Connections) note(conn net.Conn, state http.ConnState) (oldest net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.place[conn] = c.byAge.PushBack(conn)
	case http.StateActive:
		if at, open := c.place[conn]; open {
			c.byAge.MoveToBack(at)
		}
	case http.StateClosed, http.StateHijacked:
		c.forget(conn)
	}
	if c.byAge.Len() <= c.most {
		return nil
	}
	oldest = c.byAge.Front().Value.(net.Conn)
	c.forget(oldest)
	return oldest
}

func (c *Connections) forget(conn net.Conn) {
	if at, open := c.place[conn]; open {
		c.byAge.Remove(at)
		delete(c.place, conn)
	}
}
