// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel/smtp"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// keeping returns options with which a conversation is kept for longer than any test lasts.
func keeping() smtp.Options {
	options := timeouts
	options.IdleTimeout = time.Hour
	return options
}

// send sends one mail, which must succeed.
func send(t *testing.T, sender *smtp.Channel, server smtp.Server) {
	t.Helper()
	if err := sender.Send(t.Context(), server, invitation()); err != nil {
		t.Fatal(err)
	}
}

// dialogues returns what a server has received, one line for each connection.
func dialogues(scripted *smtpsink.Scripted) []string {
	var lines []string
	for _, event := range scripted.Heard() {
		for len(lines) < event.Connection {
			lines = append(lines, "")
		}
		lines[event.Connection-1] += " " + string(event.Verb)
	}
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return lines
}

func wantDialogues(t *testing.T, scripted *smtpsink.Scripted, want ...string) {
	t.Helper()
	if got := dialogues(scripted); !slices.Equal(got, want) {
		t.Errorf("the server heard\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

const (
	hello   = "greeting EHLO"
	oneMail = " MAIL RCPT DATA body"
)

func TestConversationsAreKept(t *testing.T) {
	t.Run("for the next mail", func(t *testing.T) {
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{})
		sender := newChannel(t, keeping())
		for range 3 {
			send(t, sender, server)
		}
		wantDialogues(t, scripted, hello+oneMail+" NOOP"+oneMail+" NOOP"+oneMail)
		sender.Close()
		wantDialogues(t, scripted, hello+oneMail+" NOOP"+oneMail+" NOOP"+oneMail+" QUIT")
		send(t, sender, server) // a manager that is stopping finishes its mails
		if got := len(dialogues(scripted)); got != 2 {
			t.Errorf("after the end there were %d connections, want 2", got)
		}
	})
	t.Run("encrypted and authenticated", func(t *testing.T) {
		sink, server := startSink(t, smtpsink.Options{Encryption: smtpsink.StartTLS, Username: "usher", Password: "hunter2"})
		sender := newChannel(t, keeping())
		for range 3 {
			send(t, sender, server)
		}
		for _, m := range sink.Mails() {
			if !m.Encrypted || m.User != "usher" {
				t.Errorf("a mail came from %q, encrypted %t", m.User, m.Encrypted)
			}
		}
		// A Sink counts the EHLO before and after STARTTLS.
		if mails, connections := len(sink.Mails()), sink.Connections(); mails != 3 || connections > 2 {
			t.Errorf("%d mails over %d conversations", mails, connections)
		}
	})
	t.Run("until one has been used enough", func(t *testing.T) {
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{})
		options := keeping()
		options.MailsPerConversation = 2
		sender := newChannel(t, options)
		for range 3 {
			send(t, sender, server)
		}
		sender.Close()
		wantDialogues(t, scripted, hello+oneMail+" NOOP"+oneMail+" QUIT", hello+oneMail+" QUIT")
	})
	t.Run("a hundred times", func(t *testing.T) {
		sink, server := startSink(t, smtpsink.Options{})
		sender := newChannel(t, keeping())
		for range 101 {
			send(t, sender, server)
		}
		if got := sink.Connections(); got != 2 {
			t.Errorf("101 mails took %d connections, want 2", got)
		}
	})
	t.Run("not when idle for long", func(t *testing.T) {
		gone := make(chan struct{})
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{Script: func(event smtpsink.Event) smtpsink.Answer {
			if event.Verb == smtpsink.QUIT {
				close(gone)
			}
			return smtpsink.Answer{}
		}})
		options := timeouts
		options.IdleTimeout = time.Millisecond
		send(t, newChannel(t, options), server)
		select {
		case <-gone:
		case <-time.After(10 * time.Second):
			t.Fatal("the conversation was never ended")
		}
		wantDialogues(t, scripted, hello+oneMail+" QUIT")
	})
	t.Run("beyond the context of the mail", func(t *testing.T) {
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{})
		sender := newChannel(t, keeping())
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			if err := sender.Send(ctx, server, invitation()); err != nil {
				t.Fatal(err)
			}
			cancel()
		}
		wantDialogues(t, scripted, hello+oneMail+" NOOP"+oneMail)
	})
}

// Servers that differ in anything that a conversation depends on share none. The sender may differ: each mail names it.
func TestConversationsAreNotMixedUp(t *testing.T) {
	scripted, server := startScripted(t, smtpsink.ScriptedOptions{Extensions: []string{"AUTH PLAIN"}})
	sender := newChannel(t, keeping())
	for _, change := range []func(*smtp.Server){
		func(*smtp.Server) {},
		func(s *smtp.Server) { s.Username, s.Password = "usher", "hunter2" },
		func(s *smtp.Server) { s.Username, s.Password = "usher", "hunter3" },
		func(s *smtp.Server) { s.HeloName = "mail.platform.example" },
		func(s *smtp.Server) { s.CA = []byte("another") },
	} {
		other := server
		change(&other)
		send(t, sender, other)
	}
	other := server
	other.From = "Another <another@platform.example>"
	send(t, sender, other)
	if got := len(dialogues(scripted)); got != 5 {
		t.Errorf("%d connections, want 5: %q", got, dialogues(scripted))
	}
}

