// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

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

// stage is how far a conversation had come when it failed, as a message calls it.
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

// codeShuttingDown is what a server says, to whatever command, when it is about to hang up (RFC 5321 section 3.8).
const codeShuttingDown = 421

// failure is an error with the stage at which it happened. Its text may hold addresses: it goes no further than explain.
type failure struct {
	stage stage
	err   error
}

func (f *failure) Error() string { return string(f.stage) + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

var (
	errNoStartTLS      = errors.New("the server does not offer STARTTLS")
	errNoAuth          = errors.New("the server offers no authentication that we know")
	errSenderUTF8      = errors.New("the sender needs SMTPUTF8")
	errRecipientUTF8   = errors.New("the recipient needs SMTPUTF8")
	errTooMuchReceived = errors.New("the server sends more than a conversation can hold")
)

// maxReceived bounds what a server may say for one mail, in bytes; net/textproto would read a reply of any length.
const maxReceived = 1 << 20

// quitTimeout bounds the wait for a goodbye that changes nothing any more, reviveTimeout that for a sign of life where a new
// connection is the quicker way on.
const (
	quitTimeout   = 5 * time.Second
	reviveTimeout = 10 * time.Second
)

// conversation is one connection to a server, greeted, encrypted and authenticated. It drives go-mail's SMTP client verb by
// verb instead of through gomail.Client, which does not tell at which verb it failed, leaves the connection open when a dial
// fails half-way, and replaces the deadline of ctx by its own.
type conversation struct {
	options Options
	server  Server
	conn    *meteredConn
	client  *smtp.Client
	// stop has the conversation outlive the context that it follows; false if that has ended it already.
	stop func() bool

	// What the pool knows of it: where it belongs, when it is ended if nobody takes it, and what it has been used for.
	home            *shelf
	expiry          *time.Timer
	mails, refusals int
	// unfinished: the last mail's transaction was neither completed nor taken back.
	unfinished bool
}

// open returns a conversation that is ready for a mail. It follows ctx.
func open(ctx context.Context, options Options, server Server) (*conversation, error) {
	c := &conversation{options: options, server: server}
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	if err := c.introduce(ctx); err != nil {
		c.leave(err)
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

// follow has the conversation end with ctx, until stop is called. Closing wakes whoever reads or writes, and unlike a deadline it
// can not be overwritten by the next step's.
func (c *conversation) follow(ctx context.Context) {
	c.stop = context.AfterFunc(ctx, func() { _ = c.conn.Close() })
}

// revive makes a conversation that was kept ready for the next mail: it asks for a sign of life, and takes back what is left of
// the last one. What the server says to that is about this connection: the last mail is sent or refused, whatever it is.
func (c *conversation) revive() error {
	c.conn.left = maxReceived
	timeout := min(reviveTimeout, c.options.CommandTimeout)
	if !c.unfinished {
		return c.step(stageNoop, timeout, c.client.Noop)
	}
	c.unfinished = false
	return c.step(stageReset, timeout, c.client.Reset)
}

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

// authenticate uses the strongest mechanism that the server offers. PLAIN and LOGIN show the password to whoever listens: the
// connection is encrypted by now, unless the operator wrote `tls: None` beside a password.
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

// deliver hands over one mail. It returns nil once the server has accepted it.
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

// step does one thing within timeout and marks its failure with the stage.
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

// leave ends the conversation after work that ended with err. A server that is still listening is told goodbye (RFC 5321
// section 4.1.1.10); what it makes of that changes nothing any more.
func (c *conversation) leave(err error) {
	_, refused := errors.AsType[*textproto.Error](err)
	if c.client != nil && (err == nil || refused) {
		_ = c.step(stageQuit, quitTimeout, c.client.Quit)
	}
	c.stop()
	_ = c.conn.Close()
}

// meteredConn breaks when the server has said too much.
type meteredConn struct {
	net.Conn
	left int
}

func (m *meteredConn) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooMuchReceived
	}
	n, err := m.Conn.Read(p)
	m.left -= n
	return n, err
}
