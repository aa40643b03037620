// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/channel/smtp"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

const (
	temporary     = usherv1.ErrorTemporary
	permanent     = usherv1.ErrorPermanent
	configuration = usherv1.ErrorConfiguration
)

// timeouts are short enough for a test and long enough for a busy machine; only the cases that test a timeout wait for one.
var timeouts = smtp.Options{DialTimeout: 10 * time.Second, CommandTimeout: 10 * time.Second, BodyTimeout: 10 * time.Second}

func impatient() smtp.Options {
	return smtp.Options{DialTimeout: 10 * time.Second, CommandTimeout: 50 * time.Millisecond, BodyTimeout: 50 * time.Millisecond}
}

func startScripted(t *testing.T, options smtpsink.ScriptedOptions) (*smtpsink.Scripted, smtp.Server) {
	t.Helper()
	scripted, err := smtpsink.StartScripted(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(scripted.Close)
	return scripted, smtp.Server{Trusted: true, Host: scripted.Host, Port: scripted.Port, From: platform.From, TLS: smtp.TLSNone}
}

func startSink(t *testing.T, options smtpsink.Options) (*smtpsink.Sink, smtp.Server) {
	t.Helper()
	sink, err := smtpsink.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	server, err := smtp.ParseServer(sink.Secret(platform.From))
	if err != nil {
		t.Fatal(err)
	}
	server.Trusted = true
	return sink, server
}

// failure checks the properties of every error and returns it.
func failure(t *testing.T, err error) *channel.Error {
	t.Helper()
	failed, ok := errors.AsType[*channel.Error](err)
	if !ok {
		t.Fatalf("the error is %T: %v", err, err)
	}
	if failed.Class == "" || failed.Code == "" || failed.Message == "" || len(failed.Code) > 64 {
		t.Errorf("the error is incomplete: %+v", *failed)
	}
	if (failed.Class == configuration) && failed.Reason == "" {
		t.Errorf("a Configuration error without a reason: %+v", *failed)
	}
	for _, secret := range []string{"ada", "platform.example", "127.0.0.1", "hunter2", "\n"} {
		if strings.Contains(failed.Error()+failed.Code, secret) {
			t.Errorf("%q gives away %q", failed.Error(), secret)
		}
	}
	return failed
}

type outcome struct {
	class  usherv1.ErrorClass
	code   string
	reason string
	grey   bool
}

func outcomeOf(e *channel.Error) outcome { return outcome{e.Class, e.Code, e.Reason, e.Greylisted} }

// What each reply and each failure means, at every verb.
func TestSendClasses(t *testing.T) {
	const unreachable, auth, refused = usherv1.ReasonServerUnreachable, usherv1.ReasonAuthFailed, usherv1.ReasonMailRefused
	drop, reply := smtpsink.Answer{Drop: true}, smtpsink.Reply
	for _, test := range []struct {
		name string
		at   smtpsink.Verb
		then smtpsink.Answer
		want outcome
	}{
		{"busy", smtpsink.Greeting, reply(421, "4.3.2 too many connections from 127.0.0.1"), outcome{configuration, "421 4.3.2", unreachable, false}},
		{"not now", smtpsink.Greeting, reply(450, "later"), outcome{configuration, "450", unreachable, false}},
		{"no service", smtpsink.Greeting, reply(554, "5.7.1 no SMTP service here"), outcome{configuration, "554 5.7.1", unreachable, false}},
		{"dropped at once", smtpsink.Greeting, drop, outcome{temporary, "connection closed", unreachable, false}},
		{"no SMTP at all", smtpsink.Greeting, smtpsink.Answer{Raw: "+OK POP3 ready\r\n"}, outcome{temporary, "protocol", unreachable, false}},
		{"a web server", smtpsink.Greeting, smtpsink.Answer{Raw: "HTTP/1.1 400 Bad Request\r\n\r\n"}, outcome{temporary, "protocol", unreachable, false}},
		{"endless greeting", smtpsink.Greeting, smtpsink.Answer{Raw: strings.Repeat("220-hello\r\n", 200_000)}, outcome{temporary, "protocol", unreachable, false}},

		{"EHLO refused", smtpsink.EHLO, reply(550, "5.7.1 bad name"), outcome{configuration, "550 5.7.1", unreachable, false}},
		{"EHLO busy", smtpsink.EHLO, reply(421, "4.7.0 slow down"), outcome{configuration, "421 4.7.0", unreachable, false}},
		{"EHLO dropped", smtpsink.EHLO, drop, outcome{temporary, "connection closed", unreachable, false}},

		{"sender unknown", smtpsink.MAIL, reply(550, "5.1.0 <no-reply@platform.example> unknown"), outcome{configuration, "550 5.1.0", auth, false}},
		{"sender not ours", smtpsink.MAIL, reply(553, "5.7.1 not owned by user"), outcome{configuration, "553 5.7.1", auth, false}},
		{"sender: no enhanced code", smtpsink.MAIL, reply(501, "what?"), outcome{configuration, "501", auth, false}},
		{"authentication needed", smtpsink.MAIL, reply(530, "5.7.0 authentication required"), outcome{configuration, "530 5.7.0", auth, false}},
		{"encryption needed", smtpsink.MAIL, reply(538, "5.7.11 encryption required"), outcome{configuration, "538 5.7.11", auth, false}},
		{"no room", smtpsink.MAIL, reply(452, "4.3.1 insufficient storage"), outcome{temporary, "452 4.3.1", "", false}},
		{"MAIL greylisted", smtpsink.MAIL, reply(450, "4.7.1 come back"), outcome{temporary, "450 4.7.1", "", true}},
		{"MAIL dropped", smtpsink.MAIL, drop, outcome{temporary, "connection closed", "", false}},

		{"no such user", smtpsink.RCPT, reply(550, "5.1.1 <ada@acme.example>: user unknown"), outcome{permanent, "550 5.1.1", "", false}},
		{"not local", smtpsink.RCPT, reply(551, "5.1.6 user has moved"), outcome{permanent, "551 5.1.6", "", false}},
		{"mailbox full for good", smtpsink.RCPT, reply(552, "5.2.2 over quota"), outcome{temporary, "552 5.2.2", "", false}},
		{"mailbox name", smtpsink.RCPT, reply(553, "5.1.3 bad mailbox name"), outcome{permanent, "553 5.1.3", "", false}},
		{"recipient refused", smtpsink.RCPT, reply(554, "5.7.1 rejected"), outcome{configuration, "554 5.7.1", refused, false}},
		{"recipient syntax", smtpsink.RCPT, reply(501, "5.1.3 syntax"), outcome{permanent, "501 5.1.3", "", false}},
		{"takes no mail", smtpsink.RCPT, reply(556, "5.1.10 null MX"), outcome{permanent, "556 5.1.10", "", false}},
		{"sender refused late", smtpsink.RCPT, reply(553, "5.7.1 <no-reply@platform.example>: Sender address rejected: not owned by user"), outcome{configuration, "553 5.7.1", auth, false}},
		{"client refused late", smtpsink.RCPT, reply(554, "5.7.1 <x[192.0.2.1]>: Client host rejected: Access denied"), outcome{configuration, "554 5.7.1", refused, false}},
		{"our rate", smtpsink.RCPT, reply(550, "5.7.1 Daily sending limit exceeded"), outcome{temporary, "550 5.7.1", "", false}},
		{"no enhanced code", smtpsink.RCPT, reply(550, "no"), outcome{permanent, "550", "", false}},
		{"relay denied", smtpsink.RCPT, reply(554, "5.7.1 <ada@acme.example>: Relay access denied"), outcome{configuration, "554 5.7.1", auth, false}},
		{"RCPT needs authentication", smtpsink.RCPT, reply(530, "5.7.57 client not authenticated"), outcome{configuration, "530 5.7.57", auth, false}},
		{"RCPT out of order", smtpsink.RCPT, reply(503, "5.5.4 authenticate first"), outcome{configuration, "503 5.5.4", auth, false}},
		{"greylisted 450", smtpsink.RCPT, reply(450, "4.7.1 greylisted"), outcome{temporary, "450 4.7.1", "", true}},
		{"greylisted 451", smtpsink.RCPT, reply(451, "4.7.1 try again"), outcome{temporary, "451 4.7.1", "", true}},
		{"greylisted by postgrey", smtpsink.RCPT, reply(450, "4.2.0 <ada@acme.example>: Recipient address rejected: Greylisted"), outcome{temporary, "450 4.2.0", "", true}},
		{"mailbox busy", smtpsink.RCPT, reply(450, "4.2.1 mailbox busy"), outcome{temporary, "450 4.2.1", "", false}},
		{"local error", smtpsink.RCPT, reply(451, "4.3.0 local error"), outcome{temporary, "451 4.3.0", "", false}},
		{"full for now", smtpsink.RCPT, reply(452, "4.2.2 full"), outcome{temporary, "452 4.2.2", "", false}},
		{"shutting down", smtpsink.RCPT, smtpsink.Answer{Code: 421, Text: "4.3.2 bye", HangUp: true}, outcome{temporary, "421 4.3.2", "", false}},
		{"RCPT dropped", smtpsink.RCPT, drop, outcome{temporary, "connection closed", "", false}},
		{"RCPT garbled", smtpsink.RCPT, smtpsink.Answer{Raw: "\x00\x01\x02\r\n"}, outcome{temporary, "protocol", "", false}},
		{"a 3xx that is no answer", smtpsink.RCPT, reply(354, "go ahead"), outcome{temporary, "354", "", false}},

		{"DATA not now", smtpsink.DATA, reply(451, "4.3.5 later"), outcome{temporary, "451 4.3.5", "", false}},
		{"DATA refused", smtpsink.DATA, reply(554, "5.5.1 no valid recipients"), outcome{permanent, "554 5.5.1", "", false}},
		{"DATA dropped", smtpsink.DATA, drop, outcome{temporary, "connection closed", "", false}},

		{"content refused", smtpsink.Body, reply(554, "5.7.1 spam"), outcome{configuration, "554 5.7.1", refused, false}},
		{"content too large", smtpsink.Body, reply(552, "5.3.4 too big"), outcome{configuration, "552 5.3.4", refused, false}},
		{"recipient refused late", smtpsink.Body, reply(550, "5.1.1 unknown"), outcome{permanent, "550 5.1.1", "", false}},
		{"content greylisted", smtpsink.Body, reply(451, "4.7.1 greylisted"), outcome{temporary, "451 4.7.1", "", true}},
		{"queue full", smtpsink.Body, reply(452, "4.3.1 no space"), outcome{temporary, "452 4.3.1", "", false}},
		{"dropped after the dot", smtpsink.Body, drop, outcome{temporary, "connection closed", "", false}},
	} {
		t.Run(string(test.at)+"/"+test.name, func(t *testing.T) {
			_, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{test.at: test.then})})
			got := outcomeOf(failure(t, newChannel(t, timeouts).Send(t.Context(), server, invitation())))
			if got != test.want {
				t.Errorf("means %+v, want %+v", got, test.want)
			}
		})
	}
}

