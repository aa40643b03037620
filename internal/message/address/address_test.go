// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package address_test

import (
	"strings"
	"testing"

	"github.com/usher-dev/usher/internal/message/address"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"ada@acme.example":       "ada@acme.example",
		"Ada.@ACME.Example.":     "Ada.@acme.example",
		"zoé@société.example":    "zoé@xn--socit-esab.example",
		"ada+usher@acme.example": "ada+usher@acme.example",
		"":                       "",
		"ada":                    "",
		"@acme.example":          "",
		"ada@":                   "",
		"ada@.":                  "",
		"ada@acme..example":      "",
		"ada love@acme.example":  "",
		"<ada@acme.example>":     "",
		"ada@x@acme.example":     "",
		"ada@acme.example\r\n":   "",
		"ada\u202e@acme.example": "",
		"\xff@acme.example":      "",
		strings.Repeat("a", 241) + "@acme.example": strings.Repeat("a", 241) + "@acme.example",
		strings.Repeat("a", 242) + "@acme.example": "",
		strings.Repeat("é", 130) + "@acme.example": "",
	} {
		got, err := address.Parse(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.40q is parsed as %.40q: %v", in, got, err)
		}
	}
}

func TestInbox(t *testing.T) {
	const inbox = "zoé@xn--socit-esab.example"
	for _, spelling := range []string{"zoé@société.example", "ZOÉ@Société.Example", "zoé@xn--socit-esab.example", "zoé@société.example."} {
		if got := address.Inbox(spelling); got != inbox {
			t.Errorf("the inbox of %s is %s, want %s", spelling, got, inbox)
		}
	}
	for _, other := range []string{"zoe@société.example", "zoé@societe.example", "zoé+x@société.example"} {
		if address.Inbox(other) == inbox {
			t.Errorf("%s has the inbox of another address", other)
		}
	}
	if got := address.Inbox("NO address"); got != "no address" {
		t.Errorf("what is no address becomes %q", got)
	}
}
