// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// stage is the step at which a conversation failed, as error messages name it.
type stage string

const (
	stageDial     stage = "the connection"
	stageGreeting stage = "the greeting"
	stageEHLO     stage = "EHLO"
	stageTLS      stage = "TLS"
	stageAuth     stage = "AUTH"
	stageMail     stage = "MAIL FROM"
	stageRcpt     stage = "RCPT TO"
	stageData     stage = "DATA"
	stageBody     stage = "the end of the mail"
	stageQuit     stage = "QUIT"
	stageNoop     stage = "NOOP"
	stageReset    stage = "RSET"
)

// beforeMail reports whether no mail has begun: the server does not know yet who sends to whom.
func (s stage) beforeMail() bool {
	return slices.Contains([]stage{stageDial, stageGreeting, stageEHLO, stageTLS, stageAuth}, s)
}

// codeShuttingDown is the reply to any command of a server that is about to close the connection (RFC 5321 section 3.8).
const codeShuttingDown = 421

// failure is an error with the stage at which it happened. Its text may contain addresses, so explain drops it.
type failure struct {
	stage stage
	err   error
}

// Error returns the stage and the error.
func (f *failure) Error() string { return string(f.stage) + ": " + f.err.Error() }

// Unwrap returns the error without the stage.
func (f *failure) Unwrap() error { return f.err }

var (
	errNoStartTLS    = errors.New("the server does not offer STARTTLS")
	errSenderUTF8    = errors.New("the sender needs SMTPUTF8")
	errRecipientUTF8 = errors.New("the recipient needs SMTPUTF8")
)

// quitTimeout bounds QUIT, whose reply does not matter. reviveTimeout bounds the check of an idle conversation: after that, a new
// connection is faster.
const (
	quitTimeout   = 5 * time.Second
	reviveTimeout = 10 * time.Second
)

// conversation is one connection to a server after the greeting, encryption and authentication.
type conversation struct {
	options Options
	server  Server
	memory  *memory
	conn    *meteredConn
	client  *client
	// stop detaches the conversation from the context that it follows. It returns false if the context has ended the conversation.
	stop func() bool

	// The rest belongs to the pool. home is where the conversation is kept, place gives its place among the server's connections back,
	// expiry ends it if it stays idle, mails and refusals count what it was used for.
	home            *idleConns
	place           func()
	expiry          *time.Timer
	mails, refusals int
	// unfinished is set if the transaction of the last mail was neither completed nor reset.
	unfinished bool
}

// open opens a conversation that is ready for a mail. It follows ctx.
func open(ctx context.Context, options Options, known *memory, server Server) (*conversation, error) {
	c := &conversation{options: options, server: server, memory: known}
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	if err := c.introduce(ctx); err != nil {
		c.end(err)
		return nil, err
	}
	return c, nil
}

func (c *conversation) connect(ctx context.Context) error {
	dialCtx, cancel := context.WithTimeout(ctx, c.options.DialTimeout)
	defer cancel()
	address := net.JoinHostPort(c.server.Host, strconv.Itoa(c.server.Port))
	conn, err := c.options.Dial(dialCtx, "tcp", address, c.options.Reach.control(c.server))
	if err != nil {
		return &failure{stageDial, err}
	}
	c.conn = &meteredConn{Conn: conn, left: maxReceived}
	c.follow(ctx)
	return nil
}

// follow ends the conversation with ctx, until stop is called. It closes the connection, which interrupts reads and writes; unlike
// a deadline, the next step cannot overwrite that.
func (c *conversation) follow(ctx context.Context) {
	c.stop = context.AfterFunc(ctx, func() { _ = c.conn.Close() })
}

// revive prepares an idle conversation for the next mail: it checks that the server still answers, and resets an unfinished
// transaction. A failure concerns this connection only: the last mail is already sent or refused.
func (c *conversation) revive() error {
	c.conn.left = maxReceived
	timeout := min(reviveTimeout, c.options.CommandTimeout)
	if !c.unfinished {
		return c.step(stageNoop, timeout, c.client.noop)
	}
	c.unfinished = false
	return c.step(stageReset, timeout, c.client.reset)
}

