// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	gomail "github.com/wneessen/go-mail"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/message"
)

// Options of the channel. The zero value is ready for production.
type Options struct {
	// DialTimeout bounds the TCP connection, and again an implicit TLS handshake. Default 30 s.
	DialTimeout time.Duration
	// CommandTimeout bounds the wait for each reply. Default 5 min (RFC 5321 section 4.5.3.2).
	CommandTimeout time.Duration
	// BodyTimeout bounds the body and the reply to the final dot, before which servers scan for viruses. Default 10 min (ibid.).
	BodyTimeout time.Duration
	// IdleTimeout is how long an idle conversation is kept for the next mail. Default 30 s, before servers and what is in between
	// close it.
	IdleTimeout time.Duration
	// IdleConversations is how many idle conversations are kept in all, with whatever servers; beyond that, the one that was used longest ago
	// ends. Default 100.
	IdleConversations int
	// MailsPerConversation is the number of mails after which a conversation ends; servers limit it too. Default 100.
	MailsPerConversation int
	// Reach is where the servers of tenants' Secrets may be.
	Reach Reach
	// Dial opens the TCP connection, to an address that control accepts; nil accepts every address. Default: a net.Dialer.
	Dial func(ctx context.Context, network, address string, control Control) (net.Conn, error)
	// Now returns the Date of a mail. Default: time.Now.
	Now func() time.Time
}

// Channel sends mails over SMTP. It is safe for concurrent use: a conversation carries one mail at a time, and is kept for the
// next.
type Channel struct {
	options Options
	pool    *pool
}

var _ channel.Channel = (*Channel)(nil)

// New returns a channel with the defaults of Options filled in. The caller must close it.
func New(options Options) *Channel {
	setDefault(&options.DialTimeout, 30*time.Second)
	setDefault(&options.CommandTimeout, 5*time.Minute)
	setDefault(&options.BodyTimeout, 10*time.Minute)
	setDefault(&options.IdleTimeout, 30*time.Second)
	if options.IdleConversations <= 0 {
		options.IdleConversations = 100
	}
	if options.MailsPerConversation <= 0 {
		options.MailsPerConversation = 100
	}
	if options.Dial == nil {
		options.Dial = dial
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Channel{options: options, pool: newPool(options)}
}

// dial is the default of Options.Dial.
func dial(ctx context.Context, network, address string, control Control) (net.Conn, error) {
	conn, err := (&net.Dialer{Control: control}).DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("connect to the mail server: %w", err)
	}
	return conn, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// Close ends the idle conversations. Mails can still be sent, each over a connection of its own.
func (s *Channel) Close() { s.pool.close() }

// Forget implements channel.Channel.
func (s *Channel) Forget(to channel.Endpoint) {
	if server, ok := to.(Server); ok {
		s.pool.forget(server)
	}
}

// Send implements channel.Channel. The deadline and the cancellation of ctx bound the whole conversation; a mail that was
// interrupted by them is a Temporary failure.
func (s *Channel) Send(ctx context.Context, to channel.Endpoint, m message.Message) error {
	server, ok := to.(Server)
	if !ok {
		return errNoServer
	}
	msg, err := Compose(server, m, s.options.Now())
	if err != nil {
		return err
	}
	if err := s.send(ctx, server, msg); err != nil {
		failed := explain(ctx, server, msg.GetTo()[0].Address, err)
		failed.InDoubt = inDoubt(err)
		return failed
	}
	return nil
}

// errNoServer means that an endpoint belongs to another channel.
var errNoServer = &channel.Error{
	Class: usherv1.ErrorTemporary, Code: "no server", Reason: usherv1.ReasonServerUnreachable,
	Message: "this endpoint is not an SMTP server; this is a fault in Usher",
}

// inDoubt reports whether the connection broke after the server may have accepted the mail.
func inDoubt(err error) bool {
	failed, ok := errors.AsType[*failure](err)
	_, answered := errors.AsType[*textproto.Error](err)
	return ok && failed.stage == stageBody && !answered
}

// send sends a mail over an idle conversation, or over a new one if there is none that still works.
func (s *Channel) send(ctx context.Context, server Server, msg *gomail.Msg) error {
	if c := s.pool.take(ctx, server); c != nil {
		err := c.deliver(msg)
		s.pool.giveBack(c, err)
		if !closedWhileIdle(err) || ctx.Err() != nil {
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

// closedWhileIdle reports whether a kept conversation ended before the mail began: the server was closing it, and will accept the
// mail over a new one. So this is not a failure of the mail.
func closedWhileIdle(err error) bool {
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

// Probe implements channel.Channel: it connects, greets, starts TLS, authenticates and quits. It opens a new connection, because a
// kept one does not show that another can be opened.
func (s *Channel) Probe(ctx context.Context, to channel.Endpoint) error {
	server, ok := to.(Server)
	if !ok {
		return errNoServer
	}
	c, err := s.pool.openAlone(ctx, server)
	if err == nil {
		c.end(nil)
		return nil
	}
	failed := explain(ctx, server, "", err)
	failed.Reason = cmp.Or(failed.Reason, usherv1.ReasonServerUnreachable)
	return failed
}