// The outcome is in doubt only if the whole mail was sent and no answer arrived.
func TestInDoubt(t *testing.T) {
	for _, test := range []struct {
		at   smtpsink.Verb
		then smtpsink.Answer
		want bool
	}{
		{smtpsink.RCPT, smtpsink.Answer{Drop: true}, false},
		{smtpsink.DATA, smtpsink.Answer{Drop: true}, false},
		{smtpsink.Body, smtpsink.Answer{Drop: true}, true},
		{smtpsink.Body, smtpsink.Answer{Raw: "what?\r\n"}, true},
		{smtpsink.Body, smtpsink.Answer{Hold: make(chan struct{})}, true},
		{smtpsink.Body, smtpsink.Reply(451, "4.3.0 no"), false},
		{smtpsink.Body, smtpsink.Reply(554, "5.7.1 no"), false},
	} {
		_, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{test.at: test.then})})
		options := timeouts
		if test.then.Hold != nil {
			options = impatient()
		}
		if got := failure(t, newChannel(t, options).Send(t.Context(), server, invitation())).InDoubt; got != test.want {
			t.Errorf("after %+v at %s, in doubt: %t", test.then, test.at, got)
		}
	}
}

// A server that stays silent at any verb costs no more than the timeout, and the mail is sent again.
func TestSendTimesOut(t *testing.T) {
	for _, at := range []smtpsink.Verb{smtpsink.Greeting, smtpsink.EHLO, smtpsink.MAIL, smtpsink.RCPT, smtpsink.DATA, smtpsink.Body} {
		t.Run(string(at), func(t *testing.T) {
			_, server := startScripted(t, silentAt(at))
			got := outcomeOf(failure(t, newChannel(t, impatient()).Send(t.Context(), server, invitation())))
			if want := (outcome{class: temporary, code: "timeout", reason: beforeMail(at)}); got != want {
				t.Errorf("means %+v, want %+v", got, want)
			}
		})
	}
}

