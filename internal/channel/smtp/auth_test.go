// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp_test

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
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

// secured starts a scripted server with STARTTLS, and a user.
func secured(t *testing.T, options smtpsink.ScriptedOptions) (*smtpsink.Scripted, smtp.Server) {
	t.Helper()
	authority, err := smtpsink.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Issue(smtpsink.Certificate{})
	if err != nil {
		t.Fatal(err)
	}
	options.Certificate = &certificate
	scripted, server := startScripted(t, options)
	server.TLS, server.CA, server.Username, server.Password = smtp.TLSStart, authority.PEM(), "usher", "hunter2"
	return scripted, server
}

// refusing refuses these mechanisms, and challenges those that wait for a challenge.
func refusing(then smtpsink.Answer, refused ...string) smtpsink.Script {
	return func(event smtpsink.Event) smtpsink.Answer {
		mechanism, _, _ := strings.Cut(event.Argument, " ")
		switch {
		case event.Verb == smtpsink.AUTH && slices.Contains(refused, mechanism):
			return then
		case event.Verb == smtpsink.AUTH && (mechanism == "CRAM-MD5" || mechanism == "LOGIN"):
			return smtpsink.Reply(334, base64.StdEncoding.EncodeToString([]byte("<1.2@scripted.example>")))
		}
		return smtpsink.Answer{}
	}
}

// attempts returns the mechanisms that were tried, one list for each connection.
func attempts(scripted *smtpsink.Scripted) (tried [][]string) {
	for _, event := range scripted.Heard() {
		for len(tried) < event.Connection {
			tried = append(tried, nil)
		}
		if mechanism, _, _ := strings.Cut(event.Argument, " "); event.Verb == smtpsink.AUTH {
			tried[event.Connection-1] = append(tried[event.Connection-1], mechanism)
		}
	}
	return tried
}

func TestAMechanismThatIsOfferedInVain(t *testing.T) {
	wrong := smtpsink.Reply(535, "5.7.8 no")
	for name, test := range map[string]struct {
		offered string
		refused []string
		then    smtpsink.Answer
		auth    string
		want    string
		fails   string
	}{
		"CRAM-MD5":                       {"CRAM-MD5 PLAIN", []string{"CRAM-MD5"}, wrong, "", "[[CRAM-MD5 PLAIN] [PLAIN]]", ""},
		"CRAM-MD5, and there is LOGIN":   {"CRAM-MD5 LOGIN", []string{"CRAM-MD5"}, wrong, "", "[[CRAM-MD5 LOGIN] [LOGIN]]", ""},
		"SCRAM, with others between":     {"SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN", []string{"SCRAM-SHA-1"}, wrong, "", "[[SCRAM-SHA-1 PLAIN] [PLAIN]]", ""},
		"not known after all":            {"PLAIN LOGIN", []string{"PLAIN"}, smtpsink.Reply(504, "5.5.4 what?"), "", "[[PLAIN LOGIN] [LOGIN]]", ""},
		"both refused":                   {"CRAM-MD5 PLAIN LOGIN", []string{"CRAM-MD5", "PLAIN"}, wrong, "", "[[CRAM-MD5 PLAIN] [CRAM-MD5 PLAIN]]", "535 5.7.8"},
		"a wrong password is sent once":  {"PLAIN LOGIN", []string{"PLAIN"}, wrong, "", "[[PLAIN] [PLAIN]]", "535 5.7.8"},
		"not now":                        {"CRAM-MD5 PLAIN", []string{"CRAM-MD5"}, smtpsink.Reply(454, "4.7.0 later"), "", "[[CRAM-MD5] [CRAM-MD5]]", "454 4.7.0"},
		"the server hangs up":            {"CRAM-MD5 PLAIN", []string{"CRAM-MD5"}, smtpsink.Answer{Code: 535, Text: "5.7.8 no", HangUp: true}, "", "[[CRAM-MD5] [PLAIN]]", "535 5.7.8"},
		"the Secret chooses":             {"CRAM-MD5 PLAIN LOGIN", nil, wrong, "LOGIN", "[[LOGIN] [LOGIN]]", ""},
		"the Secret chooses in vain":     {"CRAM-MD5 PLAIN", []string{"CRAM-MD5"}, wrong, "CRAM-MD5", "[[CRAM-MD5] [CRAM-MD5]]", "535 5.7.8"},
		"the Secret's is not offered":    {"PLAIN", nil, wrong, "CRAM-MD5", "[[] []]", "no CRAM-MD5"},
		"keywords and names in any case": {"plain Cram-Md5", nil, wrong, "", "[[CRAM-MD5] [CRAM-MD5]]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			scripted, server := secured(t, smtpsink.ScriptedOptions{Extensions: []string{"Auth " + test.offered}, Script: refusing(test.then, test.refused...)})
			server.Auth = test.auth
			sender := newChannel(t, timeouts)
			err := sender.Probe(t.Context(), server)
			switch {
			case test.fails == "" && err != nil:
				t.Error(err)
			case test.fails != "":
				if got := failure(t, err); got.Code != test.fails || got.Class != configuration {
					t.Errorf("means %+v, want %s", outcomeOf(got), test.fails)
				}
			}
			_ = sender.Probe(t.Context(), server)
			tried := attempts(scripted)
			if test.fails != "no CRAM-MD5" && len(tried) == 2 && fmt.Sprint(tried) != test.want {
				t.Errorf("tried %v, want %s", tried, test.want)
			}
			sender.Forget(server)
			_ = sender.Probe(t.Context(), server)
			if again := attempts(scripted); len(again[2]) > 0 && again[2][0] != tried[0][0] {
				t.Errorf("remembers %v of a Secret that has changed", again[2])
			}
		})
	}
}