// When a Secret changes, its conversations end, including those in use.
func TestForget(t *testing.T) {
	inUse, goOn := make(chan struct{}), make(chan struct{})
	scripted, server := startScripted(t, smtpsink.ScriptedOptions{Script: func(event smtpsink.Event) smtpsink.Answer {
		if event.Verb == smtpsink.DATA && event.Connection == 2 {
			close(inUse)
			return smtpsink.Answer{Hold: goOn}
		}
		return smtpsink.Answer{}
	}})
	sender := newChannel(t, keeping())
	send(t, sender, server)
	second := make(chan error)
	other := server
	other.HeloName = "other.example"
	go func() { second <- sender.Send(t.Context(), other, invitation()) }()
	<-inUse
	sender.Forget(server)
	sender.Forget(other)
	close(goOn)
	if err := <-second; err != nil {
		t.Error(err)
	}
	send(t, sender, server)
	sender.Close()
	wantDialogues(t, scripted, hello+oneMail+" QUIT", hello+oneMail+" QUIT", hello+oneMail+" QUIT")
}

// onSecondMail accepts the first mail, and then gives that answer to a verb on the same connection.
func onSecondMail(at smtpsink.Verb, then smtpsink.Answer) smtpsink.ScriptedOptions {
	var first atomic.Bool
	return smtpsink.ScriptedOptions{Script: func(event smtpsink.Event) smtpsink.Answer {
		switch {
		case event.Connection == 1 && event.Verb == at && first.Load():
			return then
		case event.Verb == smtpsink.Body:
			first.Store(true)
		}
		return smtpsink.Answer{}
	}}
}

// If an idle conversation breaks, the next mail does not fail.
func TestConversationsClosedWhileIdle(t *testing.T) {
	for name, test := range map[string]struct {
		at   smtpsink.Verb
		then smtpsink.Answer
		want string
	}{
		"421 to NOOP":            {smtpsink.NOOP, smtpsink.Answer{Code: 421, Text: "4.4.2 idle for too long", HangUp: true}, " NOOP"},
		"refused NOOP":           {smtpsink.NOOP, smtpsink.Reply(502, "5.5.1 no such command"), " NOOP QUIT"},
		"dropped at NOOP":        {smtpsink.NOOP, smtpsink.Answer{Drop: true}, " NOOP"},
		"garbled NOOP":           {smtpsink.NOOP, smtpsink.Answer{Raw: "\x00\r\n"}, " NOOP"},
		"silent at NOOP":         {smtpsink.NOOP, smtpsink.Answer{Hold: make(chan struct{})}, " NOOP"},
		"421 to MAIL":            {smtpsink.MAIL, smtpsink.Answer{Code: 421, Text: "4.3.2 shutting down", HangUp: true}, " NOOP MAIL"},
		"dropped at MAIL":        {smtpsink.MAIL, smtpsink.Answer{Drop: true}, " NOOP MAIL"},
		"421 after enough mails": {smtpsink.MAIL, smtpsink.Reply(421, "4.7.0 too many mails in one session"), " NOOP MAIL QUIT"},
		"hung up after the mail": {smtpsink.Body, smtpsink.Answer{HangUp: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			script := onSecondMail(test.at, test.then)
			if test.at == smtpsink.Body {
				script.Script = func(event smtpsink.Event) smtpsink.Answer {
					if event.Connection == 1 && event.Verb == smtpsink.Body {
						return test.then
					}
					return smtpsink.Answer{}
				}
			}
			scripted, server := startScripted(t, script)
			options := keeping()
			if test.then.Hold != nil {
				options.CommandTimeout = 50 * time.Millisecond
			}
			sender := newChannel(t, options)
			send(t, sender, server)
			send(t, sender, server)
			sender.Close()
			wantDialogues(t, scripted, hello+oneMail+test.want, hello+oneMail+" QUIT")
		})
	}
}

