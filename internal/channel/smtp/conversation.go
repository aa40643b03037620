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
	"net/textproto"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
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
	errNoStartTLS      = errors.New("the server does not offer STARTTLS")
	errNoAuth          = errors.New("the server offers no supported authentication")
	errSenderUTF8      = errors.New("the sender needs SMTPUTF8")
	errRecipientUTF8   = errors.New("the recipient needs SMTPUTF8")
	errTooMuchReceived = errors.New("the server sends more than the limit")
)

// maxReceived bounds the replies to one mail, in bytes; net/textproto would read a reply of any length.
const maxReceived = 1 << 20

// quitTimeout bounds QUIT, whose reply does not matter. reviveTimeout bounds the check of an idle conversation: after that, a new
// connection is faster.
const (
	quitTimeout   = 5 * time.Second
	reviveTimeout = 10 * time.Second
)

// conversation is one connection to a server after the greeting, encryption and authentication. It drives go-mail's SMTP client
// verb by verb instead of using gomail.Client, which does not say at which verb it failed, leaves the connection open if a dial
// fails halfway, and replaces the deadline of ctx with its own.
type conversation struct {
	options Options
	server  Server
	conn    *meteredConn
	client  *smtp.Client
	// stop detaches the conversation from the context that it follows. It returns false if the context has ended the conversation.
	stop func() bool

	// The rest belongs to the pool. home is where the conversation is kept, expiry ends it if it stays idle, mails and refusals count
	// what it was used for.
	home            *idleConns
	expiry          *time.Timer
	mails, refusals int
	// unfinished is set if the transaction of the last mail was neither completed nor reset.
	unfinished bool
}

// open opens a conversation that is ready for a mail. It follows ctx.
func open(ctx context.Context, options Options, server Server) (*conversation, error) {
	c := &conversation{options: options, server: server}
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
	conn, err := c.options.Dial(dialCtx, "tcp", address)
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
		return c.step(stageNoop, timeout, c.client.Noop)
	}
	c.unfinished = false
	return c.step(stageReset, timeout, c.client.Reset)
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
	if err := c.step(stageGreeting, c.options.CommandTimeout, func() (err error) {
		c.client, err = smtp.NewClient(conn, c.server.Host)
		return err
	}); err != nil {
		return err
	}
	if err := c.step(stageEHLO, c.options.CommandTimeout, func() error { return c.client.Hello(c.server.heloName()) }); err != nil {
		return err
	}
	if c.server.TLS == TLSStart {
		if offered, _ := c.client.Extension("STARTTLS"); !offered {
			return &failure{stageTLS, errNoStartTLS}
		}
		if err := c.step(stageTLS, c.options.CommandTimeout, func() error { return c.client.StartTLS(c.tlsConfig()) }); err != nil {
			return err
		}
	}
	if c.server.Username == "" {
		return nil
	}
	return c.step(stageAuth, c.options.CommandTimeout, c.authenticate)
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

// authenticate uses the strongest mechanism that the server offers. PLAIN and LOGIN send the password in clear text: the
// connection is encrypted by now, unless the Secret has `tls: None` and a password.
func (c *conversation) authenticate() error {
	_, parameters := c.client.Extension("AUTH")
	offered := map[string]bool{}
	for mechanism := range strings.FieldsSeq(strings.ToUpper(parameters)) {
		offered[mechanism] = true
	}
	username, password, inClear := c.server.Username, c.server.Password, c.server.TLS == TLSNone
	state, stateErr := c.client.GetTLSConnectionState()
	switch {
	case offered["SCRAM-SHA-256-PLUS"] && stateErr == nil:
		return c.client.Auth(smtp.ScramSHA256PlusAuth(username, password, state))
	case offered["SCRAM-SHA-256"]:
		return c.client.Auth(smtp.ScramSHA256Auth(username, password))
	case offered["SCRAM-SHA-1"]:
		return c.client.Auth(smtp.ScramSHA1Auth(username, password))
	case offered["CRAM-MD5"]:
		return c.client.Auth(smtp.CRAMMD5Auth(username, password))
	case offered["PLAIN"]:
		return c.client.Auth(smtp.PlainAuth("", username, password, c.server.Host, inClear))
	case offered["LOGIN"]:
		return c.client.Auth(smtp.LoginAuth(username, password, c.server.Host, inClear))
	}
	return errNoAuth
}

// deliver sends one mail. It returns nil once the server has accepted it.
func (c *conversation) deliver(msg *gomail.Msg) error {
	from, to := msg.GetFrom()[0].Address, msg.GetTo()[0].Address
	utf8 := needsUTF8(from) || needsUTF8(to)
	if offered, _ := c.client.Extension("SMTPUTF8"); utf8 && !offered {
		if needsUTF8(from) {
			return &failure{stageMail, errSenderUTF8}
		}
		return &failure{stageRcpt, errRecipientUTF8}
	}
	c.client.SkipSMTPUTF8(!utf8)

	if err := c.step(stageMail, c.options.CommandTimeout, func() error { return c.client.Mail(smtpPath(from)) }); err != nil {
		return err
	}
	if err := c.step(stageRcpt, c.options.CommandTimeout, func() error { return c.client.Rcpt(smtpPath(to)) }); err != nil {
		return err
	}
	var writer io.WriteCloser
	if err := c.step(stageData, c.options.CommandTimeout, func() (err error) {
		writer, err = c.client.Data()
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
	_, refused := errors.AsType[*textproto.Error](err)
	if c.client != nil && (err == nil || refused) {
		_ = c.step(stageQuit, quitTimeout, c.client.Quit)
	}
	c.stop()
	_ = c.conn.Close()
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
