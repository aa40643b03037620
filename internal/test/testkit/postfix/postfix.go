// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package postfix

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// Who may send, and which recipients exist.
const (
	Username = "usher@postfix.example"
	Password = "correct horse"
	Domain   = "acme.example"
	// Unknown is an address that Postfix does not know.
	Unknown = "nobody@" + Domain
)

// startTimeout is for a busy machine; a second is usual.
const startTimeout = 60 * time.Second

// Options of a Postfix. With the zero value, it accepts every mail at once and delivers it.
type Options struct {
	// Policy, if not empty, is the host:port of a policy service that is asked about each recipient; see Policy.
	Policy string
	// Hold keeps accepted mails in the queue until Release.
	Hold bool
}

// Postfix is a server that can be stopped and started again; its queue and the delivered mails stay.
type Postfix struct {
	// Port requires STARTTLS; ImplicitPort uses TLS from the first byte.
	Port, ImplicitPort int

	dir       string
	authority *smtpsink.Authority
	options   Options
	process   *exec.Cmd
	ended     chan struct{}
}

// Start starts a Postfix, which accepts mail when Start returns. Stop it with Close.
func Start(ctx context.Context, options Options) (_ *Postfix, err error) {
	if why := Missing(); why != "" {
		return nil, errors.New(why)
	}
	p := &Postfix{options: options}
	// Postfix's own users must be able to read it, so it is not a folder of the testing package.
	if p.dir, err = os.MkdirTemp("", "usher-postfix-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	if err := p.configure(ctx); err != nil {
		return nil, fmt.Errorf("configure Postfix: %w", err)
	}
	return p, p.Restart(ctx)
}

// Close stops Postfix and removes its folder.
func (p *Postfix) Close() {
	_ = p.Stop()
	_ = os.RemoveAll(p.dir)
}

// Stop stops Postfix at once, even during conversations and with mails in the queue.
func (p *Postfix) Stop() error {
	if p.process == nil {
		return nil
	}
	output, err := p.command(context.Background(), "postfix", "-c", p.config(), "stop").CombinedOutput()
	select {
	case <-p.ended:
		err = nil
	case <-time.After(startTimeout):
		_ = p.process.Process.Kill()
		<-p.ended
		err = fmt.Errorf("postfix stop: %w\n%s", err, output)
	}
	p.process = nil
	return err
}

// Restart starts Postfix; if it runs, it stops it first.
func (p *Postfix) Restart(ctx context.Context) error {
	if err := p.Stop(); err != nil {
		return err
	}
	log, err := os.OpenFile(p.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	// It outlives the context in which it is started.
	p.process = exec.Command("/usr/sbin/postfix", "-c", p.config(), "start-fg")
	p.process.Stdout, p.process.Stderr = log, log
	if err := p.process.Start(); err != nil {
		p.process = nil
		return err
	}
	ended := make(chan struct{})
	p.ended = ended
	process := p.process
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	return p.awaitGreeting(ctx)
}

func (p *Postfix) awaitGreeting(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)))
		if err == nil {
			greeting := make([]byte, 4)
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			_, err = conn.Read(greeting)
			_ = conn.Close()
			if err == nil && string(greeting) == "220 " {
				return nil
			}
		}
		select {
		case <-p.ended:
			return fmt.Errorf("postfix has ended:\n%s", p.Log())
		case <-ctx.Done():
			return fmt.Errorf("postfix does not answer: %w\n%s", ctx.Err(), p.Log())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Release delivers the mails that are held in the queue.
func (p *Postfix) Release(ctx context.Context) error {
	for _, arguments := range [][]string{
		{"postconf", "-c", p.config(), "-e", "defer_transports="},
		{"postfix", "-c", p.config(), "reload"},
		{"postqueue", "-c", p.config(), "-f"},
	} {
		if output, err := p.command(ctx, arguments...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(arguments, " "), err, output)
		}
	}
	return nil
}

// Secret returns the data of an SMTP Secret for this Postfix.
func (p *Postfix) Secret(from string) map[string][]byte {
	return map[string][]byte{
		"host": []byte("127.0.0.1"), "port": []byte(strconv.Itoa(p.Port)), "from": []byte(from),
		"username": []byte(Username), "password": []byte(Password), "ca.crt": p.authority.PEM(),
	}
}

// Mails returns the delivered mails, in no order. Of their envelope, only the recipient is known.
func (p *Postfix) Mails() ([]smtpsink.Mail, error) {
	entries, err := os.ReadDir(p.path("mail", "all", "new"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	mails := make([]smtpsink.Mail, 0, len(entries))
	for _, entry := range entries {
		raw, err := os.ReadFile(p.path("mail", "all", "new", entry.Name()))
		if err != nil {
			return nil, err
		}
		mail, err := smtpsink.Parse(raw)
		if err != nil {
			return nil, err
		}
		mail.To = []string{mail.Header.Get("X-Original-To")}
		mails = append(mails, mail)
	}
	return mails, nil
}

// Delivered returns the number of delivered mails.
func (p *Postfix) Delivered() int {
	entries, _ := os.ReadDir(p.path("mail", "all", "new"))
	return len(entries)
}

// Log returns Postfix's log.
func (p *Postfix) Log() string {
	log, _ := os.ReadFile(p.path("log"))
	return string(log)
}

func (p *Postfix) path(parts ...string) string {
	return filepath.Join(append([]string{p.dir}, parts...)...)
}
func (p *Postfix) config() string { return p.path("etc") }

func (p *Postfix) command(ctx context.Context, arguments ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "/usr/sbin/"+arguments[0], arguments[1:]...)
}

// own makes a user the owner of files.
func own(name string, paths ...string) error {
	owner, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := os.Chown(path, uid, -1); err != nil {
			return err
		}
	}
	return nil
}

// writeCertificate writes a certificate that the authority issues for Postfix.
func (p *Postfix) writeCertificate() error {
	authority, err := smtpsink.NewAuthority()
	if err != nil {
		return err
	}
	p.authority = authority
	certificate, err := authority.Issue(smtpsink.Certificate{})
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		return err
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})...)
	return os.WriteFile(p.path("etc", "server.pem"), both, 0o600)
}