// beforeMail is the reason of a failure at a verb that does not say more: before MAIL, it concerns the server.
func beforeMail(at smtpsink.Verb) string {
	if slices.Contains([]smtpsink.Verb{smtpsink.Greeting, smtpsink.EHLO, smtpsink.STARTTLS, smtpsink.AUTH}, at) {
		return usherv1.ReasonServerUnreachable
	}
	return ""
}

func TestSendEndsWithItsContext(t *testing.T) {
	for _, at := range []smtpsink.Verb{smtpsink.Greeting, smtpsink.EHLO, smtpsink.RCPT, smtpsink.Body} {
		t.Run("deadline at "+string(at), func(t *testing.T) {
			_, server := startScripted(t, silentAt(at))
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			got := outcomeOf(failure(t, newChannel(t, smtp.Options{}).Send(ctx, server, invitation())))
			if want := (outcome{class: temporary, code: "timeout", reason: beforeMail(at)}); got != want {
				t.Errorf("means %+v, want %+v", got, want)
			}
		})
		t.Run("cancelled at "+string(at), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, server := startScripted(t, smtpsink.ScriptedOptions{Script: func(event smtpsink.Event) smtpsink.Answer {
				if event.Verb != at {
					return smtpsink.Answer{}
				}
				cancel()
				return smtpsink.Answer{Hold: make(chan struct{})}
			}})
			got := outcomeOf(failure(t, newChannel(t, smtp.Options{}).Send(ctx, server, invitation())))
			if want := (outcome{class: temporary, code: "canceled"}); got != want {
				t.Errorf("means %+v, want %+v", got, want)
			}
		})
	}
}

