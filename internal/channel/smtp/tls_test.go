// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel/smtp"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// The same mail arrives over every kind of connection, with and without a password.
func TestSend(t *testing.T) {
	for _, encryption := range []smtpsink.Encryption{smtpsink.None, smtpsink.StartTLS, smtpsink.Implicit} {
		for _, username := range []string{"", "usher"} {
			name := string(encryption)
			if username != "" {
				name += " with a password"
			}
			t.Run(name, func(t *testing.T) {
				sink, server := startSink(t, smtpsink.Options{Encryption: encryption, Username: username, Password: " hunter2 é"})
				if err := newChannel(t, timeouts).Probe(t.Context(), server); err != nil {
					t.Fatal(err)
				}
				if mails := sink.Mails(); len(mails) != 0 {
					t.Errorf("the probe sent %d mails", len(mails))
				}
				if err := newChannel(t, timeouts).Send(t.Context(), server, invitation()); err != nil {
					t.Fatal(err)
				}
				mails := sink.Mails()
				if len(mails) != 1 {
					t.Fatalf("%d mails arrived", len(mails))
				}
				got := mails[0]
				if got.From != "no-reply@platform.example" || !slices.Equal(got.To, []string{"ada@acme.example"}) {
					t.Errorf("the envelope is %s to %q", got.From, got.To)
				}
				if got.MessageID != invitation().MessageID || got.Link() != invitation().Link || got.User != username {
					t.Errorf("arrived: %s, %s, by %q", got.MessageID, got.Link(), got.User)
				}
				if got.Encrypted != (encryption != smtpsink.None) {
					t.Errorf("encrypted: %t", got.Encrypted)
				}
			})
		}
	}
}

func TestSendManyAtOnce(t *testing.T) {
	sink, server := startSink(t, smtpsink.Options{Encryption: smtpsink.StartTLS})
	sender := newChannel(t, timeouts)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if err := sender.Send(t.Context(), server, invitation()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := len(sink.Mails()); got != 16 {
		t.Errorf("%d mails arrived", got)
	}
}

func TestTLSFailures(t *testing.T) {
	authority, err := smtpsink.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	certificates := map[string]smtpsink.Certificate{
		"good":       {},
		"expired":    {NotAfter: time.Now().Add(-time.Hour)},
		"other name": {Hosts: []string{"smtp.other.example"}},
	}
	for _, test := range []struct {
		name, certificate string
		trusted           bool
		hint              string
	}{
		{"unknown authority", "good", false, "ca.crt"},
		{"expired", "expired", true, "expired"},
		{"another name", "other name", true, `"host"`},
	} {
		for _, encryption := range []smtpsink.Encryption{smtpsink.StartTLS, smtpsink.Implicit} {
			t.Run(test.name+" with "+string(encryption), func(t *testing.T) {
				certificate, err := authority.Issue(certificates[test.certificate])
				if err != nil {
					t.Fatal(err)
				}
				sink, server := startSink(t, smtpsink.Options{Encryption: encryption, Certificate: &certificate, Username: "u", Password: "hunter2"})
				server.CA = nil
				if test.trusted {
					server.CA = authority.PEM()
				}
				wantTLSFailed(t, server, "certificate", test.hint)
				if sink.Connections() > 0 && len(sink.Mails()) > 0 {
					t.Error("a mail went out all the same")
				}
			})
		}
	}

	t.Run("STARTTLS is not offered", func(t *testing.T) {
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{Extensions: []string{"AUTH PLAIN"}})
		server.TLS, server.Username, server.Password = smtp.TLSStart, "u", "hunter2"
		wantTLSFailed(t, server, "no STARTTLS", "Implicit")
		for _, event := range scripted.Heard() {
			if event.Verb == smtpsink.AUTH || event.Verb == smtpsink.MAIL {
				t.Errorf("without encryption the server heard %s", event.Verb)
			}
		}
	})
	t.Run("TLS on a plain port", func(t *testing.T) {
		_, server := startScripted(t, smtpsink.ScriptedOptions{})
		server.TLS = smtp.TLSImplicit
		wantTLSFailed(t, server, "not TLS", "StartTLS")
	})
	t.Run("STARTTLS refused for good", func(t *testing.T) {
		server := startTLSAnswers(t, smtpsink.Reply(502, "5.5.1 not implemented"))
		wantTLSFailed(t, server, "502 5.5.1", "Implicit")
	})
	for name, test := range map[string]struct {
		then  smtpsink.Answer
		code  string
		class usherv1.ErrorClass
	}{
		"STARTTLS not now":          {smtpsink.Reply(454, "4.7.0 TLS not available"), "454 4.7.0", configuration},
		"dropped at STARTTLS":       {smtpsink.Answer{Drop: true}, "connection closed", temporary},
		"dropped in the handshake":  {smtpsink.Answer{Code: 220, Text: "go ahead", HangUp: true}, "connection closed", temporary},
		"garbage in the handshake":  {smtpsink.Answer{Raw: "220 go ahead\r\n500 what is this?\r\n500 what is this?\r\n"}, "TLS", temporary},
		"STARTTLS answered garbage": {smtpsink.Answer{Raw: "oops\r\n"}, "protocol", temporary},
		"something else than a 220": {smtpsink.Reply(250, "fine"), "250", temporary},
		"shutting down at STARTTLS": {smtpsink.Reply(421, "4.3.2 bye"), "421 4.3.2", configuration},
		"some other 4xx":            {smtpsink.Reply(450, "later"), "450", configuration},
	} {
		t.Run(name, func(t *testing.T) {
			err := newChannel(t, timeouts).Send(t.Context(), startTLSAnswers(t, test.then), invitation())
			if got, want := outcomeOf(failure(t, err)), (outcome{test.class, test.code, usherv1.ReasonServerUnreachable, false}); got != want {
				t.Errorf("means %+v, want %+v", got, want)
			}
		})
	}
}

