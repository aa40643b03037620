// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// connections bounds how many are open at the same time. Clients that open many and send little would otherwise use up the
// process's memory and files. Beyond the bound the one whose latest request began longest ago is closed: a visitor's takes
// milliseconds, and those that are held open on purpose are older.
type connections struct {
	most int

	mu    sync.Mutex
	byAge *list.List // of net.Conn, the longest unused first
	place map[net.Conn]*list.Element
}

func newConnections(most int) *connections {
	return &connections{most: most, byAge: list.New(), place: map[net.Conn]*list.Element{}}
}

// follow is the server's ConnState hook.
func (c *connections) follow(conn net.Conn, state http.ConnState) {
	if oldest := c.note(conn, state); oldest != nil {
		if secure, isTLS := oldest.(*tls.Conn); isTLS {
			oldest = secure.NetConn() // TLS says goodbye, and would wait for whoever does not read it
		}
		_ = oldest.Close()
	}
}

// note keeps the books and returns a connection that is to be closed, if there is one too many.
func (c *connections) note(conn net.Conn, state http.ConnState) (oldest net.Conn) {
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

func (c *connections) forget(conn net.Conn) {
	if at, open := c.place[conn]; open {
		c.byAge.Remove(at)
		delete(c.place, conn)
	}
}