// The answer to a mail over a kept conversation counts: the mail is not sent twice.
func TestKeptConversationsAreBelieved(t *testing.T) {
	for name, test := range map[string]struct {
		at   smtpsink.Verb
		then smtpsink.Answer
		want outcome
	}{
		"MAIL greylisted": {smtpsink.MAIL, smtpsink.Reply(451, "4.7.1 come back"), outcome{temporary, "451 4.7.1", "", true}},
		"MAIL refused":    {smtpsink.MAIL, smtpsink.Reply(553, "5.7.1 not you"), outcome{configuration, "553 5.7.1", usherv1.ReasonAuthFailed, false}},
		"MAIL silent":     {smtpsink.MAIL, smtpsink.Answer{Hold: make(chan struct{})}, outcome{temporary, "timeout", "", false}},
		"421 to RCPT":     {smtpsink.RCPT, smtpsink.Reply(421, "4.3.2 bye"), outcome{temporary, "421 4.3.2", "", false}},
		"421 to DATA":     {smtpsink.DATA, smtpsink.Reply(421, "4.3.2 bye"), outcome{temporary, "421 4.3.2", "", false}},
		"421 to the dot":  {smtpsink.Body, smtpsink.Reply(421, "4.3.2 bye"), outcome{temporary, "421 4.3.2", "", false}},
		"dropped at RCPT": {smtpsink.RCPT, smtpsink.Answer{Drop: true}, outcome{temporary, "connection closed", "", false}},
		"dropped, dot":    {smtpsink.Body, smtpsink.Answer{Drop: true}, outcome{temporary, "connection closed", "", false}},
		"RCPT refused":    {smtpsink.RCPT, smtpsink.Reply(550, "5.1.1 unknown"), outcome{permanent, "550 5.1.1", "", false}},
	} {
		t.Run(name, func(t *testing.T) {
			scripted, server := startScripted(t, onSecondMail(test.at, test.then))
			options := keeping()
			if test.then.Hold != nil {
				options.CommandTimeout = 50 * time.Millisecond
			}
			sender := newChannel(t, options)
			send(t, sender, server)
			if got := outcomeOf(failure(t, sender.Send(t.Context(), server, invitation()))); got != test.want {
				t.Errorf("means %+v, want %+v", got, test.want)
			}
			if got := len(dialogues(scripted)); got != 1 {
				t.Errorf("%d connections, want 1", got)
			}
		})
	}
}

// After a refused recipient, the next mail uses the same connection; RSET resets the transaction.
func TestConversationsOutliveARefusedRecipient(t *testing.T) {
	const refusal = " MAIL RCPT"
	for name, test := range map[string]struct {
		refusals int
		reset    smtpsink.Answer
		want     []string
	}{
		"one":                  {1, smtpsink.Answer{}, []string{hello + refusal + " RSET" + oneMail + " QUIT"}},
		"RSET refused":         {1, smtpsink.Reply(500, "5.5.1 what?"), []string{hello + refusal + " RSET QUIT", hello + oneMail + " QUIT"}},
		"421 to RSET":          {1, smtpsink.Reply(421, "4.7.0 too many errors"), []string{hello + refusal + " RSET QUIT", hello + oneMail + " QUIT"}},
		"dropped at RSET":      {1, smtpsink.Answer{Drop: true}, []string{hello + refusal + " RSET", hello + oneMail + " QUIT"}},
		"not for ever":         {5, smtpsink.Answer{}, []string{hello + refusal + strings.Repeat(" RSET"+refusal, 4) + " QUIT", hello + oneMail + " QUIT"}},
		"and is checked after": {2, smtpsink.Answer{}, []string{hello + refusal + " RSET" + refusal + " RSET" + oneMail + " QUIT"}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			scripted, server := startScripted(t, smtpsink.ScriptedOptions{Script: func(event smtpsink.Event) smtpsink.Answer {
				switch {
				case event.Verb == smtpsink.RSET:
					return test.reset
				case event.Verb == smtpsink.RCPT && asked.Add(1) <= int32(test.refusals):
					return smtpsink.Reply(550, "5.1.1 unknown")
				}
				return smtpsink.Answer{}
			}})
			sender := newChannel(t, keeping())
			for range test.refusals {
				if got := failure(t, sender.Send(t.Context(), server, invitation())); got.Code != "550 5.1.1" {
					t.Errorf("refused with %s", got.Code)
				}
			}
			send(t, sender, server)
			sender.Close()
			wantDialogues(t, scripted, test.want...)
		})
	}
	t.Run("421 ends it", func(t *testing.T) {
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{
			smtpsink.RCPT: smtpsink.Reply(421, "4.3.2 bye"),
		})})
		sender := newChannel(t, keeping())
		_ = failure(t, sender.Send(t.Context(), server, invitation()))
		sender.Close()
		wantDialogues(t, scripted, hello+" MAIL RCPT QUIT")
	})
}

// Each of many mails at once has its own conversation, and their contents do not mix.
func TestConversationsOfManyAtOnce(t *testing.T) {
	sink, server := startSink(t, smtpsink.Options{})
	sender := newChannel(t, keeping())
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 25 {
				m := invitation()
				m.MessageID, m.To = fmt.Sprintf("%d.%d@platform.example", worker, i), fmt.Sprintf("p%d.%d@acme.example", worker, i)
				if err := sender.Send(t.Context(), server, m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	seen := map[string]bool{}
	for _, m := range sink.Mails() {
		local, _, _ := strings.Cut(m.MessageID, "@")
		if seen[m.MessageID] || len(m.To) != 1 || m.To[0] != "p"+local+"@acme.example" {
			t.Errorf("mail %s to %q", m.MessageID, m.To)
		}
		seen[m.MessageID] = true
	}
	if connections := sink.Connections(); len(seen) != 100 || connections > 4 {
		t.Errorf("%d mails over %d connections", len(seen), connections)
	}
}