func startTLSAnswers(t *testing.T, then smtpsink.Answer) smtp.Server {
	t.Helper()
	authority, err := smtpsink.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Issue(smtpsink.Certificate{})
	if err != nil {
		t.Fatal(err)
	}
	_, server := startScripted(t, smtpsink.ScriptedOptions{
		Certificate: &certificate,
		Script:      smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{smtpsink.STARTTLS: then}),
	})
	server.TLS, server.CA = smtp.TLSStart, authority.PEM()
	return server
}

func wantTLSFailed(t *testing.T, server smtp.Server, code, hint string) {
	t.Helper()
	want := outcome{configuration, code, usherv1.ReasonTLSFailed, false}
	for name, err := range map[string]error{
		"Send":  newChannel(t, timeouts).Send(t.Context(), server, invitation()),
		"Probe": newChannel(t, timeouts).Probe(t.Context(), server),
	} {
		failed := failure(t, err)
		if got := outcomeOf(failed); got != want || !strings.Contains(failed.Message, hint) {
			t.Errorf("%s means %+v, want %+v: %s", name, got, want, failed.Message)
		}
	}
}

// A trap of port 465: the server waits for TLS, and the client waits for the greeting.
func TestImplicitPortWithStartTLS(t *testing.T) {
	sink, server := startSink(t, smtpsink.Options{Encryption: smtpsink.Implicit})
	server.TLS = smtp.TLSStart
	failed := failure(t, newChannel(t, impatient()).Probe(t.Context(), server))
	if got, want := outcomeOf(failed), (outcome{temporary, "timeout", usherv1.ReasonServerUnreachable, false}); got != want {
		t.Errorf("means %+v, want %+v", got, want)
	}
	if len(sink.Mails()) > 0 {
		t.Error("a mail arrived")
	}
}

