package factory

import (
	"context"

	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/mail"
	"github.com/usher-dev/usher/internal/message"
)

type Server struct{ mail.Server }

func (s Server) RatePerMinute() int            { return s.RateLimit }
func (s Server) MessageID(local string) string { return local + "@" + s.Domain() }

func Parse(data map[string][]byte) (channel.Endpoint, error) {
	s, err := mail.ParseServer(data)
	return Server{s}, err
}

type Channel struct{ *mail.SMTP }

func (c Channel) Send(ctx context.Context, to channel.Endpoint, m message.Message) error {
	s := to.(Server).Server
	if e, ok := m.(mail.Ending); ok {
		return c.SMTP.SendEnding(ctx, s, e)
	}
	return c.SMTP.Send(ctx, s, m.(mail.Invitation))
}
func (c Channel) Probe(ctx context.Context, to channel.Endpoint) error {
	return c.SMTP.Probe(ctx, to.(Server).Server)
}
func (c Channel) Forget(to channel.Endpoint) { c.SMTP.Forget(to.(Server).Server) }
