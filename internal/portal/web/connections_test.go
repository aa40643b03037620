// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net"
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
)

func TestTheConnectionUsedLeastRecentlyMakesRoom(t *testing.T) {
	g := NewWithT(t)
	c := NewConnections(2)
	open := func() net.Conn { conn, _ := net.Pipe(); return conn }
	one, two, three, four := open(), open(), open(), open()
	g.Expect(c.note(one, http.StateNew)).To(BeNil())
	g.Expect(c.note(two, http.StateNew)).To(BeNil())
	g.Expect(c.note(one, http.StateActive)).To(BeNil())
	g.Expect(c.note(three, http.StateNew)).To(BeIdenticalTo(two))
	g.Expect(c.note(two, http.StateClosed)).To(BeNil(), "which the server notices in its own time")
	g.Expect(c.note(three, http.StateClosed)).To(BeNil())
	g.Expect(c.note(four, http.StateNew)).To(BeNil())
	g.Expect(c.note(open(), http.StateNew)).To(BeIdenticalTo(one))
	g.Expect(c.place).To(HaveLen(c.byAge.Len()))
}
