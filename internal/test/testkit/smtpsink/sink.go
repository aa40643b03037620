// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtpsink

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/emersion/go-smtp"
)

// Encryption is how a Sink encrypts.
type Encryption string

// The values are those of the SMTP Secret's key `tls`.
const (
	None     Encryption = "None"
	StartTLS Encryption = "StartTLS"
	Implicit Encryption = "Implicit"
)

// Options are the options of a Sink. With the zero value, it listens on a free port of the loopback address, without TLS and without a
// password.
type Options struct {
	// Listen is host:port; default 127.0.0.1:0.
	Listen string
	// Encryption, default None.
	Encryption Encryption
	// Certificate is the sink's; by default, the sink's own Authority issues one for the loopback addresses and localhost.
	Certificate *tls.Certificate
	// Username and Password are required by AUTH PLAIN and LOGIN. With a Username, the sink accepts no mail without authentication.
	Username, Password string
	// SMTPUTF8 announces that addresses outside ASCII are accepted.
	SMTPUTF8 bool
	// Dir, if not empty, is a folder for every mail, as <number>-<recipient>.eml.
	Dir string
	// Script makes the sink misbehave; nil: it never does.
	Script Script
}

// Sink is an SMTP server that keeps every mail. Its methods can be called from any goroutine.
type Sink struct {
	Address

	options     Options
	authority   *Authority
	server      *smtp.Server
	listener    net.Listener
	served      sync.WaitGroup
	done        chan struct{}
	closed      sync.Once
	connections atomic.Int64

	lock    sync.Mutex
	mails   []Mail
	arrived chan struct{} // closed and replaced when a mail comes in
}

// Start listens and serves until Close.
func Start(options Options) (*Sink, error) {
	authority, err := NewAuthority()
	if err != nil {
		return nil, err
	}
	s := &Sink{options: options, authority: authority, done: make(chan struct{}), arrived: make(chan struct{})}
	if options.Dir != "" {
		if err := os.MkdirAll(options.Dir, 0o755); err != nil {
			return nil, err
		}
	}
	config, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	address := options.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s.Address, s.listener = addressOf(listener), listener
	s.server = smtp.NewServer(smtp.BackendFunc(s.newSession))
	s.server.Domain = "sink.example"
	s.server.AllowInsecureAuth = options.Encryption == "" || options.Encryption == None
	s.server.EnableSMTPUTF8 = options.SMTPUTF8
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	switch options.Encryption {
	case StartTLS:
		s.server.TLSConfig = config
	case Implicit:
		listener = tls.NewListener(listener, config)
	}
	s.served.Go(func() { _ = s.server.Serve(listener) })
	return s, nil
}

func (s *Sink) tlsConfig() (*tls.Config, error) {
	if s.options.Certificate != nil {
		return &tls.Config{Certificates: []tls.Certificate{*s.options.Certificate}, MinVersion: tls.VersionTLS12}, nil
	}
	certificate, err := s.authority.Issue(Certificate{})
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}

// Close stops the sink and drops its connections; its mails can still be read.
func (s *Sink) Close() {
	s.closed.Do(func() {
		close(s.done)
		_ = s.server.Close()
		// A server that is closed before Serve has started does not know its listener yet.
		_ = s.listener.Close()
		s.served.Wait()
	})
}

// CA returns the PEM certificate of the authority that issued the sink's own certificate.
func (s *Sink) CA() []byte { return s.authority.PEM() }

// Secret returns the data of an SMTP Secret for this sink.
func (s *Sink) Secret(from string) map[string][]byte {
	encryption := s.options.Encryption
	if encryption == "" {
		encryption = None
	}
	data := map[string][]byte{
		"host": []byte(s.Host),
		"port": []byte(strconv.Itoa(s.Port)),
		"from": []byte(from),
		"tls":  []byte(encryption),
	}
	if encryption != None {
		data["ca.crt"] = s.CA()
	}
	if s.options.Username != "" {
		data["username"], data["password"] = []byte(s.options.Username), []byte(s.options.Password)
	}
	return data
}

// Connections returns how many conversations have reached EHLO.
func (s *Sink) Connections() int { return int(s.connections.Load()) }

// Mails returns the mails so far, oldest first.
func (s *Sink) Mails() []Mail {
	s.lock.Lock()
	defer s.lock.Unlock()
	return slices.Clone(s.mails)
}

// MailsTo returns the mails to one address so far, oldest first, ignoring case.
func (s *Sink) MailsTo(address string) []Mail {
	return slices.DeleteFunc(s.Mails(), func(m Mail) bool { return !m.IsTo(address) })
}

// Await returns the mails as soon as enough returns true for them, or the error of ctx.
func (s *Sink) Await(ctx context.Context, enough func([]Mail) bool) ([]Mail, error) {
	for {
		s.lock.Lock()
		mails, arrived := slices.Clone(s.mails), s.arrived
		s.lock.Unlock()
		if enough(mails) {
			return mails, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return mails, fmt.Errorf("waiting for mail, %d so far: %w", len(mails), ctx.Err())
		}
	}
}

// AwaitMailTo returns the first mail to an address as soon as there is one, or the error of ctx.
func (s *Sink) AwaitMailTo(ctx context.Context, address string) (Mail, error) {
	isTo := func(m Mail) bool { return m.IsTo(address) }
	mails, err := s.Await(ctx, func(mails []Mail) bool { return slices.ContainsFunc(mails, isTo) })
	if err != nil {
		return Mail{}, err
	}
	return mails[slices.IndexFunc(mails, isTo)], nil
}

// keep stores a mail. It returns an error if it cannot write to the folder.
func (s *Sink) keep(mail Mail) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.options.Dir != "" {
		if err := writeFile(s.options.Dir, len(s.mails)+1, mail); err != nil {
			return err
		}
	}
	s.mails = append(s.mails, mail)
	close(s.arrived)
	s.arrived = make(chan struct{})
	return nil
}

// writeFile writes the file atomically: another process may be watching the folder.
func writeFile(dir string, number int, mail Mail) error {
	recipient := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ' {
			return '_'
		}
		return r
	}, strings.Join(mail.To, ","))
	temporary, err := os.CreateTemp(dir, ".incoming-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	if _, err := temporary.Write(mail.Raw); err != nil {
		_ = temporary.Close()
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := os.Chmod(temporary.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), filepath.Join(dir, fmt.Sprintf("%04d-%s.eml", number, recipient)))
}