// introduce greets the server, starts TLS and authenticates.
func (c *conversation) introduce(ctx context.Context) error {
	var conn net.Conn = c.conn
	if c.server.TLS == TLSImplicit {
		encrypted := tls.Client(c.conn, c.tlsConfig())
		if err := c.step(stageTLS, c.options.DialTimeout, func() error { return encrypted.HandshakeContext(ctx) }); err != nil {
			return err
		}
		conn = encrypted
	}
	c.client = newClient(conn)
	if err := c.step(stageGreeting, c.options.CommandTimeout, func() error {
		_, _, err := c.client.reply(220)
		return err
	}); err != nil {
		return err
	}
	hello := func() error { return c.client.hello(c.server.heloName()) }
	if err := c.step(stageEHLO, c.options.CommandTimeout, hello); err != nil {
		return err
	}
	if c.server.TLS == TLSStart {
		if _, offered := c.client.offers("STARTTLS"); !offered {
			return &failure{stageTLS, errNoStartTLS}
		}
		if err := c.step(stageTLS, c.options.CommandTimeout, func() error { return c.startTLS(ctx) }); err != nil {
			return err
		}
		if err := c.step(stageEHLO, c.options.CommandTimeout, hello); err != nil {
			return err
		}
	}
	if c.server.Username == "" {
		return nil
	}
	return c.step(stageAuth, c.options.CommandTimeout, c.authenticate)
}

// startTLS encrypts the connection. What the server sent before is dropped, extensions included (RFC 3207 section 4.2).
func (c *conversation) startTLS(ctx context.Context) error {
	if _, _, err := c.client.command(220, "STARTTLS"); err != nil {
		return err
	}
	encrypted := tls.Client(c.conn, c.tlsConfig())
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return err
	}
	c.client = newClient(encrypted)
	return nil
}

func (c *conversation) tlsConfig() *tls.Config {
	config := &tls.Config{ServerName: c.server.Host, MinVersion: tls.VersionTLS12}
	if len(c.server.CA) > 0 {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		roots.AppendCertsFromPEM(c.server.CA)
		config.RootCAs = roots
	}
	return config
}

// deliver sends one mail. It returns nil once the server has accepted it.
func (c *conversation) deliver(msg *gomail.Msg) error {
	from, to := msg.GetFrom()[0].Address, msg.GetTo()[0].Address
	utf8 := needsUTF8(from) || needsUTF8(to)
	if _, offered := c.client.offers("SMTPUTF8"); utf8 && !offered {
		if needsUTF8(from) {
			return &failure{stageMail, errSenderUTF8}
		}
		return &failure{stageRcpt, errRecipientUTF8}
	}
	if err := c.step(stageMail, c.options.CommandTimeout, func() error { return c.client.mail(smtpPath(from), utf8) }); err != nil {
		return err
	}
	if err := c.step(stageRcpt, c.options.CommandTimeout, func() error { return c.client.rcpt(smtpPath(to)) }); err != nil {
		return err
	}
	var writer io.WriteCloser
	if err := c.step(stageData, c.options.CommandTimeout, func() (err error) {
		writer, err = c.client.data()
		return err
	}); err != nil {
		return err
	}
	return c.step(stageBody, c.options.BodyTimeout, func() error {
		if _, err := msg.WriteTo(writer); err != nil {
			return err
		}
		return writer.Close()
	})
}

// step runs one step within timeout and marks its failure with the stage.
func (c *conversation) step(at stage, timeout time.Duration, do func() error) error {
	err := c.conn.SetDeadline(time.Now().Add(timeout))
	if err == nil {
		err = do()
	}
	if err != nil {
		return &failure{at, err}
	}
	return nil
}

// end ends the conversation after a step that ended with err. It sends QUIT if the server still listens (RFC 5321 section
// 4.1.1.10), and ignores the reply.
func (c *conversation) end(err error) {
	if c.client != nil && (err == nil || isReply(err)) {
		_ = c.step(stageQuit, quitTimeout, c.client.quit)
	}
	c.stop()
	_ = c.conn.Close()
	if c.place != nil {
		c.place()
	}
}

// meteredConn fails after left bytes were read.
type meteredConn struct {
	net.Conn
	left int
}

// Read implements net.Conn.
func (m *meteredConn) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooMuchReceived
	}
	n, err := m.Conn.Read(p)
	m.left -= n
	return n, err
}
