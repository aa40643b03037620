// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtpsink

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// Verb is a moment of an SMTP conversation at which a server answers.
type Verb string

// The verbs, in the order of a conversation.
const (
	Greeting Verb = "greeting"
	EHLO     Verb = "EHLO"
	STARTTLS Verb = "STARTTLS"
	AUTH     Verb = "AUTH"
	// Response is a line of the client that answers a challenge, the 334 of a Scripted server.
	Response Verb = "response"
	MAIL     Verb = "MAIL"
	RCPT     Verb = "RCPT"
	DATA     Verb = "DATA"
	// Body is the final dot.
	Body Verb = "body"
	RSET Verb = "RSET"
	NOOP Verb = "NOOP"
	QUIT Verb = "QUIT"
)

// Event is a command, or another moment of a conversation, at a server.
type Event struct {
	Verb Verb
	// Argument is the address of MAIL and RCPT and the mechanism of AUTH; empty otherwise, or as sent to a Scripted server. It is the line of
	// a Response.
	Argument string
	// Connection counts a server's connections from 1.
	Connection int
}

// Answer is what a server does at an Event. The zero value is the answer of a well-behaved server.
type Answer struct {
	// Code and Text are the reply; Text may begin with an enhanced code, as in "4.7.1 Greylisted".
	Code int
	Text string
	// Raw is written unchanged instead of a reply. Only a Scripted server supports it.
	Raw string
	// Delay is the time before the server does anything.
	Delay time.Duration
	// Hold, if not nil, must be closed before the server does anything.
	Hold <-chan struct{}
	// Drip is the time between two bytes of the reply. Only a Scripted server supports it.
	Drip time.Duration
	// Drop closes the connection without a reply.
	Drop bool
	// HangUp closes the connection after the reply.
	HangUp bool
	// Keep, at Body, keeps the mail although its sender gets no 250.
	Keep bool
}

// Reply is an Answer with a reply code and its text.
func Reply(code int, text string) Answer { return Answer{Code: code, Text: text} }

// Script returns the Answer to an Event. It is called concurrently.
type Script func(Event) Answer

// On returns a Script that always gives the map's answer to each verb, and the zero Answer to other verbs.
func On(answers map[Verb]Answer) Script {
	return func(event Event) Answer { return answers[event.Verb] }
}

// answer asks the script and waits as long as it says, or until the server ends.
func (s Script) answer(event Event, done <-chan struct{}) Answer {
	if s == nil {
		return Answer{}
	}
	answer := s(event)
	pause(answer.Delay, done)
	if answer.Hold != nil {
		select {
		case <-answer.Hold:
		case <-done:
		}
	}
	return answer
}

// pause waits, or returns when the server ends.
func pause(d time.Duration, done <-chan struct{}) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-done:
	}
}

// smtpError returns the answer as an error for go-smtp; nil for the usual reply.
func (a Answer) smtpError() error {
	if a.Code == 0 || a.Code/100 == 2 {
		return nil
	}
	failed := &smtp.SMTPError{Code: a.Code, EnhancedCode: smtp.NoEnhancedCode, Message: a.Text}
	first, rest, _ := strings.Cut(a.Text, " ")
	var code smtp.EnhancedCode
	if n, err := fmt.Sscanf(first, "%d.%d.%d", &code[0], &code[1], &code[2]); err == nil && n == 3 {
		failed.EnhancedCode, failed.Message = code, rest
	}
	return failed
}

// Address is the address of a server.
type Address struct {
	Host string
	Port int
}

// String returns host:port.
func (a Address) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

func addressOf(listener net.Listener) Address {
	tcp := listener.Addr().(*net.TCPAddr)
	return Address{Host: tcp.IP.String(), Port: tcp.Port}
}
