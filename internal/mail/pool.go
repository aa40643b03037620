// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"context"
	"errors"
	"net/textproto"
	"slices"
	"sync"
	"time"
)

// refusalsPerConversation is how many refused recipients a conversation outlives. Servers slow a client down, or hang up, after
// a handful of errors (Postfix: smtpd_soft_error_limit).
const refusalsPerConversation = 5

// pool keeps conversations open between mails: a handshake and a login cost more than a mail does. It opens none itself, so there
// are never more than mails under way at once.
type pool struct {
	options Options

	mu      sync.Mutex
	closed  bool
	shelves map[serverKey]*shelf
	// goodbyes are the conversations that are being ended, so that a mail need not wait for that.
	goodbyes sync.WaitGroup
}

// shelf holds the conversations with one server that nobody is using, the latest last.
type shelf struct {
	idle []*conversation
	// forgotten: what is in use is not to come back.
	forgotten bool
	// open counts the conversations of this shelf, on it or in use.
	open int
}

// serverKey is all that a conversation depends on: servers that differ in it can not share one.
type serverKey struct {
	host               string
	port               int
	username, password string
	tls                TLSMode
	ca, helo           string
}

func keyOf(s Server) serverKey {
	return serverKey{s.Host, s.Port, s.Username, s.Password, s.TLS, string(s.CA), s.heloName()}
}

// take returns a conversation that was kept and is still alive, or nil if there is none: then open one.
func (p *pool) take(ctx context.Context, server Server) *conversation {
	c := p.pop(keyOf(server))
	if c == nil {
		return nil
	}
	c.follow(ctx)
	if err := c.revive(); err != nil {
		p.end(c, err)
		return nil
	}
	return c
}

func (p *pool) pop(key serverKey) *conversation {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.shelves[key]
	if s == nil || len(s.idle) == 0 {
		return nil
	}
	last := len(s.idle) - 1
	c := s.idle[last]
	s.idle = s.idle[:last]
	c.expiry.Stop()
	return c
}

// open opens a conversation that is the pool's to end.
func (p *pool) open(ctx context.Context, server Server) (*conversation, error) {
	c, err := open(ctx, p.options, server)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.shelves[keyOf(server)]
	if s == nil {
		s = &shelf{}
		p.shelves[keyOf(server)] = s
	}
	s.open++
	c.home = s
	return c, nil
}

// giveBack takes a conversation after a mail that ended with err: to keep it, or to end it.
func (p *pool) giveBack(c *conversation, err error) {
	c.mails++
	if err != nil && !c.survives(err) || c.mails >= p.options.MailsPerConversation || c.refusals >= refusalsPerConversation || !c.stop() {
		p.end(c, err)
		return
	}
	p.mu.Lock()
	if kept := !p.closed && !c.home.forgotten; kept {
		c.home.idle = append(c.home.idle, c)
		c.expiry = time.AfterFunc(p.options.IdleTimeout, func() { p.expire(c) })
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	p.end(c, nil)
}

// survives takes note of a refusal that says nothing against the next mail over the same connection.
func (c *conversation) survives(err error) bool {
	failed, ok := errors.AsType[*failure](err)
	if !ok || failed.stage != stageRcpt {
		return false
	}
	reply, ok := errors.AsType[*textproto.Error](err)
	if !ok || reply.Code == codeShuttingDown {
		return false
	}
	c.refusals++
	c.unfinished = true
	return true
}

// expire ends a conversation that nobody has taken for too long.
func (p *pool) expire(c *conversation) {
	p.mu.Lock()
	at := slices.Index(c.home.idle, c)
	if at >= 0 {
		c.home.idle = slices.Delete(c.home.idle, at, at+1)
	}
	p.mu.Unlock()
	if at >= 0 {
		p.end(c, nil)
	}
}

// end takes leave of a conversation whose last work ended with err, without having a mail wait for that.
func (p *pool) end(c *conversation, err error) {
	c.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(c)
	if p.closed { // nobody waits for goodbyes any more
		_ = c.conn.Close()
		return
	}
	p.goodbyes.Go(func() { c.leave(err) })
}

// remove takes a conversation off the books; p.mu must be held.
func (p *pool) remove(c *conversation) {
	if c.home.open--; c.home.open == 0 && p.shelves[keyOf(c.server)] == c.home {
		delete(p.shelves, keyOf(c.server))
	}
}

// forget ends the conversations with a server, those in use after their mail.
func (p *pool) forget(server Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.shelves[keyOf(server)]; s != nil {
		p.clear(s)
		delete(p.shelves, keyOf(server))
	}
}

// clear ends what is on a shelf; p.mu must be held.
func (p *pool) clear(s *shelf) {
	s.forgotten = true
	for _, c := range s.idle {
		c.expiry.Stop()
		p.remove(c)
		p.goodbyes.Go(func() { c.leave(nil) })
	}
	s.idle = nil
}

// close ends all conversations that are not in use, and waits until they have ended. Nothing is kept from now on.
func (p *pool) close() {
	p.mu.Lock()
	if !p.closed {
		for _, s := range p.shelves {
			p.clear(s)
		}
	}
	p.closed = true
	p.mu.Unlock()
	p.goodbyes.Wait()
}
