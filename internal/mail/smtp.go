// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"context"
	"errors"
	"net"
	"net/textproto"
	"time"

	gomail "github.com/wneessen/go-mail"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Options of an SMTP sender. The zero value is ready for production.
type Options struct {
	// DialTimeout bounds the TCP connection, and once more an implicit TLS handshake. Default 30 s.
	DialTimeout time.Duration
	// CommandTimeout bounds the wait for each reply. Default 5 min (RFC 5321 section 4.5.3.2).
	CommandTimeout time.Duration
	// BodyTimeout bounds the body and the reply to the final dot, where servers scan for viruses. Default 10 min (ibid.).
	BodyTimeout time.Duration
	// IdleTimeout is how long a conversation is kept for the next mail. Default 30 s, before servers and what is on the way to
	// them lose patience.
	IdleTimeout time.Duration
	// MailsPerConversation is after how many mails one is ended, as servers like it. Default 100.
	MailsPerConversation int
	// Dial opens the TCP connection. Default: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now gives the mail's Date. Default: time.Now.
	Now func() time.Time
}

// SMTP sends mails over SMTP. It is safe for concurrent use: every mail has a conversation to itself, and leaves it to the next.
type SMTP struct {
	options Options
	pool    *pool
}

var _ Sender = (*SMTP)(nil)

// NewSMTP returns a sender with the defaults of Options filled in. It is to be closed.
func NewSMTP(options Options) *SMTP {
	setDefault(&options.DialTimeout, 30*time.Second)
	setDefault(&options.CommandTimeout, 5*time.Minute)
	setDefault(&options.BodyTimeout, 10*time.Minute)
	setDefault(&options.IdleTimeout, 30*time.Second)
	if options.MailsPerConversation <= 0 {
		options.MailsPerConversation = 100
	}
	if options.Dial == nil {
		options.Dial = (&net.Dialer{}).DialContext
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &SMTP{options: options, pool: &pool{options: options, shelves: map[serverKey]*shelf{}}}
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// Close ends the conversations that are kept for another mail. Mails can still be sent, each over a connection of its own.
func (s *SMTP) Close() { s.pool.close() }

// Forget implements Sender.
func (s *SMTP) Forget(server Server) { s.pool.forget(server) }

// Send implements Sender. The deadline and the cancellation of ctx bound the whole conversation; a mail that was cut off in
// mid-conversation is a Temporary failure.
func (s *SMTP) Send(ctx context.Context, server Server, invitation Invitation) error {
	msg, err := Compose(server, invitation, s.options.Now())
	if err != nil {
		return err
	}
	return s.hand(ctx, server, msg)
}

// SendEnding implements Sender.
func (s *SMTP) SendEnding(ctx context.Context, server Server, ending Ending) error {
	msg, err := ComposeEnding(server, ending, s.options.Now())
	if err != nil {
		return err
	}
	return s.hand(ctx, server, msg)
}

// hand hands a mail over. It returns nil or an *Error.
func (s *SMTP) hand(ctx context.Context, server Server, msg *gomail.Msg) error {
	if err := s.send(ctx, server, msg); err != nil {
		failed := explain(ctx, server, err)
		failed.InDoubt = inDoubt(err)
		return failed
	}
	return nil
}

// inDoubt tells whether the connection broke where the server may have taken the mail already.
func inDoubt(err error) bool {
	failed, ok := errors.AsType[*failure](err)
	_, answered := errors.AsType[*textproto.Error](err)
	return ok && failed.stage == stageBody && !answered
}

func (s *SMTP) send(ctx context.Context, server Server, msg *gomail.Msg) error {
	if c := s.pool.take(ctx, server); c != nil {
		err := c.deliver(msg)
		s.pool.giveBack(c, err)
		if !wornOut(err) || ctx.Err() != nil {
			return err
		}
	}
	c, err := s.pool.open(ctx, server)
	if err != nil {
		return err
	}
	err = c.deliver(msg)
	s.pool.giveBack(c, err)
	return err
}

// wornOut tells whether a kept conversation ended before the mail began: the server was about to close it, and would take the
// mail over a new one. So that is no failure of the mail's.
func wornOut(err error) bool {
	failed, ok := errors.AsType[*failure](err)
	if !ok || failed.stage != stageMail {
		return false
	}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code == codeShuttingDown
	}
	var timeout net.Error
	return isNetwork(err) && (!errors.As(err, &timeout) || !timeout.Timeout())
}

// Probe implements Sender. Each of its errors has a Reason. It opens a connection of its own: one that was kept says nothing of
// the next.
func (s *SMTP) Probe(ctx context.Context, server Server) error {
	c, err := open(ctx, s.options, server)
	if err == nil {
		c.leave(nil)
		return nil
	}
	failed := explain(ctx, server, err)
	if failed.Reason == "" {
		failed.Reason = usherv1.ReasonServerUnreachable
	}
	return failed
}
