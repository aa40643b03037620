// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Connections bounds how many connections are open at the same time, in all and from one client. Clients that open many and send little
// would otherwise use up the process's memory and files. Beyond a bound, the connection is closed that is idle between two requests for
// longest; if none is, the one whose request began longest ago, or has not come for longest: the request of a visitor takes milliseconds,
// and connections that are held open on purpose are older. A client that opens too many loses its own.
type Connections struct {
	most, mostOfClient int

	mu sync.Mutex
	// idle and busy are lists of *connection, the longest so first. A new connection is busy, since its first request is due.
	idle, busy *list.List
	place      map[net.Conn]*list.Element
	byClient   map[netip.Prefix]int
}

type connection struct {
	net.Conn
	client netip.Prefix
	busy   bool
}

// NewConnections returns Connections with a bound for all, and one for each client.
func NewConnections(most, mostOfClient int) *Connections {
	return &Connections{
		most: most, mostOfClient: mostOfClient, idle: list.New(), busy: list.New(), place: map[net.Conn]*list.Element{},
		byClient: map[netip.Prefix]int{},
	}
}

// Follow is the server's ConnState hook.
func (c *Connections) Follow(conn net.Conn, state http.ConnState) {
	if extra := c.note(conn, state); extra != nil {
		if secure, isTLS := extra.(*tls.Conn); isTLS {
			extra = secure.NetConn() // closing TLS sends an alert, and would wait for a client that does not read
		}
		_ = extra.Close()
	}
}

// note records a state and returns the connection to close, if there is one too many.
func (c *Connections) note(conn net.Conn, state http.ConnState) (extra net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch at, open := c.place[conn]; {
	case state == http.StateNew:
		client := clientOf(conn)
		c.place[conn] = c.busy.PushBack(&connection{conn, client, true})
		c.byClient[client]++
		if c.byClient[client] > c.mostOfClient {
			return c.close(func(other *connection) bool { return other.client == client })
		}
		if len(c.place) > c.most {
			return c.close(func(*connection) bool { return true })
		}
	case !open:
	case state == http.StateActive && at.Value.(*connection).busy: // its first request begins: it keeps its place
	case state == http.StateActive || state == http.StateIdle:
		kept := c.list(at).Remove(at).(*connection)
		kept.busy = state == http.StateActive
		c.place[conn] = c.listOf(kept).PushBack(kept)
	case state == http.StateClosed || state == http.StateHijacked:
		c.forget(at)
	}
	return nil
}

// close forgets the connection that is closed first among some, and returns it.
func (c *Connections) close(among func(*connection) bool) net.Conn {
	for _, all := range []*list.List{c.idle, c.busy} {
		for at := all.Front(); at != nil; at = at.Next() {
			if found := at.Value.(*connection); among(found) {
				c.forget(at)
				return found.Conn
			}
		}
	}
	return nil
}

func (c *Connections) forget(at *list.Element) {
	gone := c.list(at).Remove(at).(*connection)
	delete(c.place, gone.Conn)
	if c.byClient[gone.client]--; c.byClient[gone.client] == 0 {
		delete(c.byClient, gone.client)
	}
}

// list returns the list that an element is in.
func (c *Connections) list(at *list.Element) *list.List { return c.listOf(at.Value.(*connection)) }

func (c *Connections) listOf(of *connection) *list.List {
	if of.busy {
		return c.busy
	}
	return c.idle
}

// clientOf returns what a connection is counted for; invalid if it has no address.
func clientOf(conn net.Conn) netip.Prefix {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Prefix{}
	}
	return counted(peer.Addr())
}
