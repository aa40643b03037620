package channel

import (
	"context"

	"github.com/usher-dev/usher/internal/mail"
	"github.com/usher-dev/usher/internal/message"
)

type Error = mail.Error

type Endpoint interface {
	String() string
	RatePerMinute() int
	MessageID(local string) string
}

type Channel interface {
	Send(ctx context.Context, to Endpoint, m message.Message) error
	Probe(ctx context.Context, to Endpoint) error
	Forget(to Endpoint)
}
