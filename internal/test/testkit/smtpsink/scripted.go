// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtpsink

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
)

// ScriptedOptions are the options of a Scripted server. The zero value offers no extension except enhanced codes.
type ScriptedOptions struct {
	// Script determines the answer to every verb; nil: the server is well-behaved.
	Script Script
	// Extensions are announced besides ENHANCEDSTATUSCODES, such as "AUTH PLAIN". AUTH PLAIN accepts any password.
	Extensions []string
	// Certificate, if not nil, offers STARTTLS.
	Certificate *tls.Certificate
}

// Scripted is a server that misbehaves as its script says.
type Scripted struct {
	Address

	options  ScriptedOptions
	listener net.Listener
	served   sync.WaitGroup
	done     chan struct{}
	closed   sync.Once

	lock  sync.Mutex
	conns []net.Conn
	heard []Event
}

// StartScripted listens on a free port of the loopback address until Close.
func StartScripted(options ScriptedOptions) (*Scripted, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Scripted{Address: addressOf(listener), options: options, listener: listener, done: make(chan struct{})}
	s.served.Go(s.accept)
	return s, nil
}

// Close stops the server, drops its connections and waits until they have ended.
func (s *Scripted) Close() {
	s.closed.Do(func() {
		close(s.done)
		_ = s.listener.Close()
		s.lock.Lock()
		for _, conn := range s.conns {
			_ = conn.Close()
		}
		s.lock.Unlock()
	})
	s.served.Wait()
}

// Heard returns what the server has heard so far, over all connections.
func (s *Scripted) Heard() []Event {
	s.lock.Lock()
	defer s.lock.Unlock()
	return slices.Clone(s.heard)
}

func (s *Scripted) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.lock.Lock()
		s.conns = append(s.conns, conn)
		number := len(s.conns)
		s.lock.Unlock()
		select {
		case <-s.done: // Close has not seen this one
			_ = conn.Close()
		default:
		}
		s.served.Go(func() {
			defer func() { _ = conn.Close() }()
			(&dialogue{server: s, conn: conn, lines: bufio.NewReader(conn), number: number}).run()
		})
	}
}

// dialogue is one connection of a Scripted server.
type dialogue struct {
	server    *Scripted
	conn      net.Conn
	lines     *bufio.Reader
	number    int
	encrypted bool
	// challenged: the next line is a Response.
	challenged bool
}

func (d *dialogue) run() {
	open, _ := d.answer(Greeting, "", "220 scripted.example ESMTP")
	for open {
		line, err := d.lines.ReadString('\n')
		if err != nil {
			return
		}
		if line = strings.TrimSpace(line); d.challenged {
			open, _ = d.answer(Response, line, "235 2.7.0 Welcome")
			continue
		}
		verb, argument, _ := strings.Cut(line, " ")
		open = d.command(Verb(strings.ToUpper(verb)), argument)
	}
}

// command answers one command and reports whether the conversation continues.
func (d *dialogue) command(verb Verb, argument string) (open bool) {
	var usual bool
	switch verb {
	case EHLO, "HELO":
		open, _ = d.answer(EHLO, argument, d.capabilities())
	case STARTTLS:
		open, usual = d.answer(verb, "", "220 2.0.0 Go ahead")
		return open && (!usual || d.encrypt())
	case AUTH:
		open, _ = d.answer(verb, argument, "235 2.7.0 Welcome")
	case DATA:
		open, usual = d.answer(verb, "", "354 Go ahead")
		return open && (!usual || d.body())
	case MAIL, RCPT, RSET, NOOP:
		open, _ = d.answer(verb, argument, "250 2.0.0 OK")
	case QUIT:
		_, _ = d.answer(verb, "", "221 2.0.0 Bye")
		return false
	default:
		open, _ = d.answer(verb, argument, "500 5.5.2 What?")
	}
	return open
}

func (d *dialogue) capabilities() string {
	lines := append([]string{"scripted.example", "ENHANCEDSTATUSCODES"}, d.server.options.Extensions...)
	if d.server.options.Certificate != nil && !d.encrypted {
		lines = append(lines, "STARTTLS")
	}
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		b.WriteString("250" + separator + line)
	}
	return b.String()
}

func (d *dialogue) encrypt() bool {
	conn := tls.Server(d.conn, &tls.Config{Certificates: []tls.Certificate{*d.server.options.Certificate}, MinVersion: tls.VersionTLS12})
	if conn.Handshake() != nil {
		return false
	}
	d.conn, d.lines, d.encrypted = conn, bufio.NewReader(conn), true
	return true
}

func (d *dialogue) body() (open bool) {
	for {
		line, err := d.lines.ReadString('\n')
		if err != nil {
			return false
		}
		if strings.TrimRight(line, "\r\n") == "." {
			open, _ = d.answer(Body, "", "250 2.0.0 Accepted")
			return open
		}
	}
}

// answer gives the script's answer, or the usual one. It reports whether the connection is still open and whether the answer was
// the usual one, after which a body or a handshake follows.
func (d *dialogue) answer(verb Verb, argument, reply string) (open, usual bool) {
	event := Event{Verb: verb, Argument: argument, Connection: d.number}
	d.server.lock.Lock()
	d.server.heard = append(d.server.heard, event)
	d.server.lock.Unlock()

	answer := d.server.options.Script.answer(event, d.server.done)
	usual, d.challenged = answer.Code == 0 && answer.Raw == "", answer.Code == 334
	switch {
	case answer.Drop:
		return false, false
	case answer.Raw != "":
		reply = answer.Raw
	case answer.Code != 0:
		reply = fmt.Sprintf("%d %s\r\n", answer.Code, answer.Text)
	default:
		reply += "\r\n"
	}
	if answer.Drip > 0 {
		for len(reply) > 1 {
			if _, err := io.WriteString(d.conn, reply[:1]); err != nil {
				return false, false
			}
			reply = reply[1:]
			pause(answer.Drip, d.server.done)
		}
	}
	_, err := io.WriteString(d.conn, reply)
	return err == nil && !answer.HangUp, usual
}