func TestAuthentication(t *testing.T) {
	t.Run("wrong password", func(t *testing.T) {
		for _, encryption := range []smtpsink.Encryption{smtpsink.None, smtpsink.StartTLS, smtpsink.Implicit} {
			_, server := startSink(t, smtpsink.Options{Encryption: encryption, Username: "usher", Password: "right"})
			server.Password = "hunter2"
			wantAuthFailed(t, server, "535 5.7.8")
		}
	})
	t.Run("password missing", func(t *testing.T) {
		_, server := startSink(t, smtpsink.Options{Encryption: smtpsink.StartTLS, Username: "usher", Password: "right"})
		server.Username, server.Password = "", ""
		if got, want := outcomeOf(failure(t, newChannel(t, timeouts).Send(t.Context(), server, invitation()))),
			(outcome{configuration, "530 5.7.0", usherv1.ReasonAuthFailed, false}); got != want {
			t.Errorf("means %+v, want %+v", got, want)
		}
	})
	for _, test := range []struct {
		name       string
		extensions []string
		then       smtpsink.Answer
		code       string
	}{
		{"none offered", nil, smtpsink.Answer{}, "no AUTH"},
		{"none that we know", []string{"AUTH GSSAPI NTLM"}, smtpsink.Answer{}, "no AUTH"},
		{"refused", []string{"AUTH PLAIN"}, smtpsink.Reply(535, "5.7.8 no"), "535 5.7.8"},
		{"mechanism too weak", []string{"AUTH PLAIN"}, smtpsink.Reply(534, "5.7.9 too weak"), "534 5.7.9"},
		{"encryption needed", []string{"AUTH PLAIN"}, smtpsink.Reply(538, "5.7.11 encrypt"), "538 5.7.11"},
		{"any other 5xx", []string{"AUTH LOGIN"}, smtpsink.Reply(504, "5.5.4 unknown"), "504 5.5.4"},
		{"a challenge out of place", []string{"AUTH PLAIN"}, smtpsink.Reply(334, "aGVsbG8="), "AUTH"},
		{"a challenge that is not base64", []string{"AUTH LOGIN"}, smtpsink.Reply(334, "%%%"), "AUTH"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantAuthFailed(t, authAnswers(t, test.extensions, test.then), test.code)
		})
	}
	for name, test := range map[string]struct {
		then  smtpsink.Answer
		code  string
		class usherv1.ErrorClass
	}{
		"not now":      {smtpsink.Reply(454, "4.7.0 later"), "454 4.7.0", configuration},
		"dropped":      {smtpsink.Answer{Drop: true}, "connection closed", temporary},
		"shut down":    {smtpsink.Answer{Code: 421, Text: "4.3.2 bye", HangUp: true}, "421 4.3.2", configuration},
		"no SMTP":      {smtpsink.Answer{Raw: "?\r\n"}, "protocol", temporary},
		"out of range": {smtpsink.Reply(250, "what?"), "250", temporary},
	} {
		t.Run("may pass: "+name, func(t *testing.T) {
			err := newChannel(t, timeouts).Probe(t.Context(), authAnswers(t, []string{"AUTH PLAIN"}, test.then))
			if got, want := outcomeOf(failure(t, err)), (outcome{test.class, test.code, usherv1.ReasonServerUnreachable, false}); got != want {
				t.Errorf("means %+v, want %+v", got, want)
			}
		})
	}
}

func TestAuthenticationUsesTheStrongestMechanism(t *testing.T) {
	for offered, want := range map[string]string{
		"AUTH LOGIN":                                      "LOGIN",
		"AUTH LOGIN PLAIN":                                "PLAIN",
		"AUTH plain login":                                "PLAIN",
		"AUTH PLAIN LOGIN CRAM-MD5":                       "CRAM-MD5",
		"AUTH PLAIN CRAM-MD5 SCRAM-SHA-1":                 "SCRAM-SHA-1",
		"AUTH SCRAM-SHA-1 PLAIN SCRAM-SHA-256":            "SCRAM-SHA-256",
		"AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 GSSAPI":    "SCRAM-SHA-256", // there is no TLS here to bind to
		"AUTH GSSAPI XOAUTH2 NTLM LOGIN SCRAM-SHA-1-PLUS": "LOGIN",
	} {
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{
			Extensions: []string{offered},
			Script:     smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{smtpsink.AUTH: smtpsink.Reply(535, "5.7.8 no")}),
		})
		server.Username, server.Password = "usher", "hunter2"
		_ = failure(t, newChannel(t, timeouts).Probe(t.Context(), server))
		heard := scripted.Heard()[2]
		if mechanism, _, _ := strings.Cut(heard.Argument, " "); heard.Verb != smtpsink.AUTH || mechanism != want {
			t.Errorf("%s: used %s %s, want %s", offered, heard.Verb, mechanism, want)
		}
	}
}