// A handshake that the client cancels is not a TLS failure of the server.
func TestSendCancelledInTheHandshake(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, server := startScripted(t, silentAt(smtpsink.Greeting))
	server.TLS = smtp.TLSImplicit
	options := smtp.Options{Dial: func(ctx context.Context, network, address string, _ smtp.Control) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &onWrite{Conn: conn, do: cancel}, err
	}}
	got := outcomeOf(failure(t, newChannel(t, options).Send(ctx, server, invitation())))
	if want := (outcome{class: temporary, code: "canceled"}); got != want {
		t.Errorf("means %+v, want %+v", got, want)
	}
}

// onWrite calls do after each write, such as the first message of a TLS handshake.
type onWrite struct {
	net.Conn
	do func()
}

func (w *onWrite) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.do()
	return n, err
}

// No connection is ever left open: servers limit their number.
func TestEveryConnectionIsClosed(t *testing.T) {
	for _, at := range []smtpsink.Verb{
		smtpsink.Greeting, smtpsink.EHLO, smtpsink.AUTH, smtpsink.MAIL, smtpsink.RCPT, smtpsink.DATA, smtpsink.Body, smtpsink.QUIT, "nowhere",
	} {
		for name, then := range map[string]smtpsink.Answer{"refused": smtpsink.Reply(550, "no"), "dropped": {Drop: true}} {
			t.Run(string(at)+" "+name, func(t *testing.T) {
				_, server := startScripted(t, smtpsink.ScriptedOptions{
					Extensions: []string{"AUTH PLAIN"},
					Script:     smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{at: then}),
				})
				server.Username, server.Password = "usher", "hunter2"
				var opened net.Conn
				options := timeouts
				options.Dial = func(ctx context.Context, network, address string, _ smtp.Control) (conn net.Conn, err error) {
					opened, err = (&net.Dialer{}).DialContext(ctx, network, address)
					return opened, err
				}
				sender := newChannel(t, options)
				_ = sender.Send(t.Context(), server, invitation())
				sender.Close()
				if err := opened.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
					t.Errorf("the connection is still open: %v", err)
				}
			})
		}
	}
}

func silentAt(verb smtpsink.Verb) smtpsink.ScriptedOptions {
	return smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{verb: {Hold: make(chan struct{})}})}
}

