// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/channel/smtp"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

func TestReach(t *testing.T) {
	for text, want := range map[string]struct{ allows, refuses string }{
		"": {
			"192.0.1.1:25 9.9.9.9:465 9.9.9.9:587 9.9.9.9:2525 [2606:4700::1]:587 [64:ff9b::909:909]:587 [::ffff:9.9.9.9]:25",
			"9.9.9.9:443 9.9.9.9:26 127.0.0.1:25 127.8.8.8:587 0.0.0.0:25 10.0.0.1:25 100.64.0.1:25 169.254.169.254:25 172.16.0.1:25 172.31.0.1:25 " +
				"192.168.1.1:25 198.18.0.1:25 224.0.0.1:25 255.255.255.255:25 192.0.2.1:25 [::1]:25 [::]:25 [fe80::1%eth0]:25 [fd00::1]:25 " +
				"[ff02::1]:25 [fec0::1]:25 [fd00:ec2::254]:25 [2001:db8::1]:25 [2002:7f00:1::1]:25 [::ffff:127.0.0.1]:25 [::127.0.0.1]:25 " +
				"[64:ff9b::7f00:1]:25 [64:ff9b::a9fe:a9fe]:587 [64:ff9b:1::1]:25 [2001::1]:25",
		},
		"10.1.0.0/16":                          {"10.1.2.3:25 10.1.2.3:2525 [::ffff:10.1.2.3]:587", "10.1.2.3:80 10.2.0.1:25 127.0.0.1:25"},
		"10.1.0.0/16:2526, 10.1.0.0/16:26":     {"10.1.2.3:2526 10.1.2.3:26", "10.1.2.3:25 9.9.9.9:2526"},
		"10.0.0.7":                             {"10.0.0.7:587", "10.0.0.8:587"},
		"10.0.0.7/8:*":                         {"10.0.0.8:1 10.9.9.9:65535", "11.0.0.1:1"},
		"127.0.0.1:* [::1]:*":                  {"127.0.0.1:1 [::1]:1", "127.0.0.2:1 [::2]:25"},
		"0.0.0.0/0:8025 ::/0":                  {"9.9.9.9:8025 [2606:4700::1]:587", "127.0.0.1:8025 10.0.0.1:8025 [::1]:587 [fd00::1]:587"},
		"0.0.0.0/0:*,[::/0]:*":                 {"9.9.9.9:1", "127.0.0.1:25 169.254.169.254:80 [::1]:25 [fe80::1]:25"},
		"fd00::/8,[fd00:1::/32]:2526":          {"[fd00::1]:25 [fd00:1::1]:2526", "[fd00:2::1]:2526 [fc00::1]:25"},
		"169.254.169.254:80":                   {"169.254.169.254:80", "169.254.169.253:80"},
		"192.168.0.0/16:25,2606:4700::/32,::1": {"192.168.0.1:25 [::1]:587", "192.168.0.1:587"},
	} {
		reach, err := smtp.ParseReach(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range strings.Fields(want.allows) {
			if !reach.Allows(netip.MustParseAddrPort(address)) {
				t.Errorf("%q does not allow %s", text, address)
			}
		}
		for _, address := range strings.Fields(want.refuses) {
			if reach.Allows(netip.MustParseAddrPort(address)) {
				t.Errorf("%q allows %s", text, address)
			}
		}
	}
}

func TestReachMistakes(t *testing.T) {
	for _, text := range []string{
		"smtp.acme.example", "10.0.0.0/33", "10.0.0.0/8:0", "10.0.0.0/8:65536", "10.0.0.0/8:smtp", "10.0.0.0/8:", "[::1", "[::1]25", "[::1]:", "::1:x", "25", "*",
	} {
		if _, err := smtp.ParseReach(text); err == nil || !strings.Contains(err.Error(), `"`+text+`"`) || !strings.Contains(err.Error(), "write 10.1.0.0/16") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Nothing but what is public is allowed unless it is named.
func TestReachOfNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		address := netip.AddrFrom16([16]byte(bytes))
		if rapid.Bool().Draw(t, "IPv4") {
			address = netip.AddrFrom4([4]byte(bytes[:4]))
		}
		if address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast() || address.IsMulticast() || address.IsUnspecified() ||
			!address.IsGlobalUnicast() {
			if (smtp.Reach{}).Allows(netip.AddrPortFrom(address, 587)) {
				t.Fatalf("allows %s", address)
			}
		}
	})
}

