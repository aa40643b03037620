// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package postfix

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
)

// Greylist is a policy service (SMTPD_POLICY_README) that defers every recipient until Relent.
type Greylist struct {
	listener net.Listener
	served   sync.WaitGroup

	mu     sync.Mutex
	strict bool
	conns  []net.Conn
	asked  map[string]int
}

// StartGreylist listens on a free port of the loopback address until Close.
func StartGreylist() (*Greylist, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &Greylist{listener: listener, strict: true, asked: map[string]int{}}
	g.served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			g.mu.Lock()
			g.conns = append(g.conns, conn)
			g.mu.Unlock()
			g.served.Go(func() { g.serve(conn) })
		}
	})
	return g, nil
}

// Address is host:port.
func (g *Greylist) Address() string { return g.listener.Addr().String() }

// Asked returns how often clients have tried to send to a recipient.
func (g *Greylist) Asked(recipient string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked[recipient]
}

// Relent accepts every recipient from now on.
func (g *Greylist) Relent() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.strict = false
}

// Close stops the service.
func (g *Greylist) Close() {
	_ = g.listener.Close()
	g.mu.Lock()
	for _, conn := range g.conns {
		_ = conn.Close()
	}
	g.mu.Unlock()
	g.served.Wait()
}

// serve answers requests of name=value lines, each of which ends with an empty line.
func (g *Greylist) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	lines := bufio.NewScanner(conn)
	recipient := ""
	for lines.Scan() {
		if name, value, _ := strings.Cut(lines.Text(), "="); name == "recipient" {
			recipient = value
		}
		if lines.Text() != "" {
			continue
		}
		if _, err := fmt.Fprintf(conn, "action=%s\n\n", g.decide(recipient)); err != nil {
			return
		}
	}
}

func (g *Greylist) decide(recipient string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked[recipient]++
	if g.strict {
		return "defer_if_permit 4.7.1 Greylisted, see http://postgrey.example/help"
	}
	return "dunno"
}
