// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"net/smtp"
	"sync"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// MailRate is how many mails a second reach a server.
type MailRate struct {
	// Delay is how long the server takes for each mail.
	Delay time.Duration
	// Mails of the manager, and how many conversations the server had at most at once; the bare loop has as many, and sends as many mails of
	// the same size.
	Mails, Connections int
	// Usher and Bare are mails a second.
	Usher, Bare float64
}

// slowServer is how long a mail server takes for a mail, of which Usher's speed depends and not on the API server.
const slowServer = 250 * time.Millisecond

// traffic notes what happens at a mail server.
type traffic struct {
	delay time.Duration
	mu    sync.Mutex
	// talking are the connections that are inside of a mail, most how many were at once.
	talking map[int]bool
	most    int
	// first is when the first mail began, last when the last one was complete.
	first, last time.Time
}

// script notes each mail, and answers after the delay.
func (t *traffic) script(event smtpsink.Event) smtpsink.Answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch event.Verb {
	case smtpsink.MAIL:
		if t.first.IsZero() {
			t.first = time.Now()
		}
		t.talking[event.Connection] = true
		t.most = max(t.most, len(t.talking))
	case smtpsink.Body:
		delete(t.talking, event.Connection)
		t.last = time.Now().Add(t.delay)
		return smtpsink.Answer{Delay: t.delay}
	}
	return smtpsink.Answer{}
}

// took returns how long the mails so far took, and forgets them.
func (t *traffic) took() (d time.Duration, connections int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, connections = t.last.Sub(t.first), t.most
	t.first, t.last, t.most = time.Time{}, time.Time{}, 0
	return d, connections
}

// mail measures n mails through a server that takes that long for each.
func mail(ctx context.Context, o Options, n int, delay time.Duration) (*MailRate, error) {
	t := &traffic{delay: delay, talking: map[int]bool{}}
	rate := &MailRate{Delay: delay, Mails: n}
	return rate, on(ctx, o, set{smtp: t.script}, func(s *stage) error {
		if err := s.invite(ctx, n); err != nil {
			return err
		}
		mails := s.sink.Mails()
		if len(mails) != n {
			return fmt.Errorf("%d mails to %d members", len(mails), n)
		}
		took, connections := t.took()
		rate.Usher, rate.Connections = perSecond(n, took), connections
		if err := bareLoop(ctx, s.sink.Address.String(), connections, n, mails[0].Raw); err != nil {
			return fmt.Errorf("bare loop: %w", err)
		}
		took, _ = t.took()
		rate.Bare = perSecond(n, took)
		return nil
	})
}

// invite has a manager invite n members of one account.
func (s *stage) invite(ctx context.Context, n int) (err error) {
	p, err := s.populate(ctx, Shapes[0], n)
	if err != nil {
		return err
	}
	o, err := s.observe(ctx)
	if err != nil {
		return err
	}
	defer o.stop()
	m, _, err := s.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	if err := s.ready(ctx, p.tenants); err != nil {
		return err
	}
	_, _, err = s.phase(ctx, o, p, usherv1.ReasonAwaitingAcceptance, s.apply, m)
	return err
}

// bareLoop sends a mail n times over that many connections, each of which stays open.
func bareLoop(ctx context.Context, address string, connections, n int, raw []byte) error {
	return each(ctx, connections, connections, func(ctx context.Context, i int) error {
		c, err := smtp.Dial(address)
		if err != nil {
			return err
		}
		defer c.Close()
		for nth := i; nth < n && ctx.Err() == nil; nth += connections {
			if err := send(c, raw); err != nil {
				return err
			}
		}
		return c.Quit()
	})
}

func send(c *smtp.Client, raw []byte) error {
	if err := c.Mail("no-reply@acme.example"); err != nil {
		return err
	}
	if err := c.Rcpt("ada@acme.example"); err != nil {
		return err
	}
	body, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write(raw); err != nil {
		return err
	}
	return body.Close()
}