// Without encryption, the password does not follow a mechanism that hides it.
func TestThePasswordIsNotSentInClearInstead(t *testing.T) {
	scripted, server := startScripted(t, smtpsink.ScriptedOptions{
		Extensions: []string{"AUTH CRAM-MD5 PLAIN LOGIN"}, Script: refusing(smtpsink.Reply(535, "5.7.8 no"), "CRAM-MD5"),
	})
	server.Username, server.Password = "usher", "hunter2"
	wantAuthFailed(t, server, "535 5.7.8")
	for _, tried := range attempts(scripted) {
		if fmt.Sprint(tried) != "[CRAM-MD5]" {
			t.Errorf("tried %v", tried)
		}
	}
}

// scram is the server's side of SCRAM-SHA-256 (RFC 5802) for the password hunter2.
type scram struct {
	iterations string
	clientBare string
	serverSaid string
}

func (s *scram) answer(line string) smtpsink.Answer {
	challenge := func(text string) smtpsink.Answer {
		return smtpsink.Reply(334, base64.StdEncoding.EncodeToString([]byte(text)))
	}
	raw, _ := base64.StdEncoding.DecodeString(line)
	said := string(raw)
	switch {
	case line == "*":
		return smtpsink.Reply(501, "5.7.0 cancelled")
	case strings.HasPrefix(said, "n,,"):
		s.clientBare = strings.TrimPrefix(said, "n,,")
		_, nonce, _ := strings.Cut(s.clientBare, ",r=")
		s.serverSaid = "r=" + nonce + "server,s=" + base64.StdEncoding.EncodeToString([]byte("salt")) + ",i=" + s.iterations
		return challenge(s.serverSaid)
	case strings.HasPrefix(said, "c="):
		without, proof, _ := strings.Cut(said, ",p=")
		salted, _ := pbkdf2.Key(sha256.New, "hunter2", []byte("salt"), 4096, sha256.Size)
		sign := func(key []byte, text string) []byte {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(text))
			return mac.Sum(nil)
		}
		all := s.clientBare + "," + s.serverSaid + "," + without
		key := sign(salted, "Client Key")
		stored := sha256.Sum256(key)
		for i, b := range sign(stored[:], all) {
			key[i] ^= b
		}
		if proof != base64.StdEncoding.EncodeToString(key) {
			return smtpsink.Reply(535, "5.7.8 wrong proof")
		}
		return challenge("v=" + base64.StdEncoding.EncodeToString(sign(sign(salted, "Server Key"), all)))
	}
	return smtpsink.Answer{}
}

func (s *scram) script(event smtpsink.Event) smtpsink.Answer {
	switch {
	case event.Verb == smtpsink.AUTH && strings.HasPrefix(event.Argument, "SCRAM"):
		return smtpsink.Reply(334, "")
	case event.Verb == smtpsink.Response:
		return s.answer(event.Argument)
	}
	return smtpsink.Answer{}
}

