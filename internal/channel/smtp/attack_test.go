// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-dev/usher/internal/channel/smtp"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// metered counts the bytes that the client reads.
type metered struct {
	net.Conn
	read *atomic.Int64
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.read.Add(int64(n))
	return n, err
}

func meteredOptions(read *atomic.Int64) smtp.Options {
	options := timeouts
	options.Dial = func(ctx context.Context, network, address string, _ smtp.Control) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return metered{conn, read}, err
	}
	return options
}

// A server says more than any would, so that the client keeps it, splits it, or searches it.
func TestAttackAServerThatSaysTooMuch(t *testing.T) {
	long, at := strings.Repeat("a@", 6<<10), strings.Repeat("@", 12<<10)
	for name, test := range map[string]struct {
		verb smtpsink.Verb
		raw  string
	}{
		"long lines":       {smtpsink.EHLO, strings.Repeat("250-X"+strings.Repeat(" y", 6<<10)+"\r\n", 127) + "250 END\r\n"},
		"one extension":    {smtpsink.EHLO, strings.Repeat("250-AUTH "+strings.Repeat("PLAIN ", 2<<10)+"\r\n", 100) + "250 END\r\n"},
		"a greeting":       {smtpsink.Greeting, strings.Repeat("220-"+long+"\r\n", 100) + "220 x\r\n"},
		"text without end": {smtpsink.Greeting, "220-x\r\n" + strings.Repeat(long+"\r\n", 100)},
		"a refusal":        {smtpsink.MAIL, strings.Repeat("550-"+at+"\r\n", 100) + "550 x\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{test.verb: {Raw: test.raw}})})
			var read atomic.Int64
			began := time.Now()
			if got := failure(t, newChannel(t, meteredOptions(&read)).Send(t.Context(), server, invitation())); got.Code != "protocol" {
				t.Errorf("means %+v", outcomeOf(got))
			}
			if read.Load() > 128<<10 {
				t.Errorf("read %d bytes", read.Load())
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// What may be said is read in no time, whatever it is.
func TestAttackARefusalThatTakesLongToRead(t *testing.T) {
	for name, line := range map[string]string{
		"at signs": strings.Repeat("@", 6<<10), "addresses": strings.Repeat("a@b ", 1500), "brackets": strings.Repeat("<", 6<<10), "codes": strings.Repeat("5.1.1 ", 1<<10),
		"one word": strings.Repeat("a", 6<<10), "recipients": strings.Repeat("ada@acme.example", 380),
	} {
		t.Run(name, func(t *testing.T) {
			raw := strings.Repeat("550-"+line+"\r\n", 10) + "550 x\r\n"
			_, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{smtpsink.RCPT: {Raw: raw}})})
			began := time.Now()
			failed := failure(t, newChannel(t, timeouts).Send(t.Context(), server, invitation()))
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %s and means %+v", took, outcomeOf(failed))
			}
		})
	}
}

// A server asks for one iteration, to find the password out from the proof, or sends a challenge that is larger than any.
func TestAttackChallenges(t *testing.T) {
	for name, test := range map[string]struct {
		mechanism string
		script    smtpsink.Script
	}{
		"few iterations": {"SCRAM-SHA-256", (&scram{iterations: "1"}).script},
		"a long challenge": {"CRAM-MD5", func(event smtpsink.Event) smtpsink.Answer {
			switch event.Verb {
			case smtpsink.AUTH:
				line := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 6<<10)))
				return smtpsink.Answer{Raw: "334-" + line + "\r\n334 " + line + "\r\n"}
			case smtpsink.Response:
				return smtpsink.Reply(501, "5.7.0 cancelled")
			}
			return smtpsink.Answer{}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			scripted, server := startScripted(t, smtpsink.ScriptedOptions{Extensions: []string{"AUTH " + test.mechanism}, Script: test.script})
			server.Username, server.Password = "usher", "hunter2"
			_ = failure(t, newChannel(t, timeouts).Probe(t.Context(), server))
			for _, event := range scripted.Heard() {
				raw, _ := base64.StdEncoding.DecodeString(event.Argument)
				if len(event.Verb) > 10 || strings.Contains(string(raw), "p=") { // a Scripted server that answers raw takes a response for a command
					t.Errorf("the server got a proof: %v", event)
				}
			}
		})
	}
}

// A tenant has many servers, each of which gets one mail and keeps its conversation.
func TestAttackManyIdleConversations(t *testing.T) {
	const servers, kept = 12, 5
	options := timeouts
	options.IdleConversations = kept
	sender := newChannel(t, options)
	var all []*smtpsink.Scripted
	for range servers {
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{})
		if err := sender.Send(t.Context(), server, invitation()); err != nil {
			t.Fatal(err)
		}
		all = append(all, scripted)
	}
	quit := func() (ended []int) {
		for i, s := range all {
			for _, event := range s.Heard() {
				if event.Verb == smtpsink.QUIT {
					ended = append(ended, i)
				}
			}
		}
		return ended
	}
	want := fmt.Sprint([]int{0, 1, 2, 3, 4, 5, 6})
	for deadline := time.Now().Add(10 * time.Second); fmt.Sprint(quit()) != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the conversations with servers %v have ended, want %s", quit(), want)
		}
	}
}

// Each reply comes just in time, and the conversation ends all the same.
func TestAttackAServerThatIsSlowAllTheTime(t *testing.T) {
	answers := map[smtpsink.Verb]smtpsink.Answer{}
	for _, verb := range []smtpsink.Verb{smtpsink.Greeting, smtpsink.EHLO, smtpsink.MAIL, smtpsink.RCPT, smtpsink.DATA, smtpsink.Body} {
		answers[verb] = smtpsink.Answer{Delay: 150 * time.Millisecond}
	}
	_, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(answers)})
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	began := time.Now()
	got := failure(t, newChannel(t, timeouts).Send(ctx, server, invitation()))
	if took := time.Since(began); took > 5*time.Second || got.Code != "timeout" {
		t.Errorf("took %s and means %+v", took, outcomeOf(got))
	}
}