func authAnswers(t *testing.T, extensions []string, then smtpsink.Answer) smtp.Server {
	t.Helper()
	_, server := startScripted(t, smtpsink.ScriptedOptions{
		Extensions: extensions,
		Script:     smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{smtpsink.AUTH: then}),
	})
	server.Username, server.Password = "usher", "hunter2"
	return server
}

func wantAuthFailed(t *testing.T, server smtp.Server, code string) {
	t.Helper()
	want := outcome{configuration, code, usherv1.ReasonAuthFailed, false}
	for name, err := range map[string]error{
		"Send":  newChannel(t, timeouts).Send(t.Context(), server, invitation()),
		"Probe": newChannel(t, timeouts).Probe(t.Context(), server),
	} {
		if got := outcomeOf(failure(t, err)); got != want {
			t.Errorf("%s means %+v, want %+v", name, got, want)
		}
	}
}

func TestAddressesOutsideASCII(t *testing.T) {
	i := invitation()
	i.To = "zoé@société.example"
	t.Run("with SMTPUTF8", func(t *testing.T) {
		sink, server := startSink(t, smtpsink.Options{SMTPUTF8: true})
		if err := newChannel(t, timeouts).Send(t.Context(), server, i); err != nil {
			t.Fatal(err)
		}
		if got := sink.Mails()[0]; !got.IsTo("zoé@xn--socit-esab.example") {
			t.Errorf("went to %q", got.To)
		}
	})
	t.Run("without it", func(t *testing.T) {
		_, server := startSink(t, smtpsink.Options{})
		if got, want := outcomeOf(failure(t, newChannel(t, timeouts).Send(t.Context(), server, i))),
			(outcome{class: permanent, code: "no SMTPUTF8"}); got != want {
			t.Errorf("means %+v, want %+v", got, want)
		}
	})
	t.Run("only the domain", func(t *testing.T) {
		sink, server := startSink(t, smtpsink.Options{})
		i.To = "zoe@société.example"
		if err := newChannel(t, timeouts).Send(t.Context(), server, i); err != nil {
			t.Fatal(err)
		}
		if got := sink.Mails()[0]; !got.IsTo("zoe@xn--socit-esab.example") {
			t.Errorf("went to %q", got.To)
		}
	})
	t.Run("the sender", func(t *testing.T) {
		_, server := startSink(t, smtpsink.Options{})
		server.From = "zoé@acme.example"
		if got, want := outcomeOf(failure(t, newChannel(t, timeouts).Send(t.Context(), server, invitation()))),
			(outcome{configuration, "no SMTPUTF8", usherv1.ReasonAuthFailed, false}); got != want {
			t.Errorf("means %+v, want %+v", got, want)
		}
	})
	t.Run("asked for only where needed", func(t *testing.T) {
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{Extensions: []string{"SMTPUTF8", "8BITMIME"}})
		for _, to := range []string{"ada@acme.example", "zoé@acme.example"} {
			i.To = to
			if err := newChannel(t, timeouts).Send(t.Context(), server, i); err != nil {
				t.Fatal(err)
			}
		}
		var asked []bool
		for _, event := range scripted.Heard() {
			if event.Verb == smtpsink.MAIL {
				asked = append(asked, strings.Contains(event.Argument, "SMTPUTF8"))
			}
		}
		if !slices.Equal(asked, []bool{false, true}) {
			t.Errorf("SMTPUTF8 asked for: %v", asked)
		}
	})
}