func TestSCRAM(t *testing.T) {
	for name, test := range map[string]struct{ iterations, code string }{
		"as many iterations as RFC 7677 asks for": {"4096", ""},
		"so many that a hash would take hours":    {"2147483647", "SCRAM"},
		"more than Usher computes":                {"100001", "SCRAM"},
		"so few that a proof can be tried out":    {"1", "SCRAM"},
		"fewer than RFC 7677 asks for":            {"4095", "SCRAM"},
		"more than a number":                      {"99999999999999999999", "SCRAM"},
		"less than none":                          {"-5", "SCRAM"},
		"no number":                               {"many", "SCRAM"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, server := startScripted(t, smtpsink.ScriptedOptions{Extensions: []string{"AUTH SCRAM-SHA-256"}, Script: (&scram{iterations: test.iterations}).script})
			server.Username, server.Password = "usher", "hunter2"
			err := newChannel(t, timeouts).Probe(t.Context(), server)
			if test.code == "" && err != nil {
				t.Error(err)
			}
			if test.code != "" {
				if got := failure(t, err); outcomeOf(got) != (outcome{configuration, test.code, usherv1.ReasonAuthFailed, false}) || !strings.Contains(got.Message, `"auth"`) {
					t.Errorf("means %+v: %s", outcomeOf(got), got.Message)
				}
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	t.Run("and PLAIN over TLS instead", func(t *testing.T) {
		scripted, server := secured(t, smtpsink.ScriptedOptions{Extensions: []string{"AUTH SCRAM-SHA-256 PLAIN"}, Script: (&scram{iterations: "2147483647"}).script})
		if err := newChannel(t, timeouts).Probe(t.Context(), server); err != nil {
			t.Error(err)
		}
		if got := fmt.Sprint(attempts(scripted)); got != "[[SCRAM-SHA-256 PLAIN]]" {
			t.Errorf("tried %s", got)
		}
	})
	t.Run("hashed once", func(t *testing.T) {
		s := &scram{iterations: "4096"}
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{Extensions: []string{"AUTH SCRAM-SHA-256"}, Script: func(event smtpsink.Event) smtpsink.Answer {
			if event.Verb == smtpsink.Response && s.serverSaid != "" && event.Argument != "*" {
				return smtpsink.Reply(334, base64.StdEncoding.EncodeToString([]byte(s.serverSaid)))
			}
			return s.script(event)
		}})
		server.Username, server.Password = "usher", "hunter2"
		_ = failure(t, newChannel(t, timeouts).Probe(t.Context(), server))
		responses := slices.DeleteFunc(verbs(scripted), func(v smtpsink.Verb) bool { return v != smtpsink.Response })
		if len(responses) > 3 {
			t.Errorf("answered %d challenges", len(responses))
		}
	})
}

// An endless sequence of challenges ends.
func TestChallengesAreBounded(t *testing.T) {
	scripted, server := startScripted(t, smtpsink.ScriptedOptions{Extensions: []string{"AUTH CRAM-MD5"}, Script: func(event smtpsink.Event) smtpsink.Answer {
		if event.Verb == smtpsink.AUTH || event.Verb == smtpsink.Response {
			return smtpsink.Reply(334, "aGVsbG8=")
		}
		return smtpsink.Answer{}
	}})
	server.Username, server.Password = "usher", "hunter2"
	_ = failure(t, newChannel(t, timeouts).Probe(t.Context(), server))
	if got := len(scripted.Heard()); got > 10 {
		t.Errorf("the server heard %d lines", got)
	}
}

func TestRepliesAreBounded(t *testing.T) {
	for name, raw := range map[string]string{
		"a line without an end": "250-" + strings.Repeat("x", 1<<19),
		"a long line":           "250 " + strings.Repeat("x", 14<<10) + "\r\n",
		"many lines":            strings.Repeat("250-AUTH PLAIN\r\n", 200) + "250 AUTH LOGIN\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{smtpsink.EHLO: {Raw: raw}})})
			if got := failure(t, newChannel(t, timeouts).Probe(t.Context(), server)); got.Code != "protocol" {
				t.Errorf("means %+v", outcomeOf(got))
			}
		})
	}
}