// Once the server has replied 250 to the final dot, the mail is sent, whatever happens next.
func TestSendSucceedsOnceTheServerAccepts(t *testing.T) {
	for name, then := range map[string]smtpsink.Answer{
		"refused": smtpsink.Reply(421, "4.3.0 error"),
		"broken":  smtpsink.Reply(500, "5.5.1 unknown command"),
		"dropped": {Drop: true},
		"garbled": {Raw: "\x00\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			scripted, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{
				smtpsink.RSET: then, smtpsink.QUIT: then, smtpsink.NOOP: then,
			})})
			if err := newChannel(t, timeouts).Send(t.Context(), server, invitation()); err != nil {
				t.Errorf("an accepted mail is reported as %v", err)
			}
			if heard := verbs(scripted); !slices.Contains(heard, smtpsink.Body) {
				t.Errorf("the server heard %q", heard)
			}
		})
	}
	t.Run("hung up on", func(t *testing.T) {
		_, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{smtpsink.Body: {HangUp: true}})})
		if err := newChannel(t, timeouts).Send(t.Context(), server, invitation()); err != nil {
			t.Errorf("an accepted mail is reported as %v", err)
		}
	})
}

func verbs(scripted *smtpsink.Scripted) []smtpsink.Verb {
	var heard []smtpsink.Verb
	for _, event := range scripted.Heard() {
		heard = append(heard, event.Verb)
	}
	return heard
}

// The client sends QUIT to a server that refuses, so that the server need not wait.
func TestSendQuitsAfterARefusal(t *testing.T) {
	scripted, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{
		smtpsink.RCPT: smtpsink.Reply(550, "5.1.1 unknown"),
	})})
	sender := newChannel(t, timeouts)
	_ = failure(t, sender.Send(t.Context(), server, invitation()))
	sender.Close()
	want := []smtpsink.Verb{smtpsink.Greeting, smtpsink.EHLO, smtpsink.MAIL, smtpsink.RCPT, smtpsink.QUIT}
	if heard := verbs(scripted); !slices.Equal(heard, want) {
		t.Errorf("the server heard %q, want %q", heard, want)
	}
}

func TestSendCallsItselfByTheSendersDomain(t *testing.T) {
	for heloName, want := range map[string]string{"": "platform.example", "mail.platform.example": "mail.platform.example"} {
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{})
		server.HeloName = heloName
		if err := newChannel(t, timeouts).Send(t.Context(), server, invitation()); err != nil {
			t.Fatal(err)
		}
		if got := scripted.Heard()[1]; got.Verb != smtpsink.EHLO || got.Argument != want {
			t.Errorf("said %+v, want EHLO %s", got, want)
		}
	}
}

func TestUnreachableServers(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := closed.Addr().(*net.TCPAddr).Port
	_ = closed.Close()
	dialFails := func(err error) smtp.Options {
		return smtp.Options{Dial: func(context.Context, string, string, smtp.Control) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}}
	}
	const unreachable = usherv1.ReasonServerUnreachable
	for name, test := range map[string]struct {
		options smtp.Options
		want    outcome
	}{
		"refused":      {timeouts, outcome{temporary, "connection refused", unreachable, false}},
		"unknown host": {dialFails(&net.DNSError{Err: "no such host", Name: "smtp.platform.example", IsNotFound: true}), outcome{configuration, "unknown host", unreachable, false}},
		"DNS is down":  {dialFails(&net.DNSError{Err: "server misbehaving", Name: "smtp.platform.example", IsTemporary: true}), outcome{temporary, "DNS", unreachable, false}},
		"no route":     {dialFails(errors.New("no route to host")), outcome{temporary, "unreachable", unreachable, false}},
		"black hole": {smtp.Options{DialTimeout: time.Millisecond, Dial: func(ctx context.Context, _, _ string, _ smtp.Control) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, outcome{temporary, "timeout", unreachable, false}},
	} {
		t.Run(name, func(t *testing.T) {
			server := smtp.Server{Trusted: true, Host: "127.0.0.1", Port: port, From: platform.From, TLS: smtp.TLSNone}
			if got := outcomeOf(failure(t, newChannel(t, test.options).Send(t.Context(), server, invitation()))); got != test.want {
				t.Errorf("Send means %+v, want %+v", got, test.want)
			}
			if got := outcomeOf(failure(t, newChannel(t, test.options).Probe(t.Context(), server))); got != test.want {
				t.Errorf("Probe means %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestSendWithAWrongSender(t *testing.T) {
	failed := failure(t, newChannel(t, timeouts).Send(t.Context(), smtp.Server{Host: "127.0.0.1", Port: 1, From: "no-address"}, invitation()))
	if failed.Class != configuration {
		t.Errorf("means %+v", outcomeOf(failed))
	}
}
