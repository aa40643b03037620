// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-dev/usher/internal/channel/smtp"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

func TestParseServer(t *testing.T) {
	authority, err := smtpsink.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	ca := authority.PEM()
	least := smtp.Server{Host: "smtp.acme.example", Port: 587, From: "Acme <no-reply@acme.example>", TLS: smtp.TLSStart}
	with := func(change func(*smtp.Server)) smtp.Server {
		server := least
		change(&server)
		return server
	}
	for name, test := range map[string]struct {
		set  map[string]string
		want smtp.Server
	}{
		"the least":            {nil, least},
		"line breaks":          {map[string]string{"host": "smtp.acme.example\n", "port": "587\r\n", "tls": "StartTLS\n", "from": " Acme <no-reply@acme.example>\n"}, least},
		"empty optional keys":  {map[string]string{"port": "", "username": "", "password": "", "tls": "", "ca.crt": "\n", "heloName": ""}, least},
		"port":                 {map[string]string{"port": "2525"}, with(func(s *smtp.Server) { s.Port = 2525 })},
		"implicit":             {map[string]string{"tls": "Implicit"}, with(func(s *smtp.Server) { s.TLS = smtp.TLSImplicit })},
		"none":                 {map[string]string{"tls": "None"}, with(func(s *smtp.Server) { s.TLS = smtp.TLSNone })},
		"credentials":          {map[string]string{"username": "u\n", "password": " p w \n"}, with(func(s *smtp.Server) { s.Username, s.Password = "u", " p w " })},
		"ca":                   {map[string]string{"ca.crt": string(ca)}, with(func(s *smtp.Server) { s.CA = ca })},
		"rate limit":           {map[string]string{"rateLimit": "60\n"}, with(func(s *smtp.Server) { s.RateLimit = 60 })},
		"connections":          {map[string]string{"connections": "3\n"}, with(func(s *smtp.Server) { s.MaxConnections = 3 })},
		"auth":                 {map[string]string{"auth": "PLAIN\n", "username": "u", "password": "p"}, with(func(s *smtp.Server) { s.Username, s.Password, s.Auth = "u", "p", "PLAIN" })},
		"auth by itself":       {map[string]string{"auth": "Auto"}, least},
		"from with a joiner":   {map[string]string{"from": "نامه\u200cها <a@acme.example>"}, with(func(s *smtp.Server) { s.From = "نامه\u200cها <a@acme.example>" })},
		"no rate limit":        {map[string]string{"rateLimit": ""}, least},
		"helo name":            {map[string]string{"heloName": "mail.acme.example"}, with(func(s *smtp.Server) { s.HeloName = "mail.acme.example" })},
		"helo address":         {map[string]string{"heloName": "[192.0.2.1]"}, with(func(s *smtp.Server) { s.HeloName = "[192.0.2.1]" })},
		"helo address 6":       {map[string]string{"heloName": "[IPv6:2001:db8::1]"}, with(func(s *smtp.Server) { s.HeloName = "[IPv6:2001:db8::1]" })},
		"host address":         {map[string]string{"host": "192.0.2.1"}, with(func(s *smtp.Server) { s.Host = "192.0.2.1" })},
		"host address 6":       {map[string]string{"host": "[2001:db8::1]"}, with(func(s *smtp.Server) { s.Host = "2001:db8::1" })},
		"host short":           {map[string]string{"host": "postfix"}, with(func(s *smtp.Server) { s.Host = "postfix" })},
		"host outside ASCII":   {map[string]string{"host": "smtp.société.example"}, with(func(s *smtp.Server) { s.Host = "smtp.xn--socit-esab.example" })},
		"host with a dot":      {map[string]string{"host": "SMTP.acme.example."}, least},
		"from without a name":  {map[string]string{"from": "no-reply@acme.example"}, with(func(s *smtp.Server) { s.From = "no-reply@acme.example" })},
		"from outside ASCII":   {map[string]string{"from": "Zoé <zoé@acme.example>"}, with(func(s *smtp.Server) { s.From = "Zoé <zoé@acme.example>" })},
		"from quoted by comma": {map[string]string{"from": `"Acme, Inc." <a@acme.example>`}, with(func(s *smtp.Server) { s.From = `"Acme, Inc." <a@acme.example>` })},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := smtp.ParseServer(secret(test.set))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.Transformer("fields", func(s smtp.Server) map[string]any {
				return map[string]any{"host": s.Host, "port": s.Port, "user": s.Username, "password": s.Password, "from": s.From,
					"tls": s.TLS, "ca": s.CA, "helo": s.HeloName, "rate": s.RateLimit,
					"auth": s.Auth, "connections": s.MaxConnections}
			})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Each error names the key and says what to write instead, and quotes no value.
func TestParseServerMistakes(t *testing.T) {
	const key = "MIIEvQIBADANBgkqhkiG9w0BAQ"
	for name, test := range map[string]struct {
		set  map[string]string
		want []string
	}{
		"nothing at all":           {map[string]string{"host": "", "from": ""}, []string{"it is not an SMTP Secret, since it has neither host nor from; name one"}},
		"no host":                  {map[string]string{"host": ""}, []string{`"host": is missing; write`}},
		"no sender":                {map[string]string{"from": " "}, []string{`"from": is missing; write`}},
		"a long password":          {map[string]string{"username": "u", "password": strings.Repeat("hunter2", 1<<10)}, []string{`"password": has 7 KiB; it may have at most 4`}},
		"a long ca":                {map[string]string{"ca.crt": strings.Repeat("hunter2\n", 1<<16)}, []string{`"ca.crt": has 512 KiB; it may have at most 256`}},
		"host with a scheme":       {map[string]string{"host": "smtp://hunter2.example"}, []string{`"host"`, "without a scheme"}},
		"host with a port":         {map[string]string{"host": "hunter2.example:587"}, []string{`"host"`, `goes into the key "port"`}},
		"host with spaces":         {map[string]string{"host": "hunter2 example"}, []string{`"host"`, "smtp.example.com"}},
		"host with a user":         {map[string]string{"host": "ada@hunter2.example"}, []string{`"host"`}},
		"port that is no number":   {map[string]string{"port": "hunter2"}, []string{`"port"`, "1 to 65535"}},
		"port 0":                   {map[string]string{"port": "0"}, []string{`"port"`}},
		"port too high":            {map[string]string{"port": "65536"}, []string{`"port"`}},
		"negative port":            {map[string]string{"port": "-1"}, []string{`"port"`}},
		"username alone":           {map[string]string{"username": "hunter2"}, []string{`"password": is missing`, `"username"`}},
		"password alone":           {map[string]string{"password": "hunter2"}, []string{`"username": is missing`, `"password"`}},
		"password of two lines":    {map[string]string{"username": "u", "password": "hunter2\nx"}, []string{`"password"`, "one line"}},
		"username of two lines":    {map[string]string{"username": "hunter2\nx", "password": "p"}, []string{`"username"`, "one line"}},
		"from without a domain":    {map[string]string{"from": "hunter2"}, []string{`"from"`, "Acme <no-reply@acme.example>"}},
		"from with two senders":    {map[string]string{"from": "hunter2@acme.example, b@acme.example"}, []string{`"from"`, "one sender"}},
		"from with a bare comma":   {map[string]string{"from": "hunter2, Inc. <a@acme.example>"}, []string{`"from"`, "double quotes"}},
		"from with a line break":   {map[string]string{"from": "hunter2\r\nBcc: x <a@acme.example>"}, []string{`"from"`}},
		"from that is very long":   {map[string]string{"from": strings.Repeat("hunter2", 1<<17) + "@acme.example"}, []string{`"from"`}},
		"from with a long address": {map[string]string{"from": strings.Repeat("a", 250) + "@acme.example"}, []string{`"from"`}},
		"tls in lower case":        {map[string]string{"tls": "starttls"}, []string{`"tls"`, "StartTLS (the default), Implicit or None"}},
		"tls: ssl":                 {map[string]string{"tls": "hunter2"}, []string{`"tls"`, "Implicit"}},
		"ca that is no PEM":        {map[string]string{"ca.crt": "hunter2"}, []string{`"ca.crt"`, "BEGIN CERTIFICATE"}},
		"ca that is a key":         {map[string]string{"ca.crt": "-----BEGIN PRIVATE KEY-----\n" + key + "\n-----END PRIVATE KEY-----\n"}, []string{`"ca.crt"`}},
		"helo name with spaces":    {map[string]string{"heloName": "hunter2 x"}, []string{`"heloName"`, "mail.acme.example"}},
		"helo with a line break":   {map[string]string{"heloName": "x\r\nMAIL FROM:<hunter2>"}, []string{`"heloName"`}},
		"helo address unclosed":    {map[string]string{"heloName": "[192.0.2.1"}, []string{`"heloName"`}},
		"helo no address":          {map[string]string{"heloName": "[hunter2]"}, []string{`"heloName"`}},
		"rate limit with a unit":   {map[string]string{"rateLimit": "60/hunter2"}, []string{`"rateLimit"`, "mails a minute from 1 to 60000", "leave it out"}},
		"rate limit of none":       {map[string]string{"rateLimit": "0"}, []string{`"rateLimit"`}},
		"rate limit too high":      {map[string]string{"rateLimit": "60001"}, []string{`"rateLimit"`}},
		"connections of none":      {map[string]string{"connections": "0"}, []string{`"connections"`, "connections at once from 1 to 100, such as 3", "leave it out"}},
		"connections in words":     {map[string]string{"connections": "hunter2"}, []string{`"connections"`}},
		"auth in small letters":    {map[string]string{"auth": "plain", "username": "u", "password": "p"}, []string{`"auth": must be Auto (the default) or one of SCRAM-SHA-256-PLUS`, "PLAIN, LOGIN"}},
		"auth of no mechanism":     {map[string]string{"auth": "hunter2", "username": "u", "password": "p"}, []string{`"auth"`}},
		"auth without a user":      {map[string]string{"auth": "PLAIN"}, []string{`"auth": needs the keys "username" and "password"`}},
		"host with a BOM":          {map[string]string{"host": "\ufeffhunter2.example"}, []string{`"host": has a byte order mark (U+FEFF) at the beginning, which is invisible; write`}},
		"password with a BOM":      {map[string]string{"username": "u", "password": "\ufeffhunter2"}, []string{`"password": has a byte order mark (U+FEFF) at the beginning`}},
		"password with a space":    {map[string]string{"username": "u", "password": "hunter2\u200b\n"}, []string{`"password": has a zero-width space (U+200B) at the end`}},
		"username with a hyphen":   {map[string]string{"username": "hun\u00adter2", "password": "p"}, []string{`"username": has a soft hyphen (U+00AD), which`}},
		"tls with a direction":     {map[string]string{"tls": "\u202eStartTLS"}, []string{`"tls": has the character U+202E at the beginning`}},
		"from with a BOM":          {map[string]string{"from": "\ufeffAcme <hunter2@acme.example>"}, []string{`"from": has a byte order mark`}},
		"ca with a BOM":            {map[string]string{"ca.crt": "\ufeff-----BEGIN CERTIFICATE-----\nhunter2"}, []string{`"ca.crt": has a byte order mark`}},
		"rate limit with a BOM":    {map[string]string{"rateLimit": "\ufeff60"}, []string{`"rateLimit": has a byte order mark`}},
		"UTF-16":                   {map[string]string{"host": "\xff\xfes\x00m\x00"}, []string{`"host": is not UTF-8 text; save it as UTF-8`}},
		"an unknown key":           {map[string]string{"pass": "hunter2"}, []string{"1 of its keys are none of host, port, username, password"}},
		"a key of the wrong case":  {map[string]string{"helo-name": "hunter2"}, []string{"1 of its keys are none of", "heloName"}},
		"several at once":          {map[string]string{"port": "x", "tls": "y", "user": "hunter2"}, []string{`"port"`, `"tls"`, "1 of its keys"}},
	} {
		t.Run(name, func(t *testing.T) {
			server, err := smtp.ParseServer(secret(test.set))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			for _, secret := range []string{"hunter2", key} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q quotes a value", err)
				}
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if server.Host != "" || server.Password != "" {
				t.Error("there is a server beside the error")
			}
		})
	}
}

func secret(set map[string]string) map[string][]byte {
	data := map[string][]byte{"host": []byte("smtp.acme.example"), "from": []byte("Acme <no-reply@acme.example>")}
	for key, value := range set {
		data[key] = []byte(value)
	}
	return data
}

func TestServerDomainAndMessageID(t *testing.T) {
	for from, want := range map[string]string{
		"Acme <no-reply@acme.example>": "acme.example",
		"no-reply@ACME.Example":        "acme.example",
		"a@société.example":            "xn--socit-esab.example",
		"no-host":                      "invalid",
	} {
		server := smtp.Server{From: from}
		if got := server.Domain(); got != want {
			t.Errorf("Domain of %s is %s, want %s", from, got, want)
		}
		if got := server.MessageID("uid.3"); got != "uid.3@"+want {
			t.Errorf("MessageID is %s", got)
		}
	}
}

func TestServerIsPrintedWithoutItsCredentials(t *testing.T) {
	server := smtp.Server{Host: "smtp.acme.example", Port: 587, Username: "ada", Password: "hunter2"}
	asJSON, err := json.Marshal(server)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(server), fmt.Sprintf("%+v %#v %s", server, server, &server), string(asJSON)} {
		if strings.Contains(printed, "hunter2") || strings.Contains(printed, "ada") {
			t.Errorf("printed as %s", printed)
		}
	}
}

