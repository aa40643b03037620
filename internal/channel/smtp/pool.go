// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"context"
	"errors"
	"net/textproto"
	"slices"
	"sync"
	"time"
)

// refusalsPerConversation is the number of refused recipients after which a conversation ends. Servers slow a client down, or hang
// up, after a few errors (Postfix: smtpd_soft_error_limit).
const refusalsPerConversation = 5

// pool keeps conversations open between mails: a handshake and a login cost more than a mail does. It opens none ahead of time, so
// there are never more conversations than mails that were sent at once.
type pool struct {
	options Options
	places  places
	memory  memory

	mu     sync.Mutex
	closed bool
	idle   map[serverKey]*idleConns
	// byAge are the idle conversations with all servers, the one that was used longest ago first.
	byAge []*conversation
	// ending counts the conversations that end in the background, so that no mail waits for that.
	ending sync.WaitGroup
}

// idleConns holds the idle conversations with one server.
type idleConns struct {
	// conversations are those that are idle, the most recently used last.
	conversations []*conversation
	// forgotten is set if the conversations in use must not come back.
	forgotten bool
	// open counts the conversations with the server, idle or in use.
	open int
}

// serverKey is all that a conversation depends on: servers that differ in it cannot share one.
type serverKey struct {
	trusted            bool
	host               string
	port               int
	username, password string
	auth               string
	tls                TLSMode
	ca, helo           string
	connections        int
}

func keyOf(s Server) serverKey {
	return serverKey{s.Trusted, s.Host, s.Port, s.Username, s.Password, s.Auth, s.TLS, string(s.CA), s.heloName(), s.MaxConnections}
}

func newPool(options Options) *pool {
	return &pool{
		options: options, idle: map[serverKey]*idleConns{},
		places: places{taken: map[serverKey]chan struct{}{}, waiting: map[serverKey]int{}}, memory: memory{mechanisms: map[serverKey]string{}},
	}
}

// take returns an idle conversation that still works; nil if there is none.
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

// pop removes the most recently used of the idle conversations and returns it; nil if there is none.
func (p *pool) pop(key serverKey) *conversation {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.idle[key]
	if i == nil || len(i.conversations) == 0 {
		return nil
	}
	last := len(i.conversations) - 1
	c := i.conversations[last]
	i.conversations = i.conversations[:last]
	p.retire(c)
	return c
}

// retire takes a conversation out of those that are ordered by age; p.mu must be held.
func (p *pool) retire(c *conversation) {
	c.expiry.Stop()
	if at := slices.Index(p.byAge, c); at >= 0 {
		p.byAge = slices.Delete(p.byAge, at, at+1)
	}
}

// openAlone opens a conversation that is not kept. It must be ended.
func (p *pool) openAlone(ctx context.Context, server Server) (*conversation, error) {
	waiting, cancel := context.WithTimeout(ctx, p.options.DialTimeout)
	defer cancel()
	release, err := p.places.take(waiting, server, func() {
		if idle := p.pop(keyOf(server)); idle != nil {
			p.end(idle, nil)
		}
	})
	if err != nil {
		return nil, err
	}
	c, err := open(ctx, p.options, &p.memory, server)
	if err != nil {
		release()
		return nil, err
	}
	c.place = release
	return c, nil
}

// open opens a conversation. It must be given back.
func (p *pool) open(ctx context.Context, server Server) (*conversation, error) {
	c, err := p.openAlone(ctx, server)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.idle[keyOf(server)]
	if i == nil {
		i = &idleConns{}
		p.idle[keyOf(server)] = i
	}
	i.open++
	c.home = i
	return c, nil
}

// giveBack keeps or ends a conversation after a mail that ended with err.
func (p *pool) giveBack(c *conversation, err error) {
	c.mails++
	usable := err == nil || c.survives(err)
	worn := c.mails >= p.options.MailsPerConversation || c.refusals >= refusalsPerConversation
	if !usable || worn || p.places.wanted(c.server) || !c.stop() {
		p.end(c, err)
		return
	}
	p.mu.Lock()
	if kept := !p.closed && !c.home.forgotten; kept {
		c.home.conversations, p.byAge = append(c.home.conversations, c), append(p.byAge, c)
		c.expiry = time.AfterFunc(p.options.IdleTimeout, func() { p.expire(c) })
		oldest := p.byAge[0]
		full := len(p.byAge) > p.options.IdleConversations
		p.mu.Unlock()
		if full {
			p.expire(oldest)
		}
		return
	}
	p.mu.Unlock()
	p.end(c, nil)
}

// survives reports whether the next mail can use the conversation although this one ended with err. It counts the refusals.
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

// expire ends a conversation that has been idle for too long, or the longest while there are too many.
func (p *pool) expire(c *conversation) {
	p.mu.Lock()
	at := slices.Index(c.home.conversations, c)
	if at >= 0 {
		c.home.conversations = slices.Delete(c.home.conversations, at, at+1)
		p.retire(c)
	}
	p.mu.Unlock()
	if at >= 0 {
		p.end(c, nil)
	}
}

// end ends a conversation whose last step ended with err, in the background.
func (p *pool) end(c *conversation, err error) {
	c.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(c)
	if p.closed { // close no longer waits for conversations that end
		_ = c.conn.Close()
		c.place()
		return
	}
	p.ending.Go(func() { c.end(err) })
}

// remove stops counting a conversation; p.mu must be held.
func (p *pool) remove(c *conversation) {
	if c.home.open--; c.home.open == 0 && p.idle[keyOf(c.server)] == c.home {
		delete(p.idle, keyOf(c.server))
	}
}

// forget ends the conversations with a server. Those in use end after their mail.
func (p *pool) forget(server Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.idle[keyOf(server)]; i != nil {
		p.clear(i)
		delete(p.idle, keyOf(server))
	}
	p.places.forget(server)
	p.memory.remember(server, "")
}

// clear ends the idle conversations with a server; p.mu must be held.
func (p *pool) clear(i *idleConns) {
	i.forgotten = true
	for _, c := range i.conversations {
		p.retire(c)
		p.remove(c)
		p.ending.Go(func() { c.end(nil) })
	}
	i.conversations = nil
}

// close ends all idle conversations and waits until they have ended. From now on the pool keeps none.
func (p *pool) close() {
	p.mu.Lock()
	if !p.closed {
		for _, i := range p.idle {
			p.clear(i)
		}
	}
	p.closed = true
	p.mu.Unlock()
	p.ending.Wait()
}