// A tenant's Secret leads to an address inside of the cluster, by whatever name, to learn from MailReady what is open there.
func TestAttackPortsThatATenantMayNotReach(t *testing.T) {
	open, server := startScripted(t, smtpsink.ScriptedOptions{})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	server.Trusted = false

	sender := newChannel(t, smtp.Options{CommandTimeout: time.Second})
	var first *channel.Error
	for name, at := range map[string]smtp.Server{
		"open": {Host: "127.0.0.1", Port: open.Port}, "silent": {Host: "127.0.0.1", Port: silent.Addr().(*net.TCPAddr).Port},
		"closed": {Host: "127.0.0.1", Port: closed}, "by name": {Host: "localhost", Port: open.Port}, "IPv6": {Host: "::1", Port: open.Port},
		"mapped": {Host: "::ffff:127.0.0.1", Port: open.Port}, "unspecified": {Host: "0.0.0.0", Port: open.Port},
		"metadata": {Host: "169.254.169.254", Port: 80}, "service": {Host: "10.96.0.1", Port: 443}, "a mail port": {Host: "10.96.0.1", Port: 25},
	} {
		at.From, at.TLS = server.From, server.TLS
		began := time.Now()
		failed := failure(t, sender.Probe(t.Context(), at))
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("%s takes %s", name, took)
		}
		if first == nil {
			first = failed
		}
		if *failed != *first || failed.Code != "not allowed" || !strings.Contains(failed.Message, "--smtp-allow") {
			t.Errorf("%s means %+v, another means %+v", name, *failed, *first)
		}
		if got := failure(t, sender.Send(t.Context(), at, invitation())); got.Message != failed.Message {
			t.Errorf("%s: a mail means %+v", name, *got)
		}
	}
	if heard := open.Heard(); len(heard) != 0 {
		t.Errorf("the server heard %v", heard)
	}

	if err := sender.Send(t.Context(), trusted(server), invitation()); err != nil {
		t.Errorf("the platform's own Secret may lead there: %v", err)
	}
	if got := failure(t, sender.Send(t.Context(), server, invitation())); got.Code != "not allowed" {
		t.Errorf("a tenant's mail goes through the platform's conversation: %+v", *got)
	}
	reach, err := smtp.ParseReach("127.0.0.1:*")
	if err != nil {
		t.Fatal(err)
	}
	if err := newChannel(t, smtp.Options{Reach: reach}).Send(t.Context(), server, invitation()); err != nil {
		t.Errorf("what the platform allows is not reached: %v", err)
	}
}

func trusted(server smtp.Server) smtp.Server {
	server.Trusted = true
	return server
}

// A name that resolved to a public address a moment ago resolves to another one when Usher connects: the address counts that is
// connected to.
func TestAttackANameThatIsBoundAnew(t *testing.T) {
	open, server := startScripted(t, smtpsink.ScriptedOptions{})
	server.Trusted, server.Host = false, "smtp.evil.example"
	rebound := smtp.Options{Dial: func(ctx context.Context, network, _ string, control smtp.Control) (net.Conn, error) {
		return (&net.Dialer{Control: control}).DialContext(ctx, network, open.String())
	}}
	if got := failure(t, newChannel(t, rebound).Probe(t.Context(), server)); got.Code != "not allowed" || len(open.Heard()) > 0 {
		t.Errorf("means %+v, and the server heard %v", *got, open.Heard())
	}
}

// Someone on the way removes STARTTLS: the message does not advise to send without encryption.
func TestAttackSTARTTLSIsStripped(t *testing.T) {
	for name, answers := range map[string]map[smtpsink.Verb]smtpsink.Answer{
		"not offered": {}, "refused": {
			smtpsink.EHLO:     smtpsink.Answer{Raw: "250-scripted.example\r\n250 STARTTLS\r\n"},
			smtpsink.STARTTLS: smtpsink.Reply(502, "5.5.1 not implemented"),
		},
	} {
		scripted, server := startScripted(t, smtpsink.ScriptedOptions{Script: smtpsink.On(answers)})
		server.TLS, server.Username, server.Password = smtp.TLSStart, "usher", "hunter2"
		failed := failure(t, newChannel(t, timeouts).Probe(t.Context(), server))
		if failed.Reason != "TLSFailed" || strings.Contains(failed.Message, "None") {
			t.Errorf("%s means %+v", name, *failed)
		}
		for _, want := range []string{"someone on the way", "ask"} {
			if !strings.Contains(failed.Message, want) {
				t.Errorf("%s: %q does not say %q", name, failed.Message, want)
			}
		}
		for _, event := range scripted.Heard() {
			if event.Verb == smtpsink.AUTH || event.Verb == smtpsink.MAIL {
				t.Errorf("%s: the server heard %v", name, event)
			}
		}
	}
}
