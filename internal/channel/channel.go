// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package channel defines how messages leave Usher. A channel is a package below this one, such as smtp; package factory picks
// the channel for a Secret.
//
// To add a channel, write a package with an Endpoint and a Channel, and add a case for it to package factory.
package channel

import (
	"context"

	"github.com/usher-dev/usher/internal/message"
)

// Endpoint is where a Secret sends messages to, and how.
type Endpoint interface {
	// String identifies the server behind the endpoint, without any secret. Endpoints that share a server share the string, even if
	// their credentials differ.
	String() string
	// RatePerMinute is the maximum number of messages per minute; 0 means no limit.
	RatePerMinute() int
	// Connections is the maximum number of messages that are sent at once; 0 means no limit.
	Connections() int
	// MessageID returns the Message-ID for a local part, without angle brackets.
	MessageID(local string) string
}

// Channel sends messages to endpoints of its kind. It is safe for concurrent use. Its errors are of type *Error.
type Channel interface {
	// Send returns nil once the endpoint has accepted the message, even if something fails after that.
	Send(ctx context.Context, to Endpoint, m message.Message) error
	// Probe checks that the endpoint would accept messages, without sending one. Each of its errors has a Reason.
	Probe(ctx context.Context, to Endpoint) error
	// Forget closes the connections that are kept open for an endpoint, because its Secret has changed or is no longer used.
	Forget(to Endpoint)
}