// A tenant names a Secret that it may not read in an Account: the condition does not say what is in it.
func TestAttackTheKeysOfAnotherSecret(t *testing.T) {
	for name, test := range map[string]struct {
		data   map[string]string
		unsaid []string
	}{
		"a token":       {map[string]string{"token": "hunter2", "ca.crt": "hunter2", "namespace": "hunter2"}, []string{"token", "ca.crt", "namespace"}},
		"keys of links": {map[string]string{"key-1": "hunter2", "key-2": "hunter2"}, []string{"key-"}},
		"a certificate": {map[string]string{"tls.crt": "hunter2", "tls.key": "hunter2"}, []string{"tls"}},
		"credentials":   {map[string]string{"email": "hunter2", "username": "\xff", "port": "hunter2"}, []string{"email", "username", "port"}},
		"a database":    {map[string]string{"host": "db", "port": "5432", "dbname": "hunter2", "pgpass": "hunter2"}, []string{"dbname", "pgpass"}},
	} {
		secret := map[string][]byte{}
		for key, value := range test.data {
			secret[key] = []byte(value)
		}
		_, err := smtp.ParseServer(secret)
		if err == nil {
			t.Fatalf("%s is an SMTP Secret", name)
		}
		for _, unsaid := range append(test.unsaid, "hunter2") {
			if strings.Contains(err.Error(), unsaid) {
				t.Errorf("%s: %q says %q", name, err, unsaid)
			}
		}
	}
}