// Extensions are known in any case, and by an old way to write AUTH. A server without EHLO has none.
func TestExtensions(t *testing.T) {
	reply := func(lines ...string) smtpsink.Answer {
		return smtpsink.Answer{Raw: "250-x\r\n250-" + strings.Join(lines[:len(lines)-1], "\r\n250-") + "\r\n250 " + lines[len(lines)-1] + "\r\n"}
	}
	for name, test := range map[string]struct {
		ehlo smtpsink.Answer
		auth bool
		want string
	}{
		"in any case": {reply("smtputf8", "8BitMime", "auth Plain"), true, "AUTH PLAIN MAIL BODY=8BITMIME SMTPUTF8"},
		"old":         {reply("SMTPUTF8", "AUTH=PLAIN"), true, "AUTH PLAIN MAIL SMTPUTF8"},
		"both ways":   {reply("AUTH=NTLM", "AUTH PLAIN", "SMTPUTF8"), true, "AUTH PLAIN MAIL SMTPUTF8"},
		"short":       {smtpsink.Answer{Raw: "250-x\r\n250-SMTPUTF8\r\n250\r\n"}, false, "MAIL SMTPUTF8"},
	} {
		t.Run(name, func(t *testing.T) {
			scripted, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{smtpsink.EHLO: test.ehlo})})
			if test.auth {
				server.Username, server.Password = "usher", "hunter2"
			}
			i := invitation()
			i.To = "zoé@acme.example"
			if err := newChannel(t, timeouts).Send(t.Context(), server, i); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, event := range scripted.Heard() {
				switch event.Verb {
				case smtpsink.AUTH:
					mechanism, _, _ := strings.Cut(event.Argument, " ")
					got = append(got, "AUTH", mechanism)
				case smtpsink.MAIL:
					_, parameters, _ := strings.Cut(event.Argument, " ")
					got = append(got, "MAIL", parameters)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("said %q, want %q", got, test.want)
			}
		})
	}
	t.Run("STARTTLS in small letters", func(t *testing.T) {
		_, server := startScripted(t, smtpsink.ScriptedOptions{Extensions: []string{"starttls"}, Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{
			smtpsink.STARTTLS: smtpsink.Reply(502, "5.5.1 no"),
		})})
		server.TLS = smtp.TLSStart
		wantTLSFailed(t, server, "502 5.5.1", "Implicit")
	})
}

// counting counts the connections that are open at once.
type counting struct {
	mu         sync.Mutex
	open, most int
}

func (c *counting) dial(ctx context.Context, network, address string, _ smtp.Control) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.open++
	c.most = max(c.most, c.open)
	c.mu.Unlock()
	return &counted{Conn: conn, end: sync.OnceFunc(func() {
		c.mu.Lock()
		c.open--
		c.mu.Unlock()
	})}, nil
}

type counted struct {
	net.Conn
	end func()
}

func (c *counted) Close() error {
	c.end()
	return c.Conn.Close()
}

// A server that allows so many connections at once never sees more: not while others are kept or being closed, nor for a probe.
func TestConnectionsAtOnce(t *testing.T) {
	for _, limit := range []int{1, 3} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			var asked atomic.Int32
			_, server := startScripted(t, smtpsink.ScriptedOptions{Script: func(event smtpsink.Event) smtpsink.Answer {
				switch {
				case event.Verb == smtpsink.QUIT:
					return smtpsink.Answer{Delay: 50 * time.Millisecond}
				case event.Verb == smtpsink.RCPT && asked.Add(1)%3 == 0:
					return smtpsink.Reply(421, "4.3.2 bye") // ends the conversation
				}
				return smtpsink.Answer{}
			}})
			server.MaxConnections = limit
			var count counting
			options := keeping()
			options.Dial = count.dial
			sender := newChannel(t, options)
			var group sync.WaitGroup
			for n := range 12 {
				group.Go(func() {
					if n%4 == 0 {
						if err := sender.Probe(t.Context(), server); err != nil {
							t.Error(err)
						}
						return
					}
					if err := sender.Send(t.Context(), server, invitation()); err != nil && !strings.Contains(err.Error(), "421") {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if count.most > limit || count.most == 0 {
				t.Errorf("%d connections at once, want at most %d", count.most, limit)
			}
			// A kept conversation makes room for a probe.
			for send := 0; send < 2; send++ {
				_ = sender.Send(t.Context(), server, invitation())
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := sender.Probe(ctx, server); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a mail waits for a place, and not for ever", func(t *testing.T) {
		held := make(chan struct{})
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{smtpsink.DATA: {Hold: held}})})
		server.MaxConnections = 1
		options := timeouts
		options.DialTimeout = 100 * time.Millisecond
		sender := newChannel(t, options)
		first := make(chan error)
		go func() { first <- sender.Send(t.Context(), server, invitation()) }()
		for !slices.Contains(verbs(scripted), smtpsink.DATA) {
			time.Sleep(time.Millisecond)
		}
		if got := failure(t, sender.Send(t.Context(), server, invitation())); got.Code != "busy" || got.Class != temporary {
			t.Errorf("means %+v", outcomeOf(got))
		}
		close(held)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}
