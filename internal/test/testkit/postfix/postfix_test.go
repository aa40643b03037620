// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package postfix_test

import (
	"errors"
	"strconv"
	"testing"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/channel/smtp"
	"github.com/usher-dev/usher/internal/test/testkit/postfix"
)

// start starts a Postfix for one test, or skips it.
func start(t *testing.T, options postfix.Options) *postfix.Postfix {
	t.Helper()
	if why := postfix.Missing(); why != "" {
		t.Skip(why)
	}
	p, err := postfix.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.Log())
		}
		p.Close()
	})
	return p
}

func parse(t *testing.T, data map[string][]byte) smtp.Server {
	t.Helper()
	server, err := smtp.ParseServer(data)
	if err != nil {
		t.Fatal(err)
	}
	server.Trusted = true
	return server
}

func TestProbe(t *testing.T) {
	p := start(t, postfix.Options{})
	sender := smtp.New(smtp.Options{})
	t.Cleanup(sender.Close)
	for name, test := range map[string]struct {
		change func(map[string][]byte)
		reason string
	}{
		"as it is":          {func(map[string][]byte) {}, ""},
		"implicit TLS":      {func(d map[string][]byte) { d["port"], d["tls"] = itoa(p.ImplicitPort), []byte("Implicit") }, ""},
		"wrong password":    {func(d map[string][]byte) { d["password"] = []byte("wrong") }, usherv1.ReasonAuthFailed},
		"unknown user":      {func(d map[string][]byte) { d["username"] = []byte("who@postfix.example") }, usherv1.ReasonAuthFailed},
		"unknown authority": {func(d map[string][]byte) { delete(d, "ca.crt") }, usherv1.ReasonTLSFailed},
		"no TLS there":      {func(d map[string][]byte) { d["tls"] = []byte("Implicit") }, usherv1.ReasonTLSFailed},
		"another name":      {func(d map[string][]byte) { d["host"] = []byte("127.0.0.2") }, usherv1.ReasonServerUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			data := p.Secret("Acme <no-reply@acme.example>")
			test.change(data)
			err := sender.Probe(t.Context(), parse(t, data))
			var failed *channel.Error
			switch {
			case test.reason == "" && err != nil:
				t.Error(err)
			case test.reason != "" && (!errors.As(err, &failed) || failed.Reason != test.reason):
				t.Errorf("means %+v, want %s", failed, test.reason)
			}
		})
	}

}

func itoa(n int) []byte { return []byte(strconv.Itoa(n)) }
