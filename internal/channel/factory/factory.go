// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package factory picks the channel for a Secret. It is the only package that knows all channels.
package factory

import (
	"context"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/channel/smtp"
	"github.com/usher-dev/usher/internal/message"
)

// Parse parses the data of a Secret, which is trusted if it is the platform's own. The error says everything that is wrong and quotes no
// value.
func Parse(data map[string][]byte, trusted bool) (channel.Endpoint, error) {
	server, err := smtp.ParseServer(data)
	if err != nil {
		return nil, err // and no endpoint: an interface that holds a zero Server is not nil
	}
	server.Trusted = trusted
	return server, nil
}

// Channels is a Channel for the endpoints of all channels.
type Channels struct {
	smtp *smtp.Channel
}

var _ channel.Channel = (*Channels)(nil)

// New returns the channels with their defaults. allow says where the servers of tenants' Secrets may be besides public addresses; see
// smtp.ParseReach. The caller must close the channels.
func New(allow string) (*Channels, error) {
	reach, err := smtp.ParseReach(allow)
	if err != nil {
		return nil, err
	}
	return &Channels{smtp: smtp.New(smtp.Options{Reach: reach})}, nil
}

// of returns the channel of an endpoint; nil if there is none.
func (c *Channels) of(to channel.Endpoint) channel.Channel {
	switch to.(type) {
	case smtp.Server:
		return c.smtp
	}
	return nil
}

// Send implements channel.Channel.
func (c *Channels) Send(ctx context.Context, to channel.Endpoint, m message.Message) error {
	if found := c.of(to); found != nil {
		return found.Send(ctx, to, m)
	}
	return errNoChannel()
}

// Probe implements channel.Channel.
func (c *Channels) Probe(ctx context.Context, to channel.Endpoint) error {
	if found := c.of(to); found != nil {
		return found.Probe(ctx, to)
	}
	return errNoChannel()
}

// Forget implements channel.Channel. An endpoint without a channel, such as nil, has no connections.
func (c *Channels) Forget(to channel.Endpoint) {
	if found := c.of(to); found != nil {
		found.Forget(to)
	}
}

// Close closes the connections that are kept open. Messages can still be sent, each over a connection of its own.
func (c *Channels) Close() { c.smtp.Close() }

// errNoChannel means that Parse returned an endpoint that Channels does not know.
func errNoChannel() error {
	return &channel.Error{
		Class: usherv1.ErrorTemporary, Code: "no channel", Reason: usherv1.ReasonServerUnreachable,
		Message: "no channel sends to this endpoint; this is a fault in Usher",
	}
}
