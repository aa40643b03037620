// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtpsink_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/wneessen/go-mail/smtp"
	"go.uber.org/goleak"

	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const text = "From: <a@acme.example>\r\nTo: <b@acme.example>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\nMessage-ID: <1@acme.example>\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n\r\nSee https://acme.example/i/1 or <http://acme.example/2>.\r\n"

func start(t *testing.T, options smtpsink.Options) *smtpsink.Sink {
	t.Helper()
	sink, err := smtpsink.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	return sink
}

// send sends a mail with the standard library's client.
func send(sink *smtpsink.Sink, to ...string) error {
	return smtp.SendMail(sink.String(), nil, "a@acme.example", to, []byte(text))
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestSinkKeepsMails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "inbox")
	sink := start(t, smtpsink.Options{Dir: dir})
	var group sync.WaitGroup
	for i := range 5 {
		group.Go(func() {
			if err := send(sink, fmt.Sprintf("b%d/..@acme.example", i)); err != nil {
				t.Error(err)
			}
		})
	}
	got, err := sink.AwaitMailTo(within(t), "B3/..@ACME.example")
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "Café" || got.MessageID != "1@acme.example" || got.From != "a@acme.example" || !bytes.Equal(got.Raw, []byte(text)) {
		t.Errorf("kept %+v", got)
	}
	if got.Link() != "https://acme.example/i/1" || len(got.Links()) != 2 {
		t.Errorf("links are %q", got.Links())
	}
	group.Wait()
	mails := sink.Mails()
	if len(mails) != 5 || len(sink.MailsTo("b0/..@acme.example")) != 1 || len(sink.MailsTo("nobody@acme.example")) != 0 {
		t.Errorf("%d mails kept", len(mails))
	}
	mails[0] = smtpsink.Mail{}
	if sink.Mails()[0].Raw == nil {
		t.Error("a caller can change the kept mails")
	}

	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 5 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for i, file := range files {
		if !strings.HasPrefix(file.Name(), fmt.Sprintf("%04d-b", i+1)) || !strings.HasSuffix(file.Name(), "_..@acme.example.eml") {
			t.Errorf("file %s", file.Name())
		}
		if raw, err := os.ReadFile(filepath.Join(dir, file.Name())); err != nil || string(raw) != text {
			t.Errorf("%s: %v\n%s", file.Name(), err, raw)
		}
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	sink := start(t, smtpsink.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sink.AwaitMailTo(ctx, "b@acme.example"); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestSinkFollowsItsScript(t *testing.T) {
	wait := make(chan struct{})
	for name, test := range map[string]struct {
		answers map[smtpsink.Verb]smtpsink.Answer
		code    int
		broken  bool
		kept    int
	}{
		"EHLO refused":           {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.EHLO: smtpsink.Reply(421, "4.3.2 busy")}, code: 421},
		"MAIL refused":           {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.MAIL: smtpsink.Reply(553, "5.7.1 not you")}, code: 553},
		"RCPT refused":           {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.RCPT: smtpsink.Reply(450, "4.7.1 later")}, code: 450},
		"RCPT dropped":           {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.RCPT: {Drop: true}}, broken: true},
		"body refused":           {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.Body: smtpsink.Reply(554, "no")}, code: 554},
		"body refused, but kept": {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.Body: {Code: 451, Text: "4.3.0 x", Keep: true}}, code: 451, kept: 1},
		"body dropped":           {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.Body: {Drop: true}}, broken: true},
		"body dropped, but kept": {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.Body: {Drop: true, Keep: true}}, broken: true, kept: 1},
		"accepted, then hung up": {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.Body: {HangUp: true}}, broken: true, kept: 1},
		"delayed":                {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.RCPT: {Delay: time.Millisecond}}, kept: 1},
		"held":                   {answers: map[smtpsink.Verb]smtpsink.Answer{smtpsink.RCPT: {Hold: wait}}, kept: 1},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "held" {
				time.AfterFunc(time.Millisecond, func() { close(wait) })
			}
			sink := start(t, smtpsink.Options{Script: smtpsink.On(test.answers)})
			err := send(sink, "b@acme.example")
			var reply *textproto.Error
			switch {
			case test.code != 0:
				if !errors.As(err, &reply) || reply.Code != test.code {
					t.Errorf("the client got %v, want %d", err, test.code)
				}
				if answer := test.answers[smtpsink.RCPT]; answer.Text != "" && reply != nil && reply.Msg != answer.Text {
					t.Errorf("the client got %q, want %q", reply.Msg, answer.Text)
				}
			case test.broken != (err != nil):
				t.Errorf("the client got %v", err)
			}
			if got := len(sink.Mails()); got != test.kept {
				t.Errorf("%d mails kept, want %d", got, test.kept)
			}
		})
	}
}

