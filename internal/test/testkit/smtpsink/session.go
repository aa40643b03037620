// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtpsink

import (
	"crypto/subtle"
	"io"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one conversation with a Sink.
type session struct {
	sink       *Sink
	conn       *smtp.Conn
	connection int
	user       string
	from       string
	to         []string
	hangUp     bool
}

var _ smtp.AuthSession = (*session)(nil)

func (s *Sink) newSession(conn *smtp.Conn) (smtp.Session, error) {
	session := &session{sink: s, conn: conn, connection: int(s.connections.Add(1))}
	if err := session.ask(EHLO, ""); err != nil {
		return nil, err
	}
	return session, nil
}

// ask does what the script says and returns its refusal, if any.
func (s *session) ask(verb Verb, argument string) error {
	return s.perform(s.sink.options.Script.answer(Event{Verb: verb, Argument: argument, Connection: s.connection}, s.sink.done))
}

func (s *session) perform(answer Answer) error {
	if answer.Drop {
		_ = s.conn.Conn().Close()
	}
	s.hangUp = s.hangUp || answer.HangUp
	return answer.smtpError()
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string {
	if s.sink.options.Username == "" {
		return nil
	}
	return []string{sasl.Plain, sasl.Login}
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if err := s.ask(AUTH, mechanism); err != nil {
		return nil, err
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, username, password string) error { return s.login(username, password) }), nil
	case sasl.Login:
		return &loginServer{login: s.login}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *session) login(username, password string) error {
	right := subtle.ConstantTimeCompare([]byte(username), []byte(s.sink.options.Username)) &
		subtle.ConstantTimeCompare([]byte(password), []byte(s.sink.options.Password))
	if right != 1 {
		return smtp.ErrAuthFailed
	}
	s.user = username
	return nil
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if err := s.ask(MAIL, from); err != nil {
		return err
	}
	if s.sink.options.Username != "" && s.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.ask(RCPT, to); err != nil {
		return err
	}
	s.to = append(s.to, to)
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	answer := s.sink.options.Script.answer(Event{Verb: Body, Connection: s.connection}, s.sink.done)
	accepted := answer.smtpError() == nil && !answer.Drop
	if accepted || answer.Keep {
		_, encrypted := s.conn.TLSConnectionState()
		mail, err := Parse(raw)
		if err != nil {
			return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
		}
		mail.From, mail.To, mail.User, mail.Encrypted = s.from, append([]string(nil), s.to...), s.user, encrypted
		if err := s.sink.keep(mail); err != nil {
			return err
		}
	}
	return s.perform(answer)
}

// Reset implements smtp.Session. go-smtp calls it after the reply to a body, and at RSET.
func (s *session) Reset() {
	s.from, s.to = "", nil
	if s.hangUp {
		_ = s.conn.Conn().Close()
	}
}

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// loginServer is the server's side of AUTH LOGIN, which is only a draft and for which go-sasl has no server.
type loginServer struct {
	login    func(username, password string) error
	step     int
	username string
}

// Next implements sasl.Server.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.username = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.login(l.username, string(response))
}
