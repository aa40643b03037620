// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"context"
	"errors"
	"net"
	"time"

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
	// Dial opens the TCP connection. Default: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now gives the mail's Date. Default: time.Now.
	Now func() time.Time
}

// SMTP sends mails over SMTP. It is safe for concurrent use: every call has a conversation of its own, which ends with it.
// Where conversations are to be kept, they are taken and given back in converse.
type SMTP struct {
	options Options
}

var _ Sender = (*SMTP)(nil)

// NewSMTP returns a sender with the defaults of Options filled in.
func NewSMTP(options Options) *SMTP {
	setDefault(&options.DialTimeout, 30*time.Second)
	setDefault(&options.CommandTimeout, 5*time.Minute)
	setDefault(&options.BodyTimeout, 10*time.Minute)
	if options.Dial == nil {
		options.Dial = (&net.Dialer{}).DialContext
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &SMTP{options: options}
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// Send implements Sender. The deadline and the cancellation of ctx bound the whole conversation; a mail that was cut off in
// mid-conversation is a Temporary failure.
func (s *SMTP) Send(ctx context.Context, server Server, invitation Invitation) error {
	msg, err := Compose(server, invitation, s.options.Now())
	if err != nil {
		return err
	}
	return s.converse(ctx, server, func(c *conversation) error { return c.deliver(msg) })
}

// Probe implements Sender. Each of its errors has a Reason.
func (s *SMTP) Probe(ctx context.Context, server Server) error {
	err := s.converse(ctx, server, func(*conversation) error { return nil })
	if failed, ok := errors.AsType[*Error](err); ok && failed.Reason == "" {
		failed.Reason = usherv1.ReasonServerUnreachable
	}
	return err
}

// converse opens a conversation, does its work in it and takes leave. It returns nil or an *Error.
func (s *SMTP) converse(ctx context.Context, server Server, work func(*conversation) error) error {
	c, err := open(ctx, s.options, server)
	if err == nil {
		err = work(c)
		c.leave(err)
	}
	if err != nil {
		return explain(ctx, server, err)
	}
	return nil
}