func TestCloseReleasesWhoIsHeld(t *testing.T) {
	heard := make(chan struct{})
	sink := start(t, smtpsink.Options{Script: func(event smtpsink.Event) smtpsink.Answer {
		if event.Verb != smtpsink.RCPT {
			return smtpsink.Answer{}
		}
		close(heard)
		return smtpsink.Answer{Hold: make(chan struct{})}
	}})
	result := make(chan error, 1)
	go func() { result <- send(sink, "b@acme.example") }()
	<-heard
	sink.Close()
	if err := <-result; err == nil {
		t.Error("the mail was accepted")
	}
	sink.Close()
}

func TestSinkWithTLSAndPassword(t *testing.T) {
	for _, encryption := range []smtpsink.Encryption{smtpsink.StartTLS, smtpsink.Implicit} {
		for _, mechanism := range []string{"PLAIN", "LOGIN"} {
			for _, password := range []string{"right", "wrong"} {
				t.Run(fmt.Sprint(encryption, mechanism, password), func(t *testing.T) {
					sink := start(t, smtpsink.Options{Encryption: encryption, Username: "u", Password: "right"})
					roots := x509.NewCertPool()
					if !roots.AppendCertsFromPEM(sink.CA()) {
						t.Fatal("no CA")
					}
					config := &tls.Config{RootCAs: roots, ServerName: sink.Host, MinVersion: tls.VersionTLS12}
					conn, err := net.Dial("tcp", sink.String())
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = conn.Close() }()
					if encryption == smtpsink.Implicit {
						conn = tls.Client(conn, config)
					}
					client, err := gosmtp.NewClient(conn, sink.Host)
					if err != nil {
						t.Fatal(err)
					}
					if encryption == smtpsink.StartTLS {
						if offered, _ := client.Extension("AUTH"); offered {
							t.Error("a password is asked for without encryption")
						}
						if err := client.StartTLS(config); err != nil {
							t.Fatal(err)
						}
					}
					if err := client.Mail("<a@acme.example>"); err == nil || !strings.HasPrefix(err.Error(), "530") {
						t.Errorf("without a password the answer is %v", err)
					}
					auth := gosmtp.PlainAuth("", "u", password, sink.Host, false)
					if mechanism == "LOGIN" {
						auth = gosmtp.LoginAuth("u", password, sink.Host, false)
					}
					err = client.Auth(auth)
					if password == "wrong" {
						var reply *textproto.Error
						if !errors.As(err, &reply) || reply.Code != 535 {
							t.Errorf("a wrong password is answered %v", err)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					if err := client.Mail("<a@acme.example>"); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

func TestParse(t *testing.T) {
	mail, err := smtpsink.Parse([]byte("Subject: x\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9 =\r\nau lait\r\n" +
		"--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+aGk8L2I+\r\n--b--\r\n"))
	if err != nil || mail.Text != "café au lait" || mail.HTML != "<b>hi</b>" {
		t.Errorf("text %q, HTML %q: %v", mail.Text, mail.HTML, err)
	}
	for name, raw := range map[string]string{
		"no header":       "\x00",
		"no content type": "Content-Type: x y\r\n\r\n",
		"cut off":         "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx",
		"bad base64":      "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%",
	} {
		if _, err := smtpsink.Parse([]byte(raw)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A Scripted server gives scripted replies at every verb.
func TestScripted(t *testing.T) {
	scripted, err := smtpsink.StartScripted(smtpsink.ScriptedOptions{Script: func(event smtpsink.Event) smtpsink.Answer {
		if event.Connection > 1 {
			return smtpsink.Answer{Drop: true}
		}
		switch event.Verb {
		case smtpsink.RSET:
			return smtpsink.Reply(451, "4.3.0 no")
		case smtpsink.QUIT:
			return smtpsink.Answer{Raw: "bye\r\n"}
		}
		return smtpsink.Answer{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer scripted.Close()
	conn, err := net.Dial("tcp", scripted.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	lines := bufio.NewReader(conn)
	for _, step := range []struct{ say, hear string }{
		{"", "220 "}, {"HELO x", "250-"}, {"", "250 "}, {"MAIL FROM:<a>", "250 "}, {"RCPT TO:<b>", "250 "}, {"DATA", "354 "},
		{"x\r\n.", "250 "}, {"RSET", "451 4.3.0 no"}, {"WHAT", "500 "}, {"QUIT", "bye"},
	} {
		if step.say != "" {
			if _, err := io.WriteString(conn, step.say+"\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		heard, err := lines.ReadString('\n')
		if err != nil || !strings.HasPrefix(heard, step.hear) {
			t.Fatalf("%q is answered %q: %v", step.say, heard, err)
		}
	}
	if _, err := lines.ReadString('\n'); err != io.EOF {
		t.Errorf("after QUIT: %v", err)
	}
	second, err := net.Dial("tcp", scripted.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	if n, err := second.Read(make([]byte, 1)); err == nil {
		t.Errorf("the second connection heard %d bytes", n)
	}
	if heard := scripted.Heard(); heard[1].Verb != smtpsink.EHLO || heard[1].Argument != "x" || heard[3].Argument != "TO:<b>" {
		t.Errorf("heard %+v", heard)
	}
}
