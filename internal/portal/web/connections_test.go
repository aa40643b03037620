// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net"
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
)

// from is a connection from an address.
type from struct {
	net.Conn
	address string
}

func (f from) RemoteAddr() net.Addr {
	address, err := net.ResolveTCPAddr("tcp", f.address)
	if err != nil {
		panic(err)
	}
	return address
}

func open(address string) net.Conn {
	conn, _ := net.Pipe()
	return from{conn, address}
}

func TestTheConnectionThatIsIdleForLongestMakesRoom(t *testing.T) {
	g := NewWithT(t)
	c := NewConnections(3, 3)
	one, two, three, four, five := open("192.0.2.1:1"), open("192.0.2.2:1"), open("192.0.2.3:1"), open("192.0.2.4:1"), open("192.0.2.5:1")
	for _, conn := range []net.Conn{one, two, three} {
		g.Expect(c.note(conn, http.StateNew)).To(BeNil())
		g.Expect(c.note(conn, http.StateActive)).To(BeNil())
	}
	g.Expect(c.note(three, http.StateIdle)).To(BeNil())
	g.Expect(c.note(two, http.StateIdle)).To(BeNil())
	g.Expect(c.note(four, http.StateNew)).To(BeIdenticalTo(three), "which is idle for longer than two; one is busy")
	g.Expect(c.note(three, http.StateClosed)).To(BeNil(), "which the server notices in its own time")
	g.Expect(c.note(five, http.StateNew)).To(BeIdenticalTo(two))
	g.Expect(c.note(four, http.StateClosed)).To(BeNil())
	g.Expect(c.note(five, http.StateHijacked)).To(BeNil())
	g.Expect(c.note(one, http.StateClosed)).To(BeNil())
	g.Expect(c.place).To(BeEmpty())
	g.Expect(c.byClient).To(BeEmpty())
	g.Expect(c.idle.Len() + c.busy.Len()).To(BeZero())
}

func TestAVisitorIsNotClosedForThoseWhoKeepConnectionsBusy(t *testing.T) {
	g := NewWithT(t)
	c := NewConnections(2, 2)
	slow, slower := open("192.0.2.1:1"), open("192.0.2.2:1")
	for _, conn := range []net.Conn{slower, slow} { // with a byte now and then
		c.note(conn, http.StateNew)
		c.note(conn, http.StateActive)
	}
	visitor := open("192.0.2.3:1")
	g.Expect(c.note(visitor, http.StateNew)).To(BeIdenticalTo(slower))
	g.Expect(c.note(slow, http.StateActive)).To(BeNil())
	g.Expect(c.note(open("192.0.2.4:1"), http.StateNew)).To(BeIdenticalTo(slow), "which a byte does not make younger")
}

func TestAClientWithTooManyConnectionsLosesItsOwn(t *testing.T) {
	g := NewWithT(t)
	c := NewConnections(100, 2)
	visitor := open("198.51.100.7:1")
	g.Expect(c.note(visitor, http.StateNew)).To(BeNil())
	first, second, third := open("[2001:db8::1]:1"), open("[2001:db8::2]:1"), open("[2001:db8:0:0:1::3]:1")
	g.Expect(c.note(first, http.StateNew)).To(BeNil())
	g.Expect(c.note(second, http.StateNew)).To(BeNil())
	g.Expect(c.note(third, http.StateNew)).To(BeIdenticalTo(first), "all are of one /64")
}
