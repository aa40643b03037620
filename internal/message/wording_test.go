// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/message/catalogue"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// own are the least templates that an account can have.
func own() map[string]string {
	return map[string]string{
		"en-GB.invitation.subject": "Come in, {{.Name}}\n",
		"en-GB.invitation.txt":     "{{if .Name}}Dear {{.Name}}{{else}}Hello{{end}},\n\n{{.Link}}\n\nuntil {{.Expires}}.\n",
		"en-GB.invitation.html":    `<p>Dear {{.Name}}</p><p><a href="{{.Link}}">Come in</a></p>`,
	}
}

func wording(t *testing.T, data map[string]string) message.Wording {
	t.Helper()
	read, mistakes := message.ParseWording(data)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return read
}

func TestWordingIsUsedWhereItIs(t *testing.T) {
	i := invitation()
	_, usual := compose(t, i)
	i.Wording = wording(t, own())
	_, read := compose(t, i)
	if read.Subject != "Come in, Ada Lovelace" || read.Text != "Dear Ada Lovelace,\r\n\r\n"+i.Link+"\r\n\r\nuntil 29 November 2026 at 14:05 UTC.\r\n" ||
		read.HTML != `<p>Dear Ada Lovelace</p><p><a href="`+i.Link+`">Come in</a></p>` {
		t.Errorf("the account's own mail is %q\n%s\n%s", read.Subject, read.Text, read.HTML)
	}
	if got, want := slices.Sorted(maps.Keys(read.Header)), slices.Sorted(maps.Keys(usual.Header)); !slices.Equal(got, want) {
		t.Errorf("its headers are %q, want %q", got, want)
	}

	for name, change := range map[string]func(*message.Invitation){
		"another language": func(i *message.Invitation) { i.Language = "fr" },
		"a reminder":       func(i *message.Invitation) { i.Reminder = true },
	} {
		other := invitation()
		change(&other)
		_, want := compose(t, other)
		other.Wording = i.Wording
		if _, got := compose(t, other); got.Text != want.Text || got.HTML != want.HTML || got.Subject != want.Subject {
			t.Errorf("%s is not worded by Usher", name)
		}
	}

	i.Wording = wording(t, map[string]string{
		"en-GB.reminder.txt":  "Remember {{.Link}}",
		"en-GB.reminder.html": `<a href="{{.Link}}">Remember</a>`,
	})
	i.Reminder = true
	if _, read := compose(t, i); read.Text != "Remember "+i.Link || !strings.HasPrefix(read.Subject, "Reminder: Acme SAS") {
		t.Errorf("the account's own reminder is %q: %q", read.Subject, read.Text)
	}
}

// languages returns the tags of all languages, as a mistake lists them.
func languages() string {
	var tags []string
	for _, tag := range catalogue.All().Tags() {
		tags = append(tags, string(tag))
	}
	return strings.Join(tags, ", ")
}

func TestWordingSaysWhatIsWrongAndWhere(t *testing.T) {
	const text, page, subject = "en-GB.invitation.txt", "en-GB.invitation.html", "en-GB.invitation.subject"
	for name, test := range map[string]struct{ key, source, want string }{
		"does not parse":            {text, "Hello\n{{.Name}\n{{.Link}}", "key en-GB.invitation.txt, line 2: "},
		"an if without its end":     {page, "{{if .Name}}", "key en-GB.invitation.html, line 1: unexpected EOF"},
		"unknown variable":          {text, "Hello\n\n{{.Nayme}}\n{{.Link}}", "key en-GB.invitation.txt, line 3: there is no variable .Nayme; there are .Account, .Name, .Role, "},
		"in a branch not taken":     {page, "{{if eq .Name \"x\"}}\n{{.Nayme}}\n{{end}}", "line 2: there is no variable .Nayme"},
		"unknown variable in an if": {text, "{{if .Nayme}}{{.Link}}{{end}}", "line 1: there is no variable .Nayme"},
		"a method":                  {text, "{{.Name.Foo}}{{.Link}}", "there is no variable .Name.Foo"},
		"everything at once":        {text, "{{.}}{{.Link}}", "line 1: . is neither a variable nor"},
		"unknown function":          {text, "{{.Link}}\n{{printf \"%1000000000d\" 1}}", `line 2: function "printf" not defined`},
		"unknown function in HTML":  {page, "\n\n{{html .Name}}", `line 3: function "html" not defined`},
		"a loop":                    {text, "{{.Link}}{{range 1000000000}}x{{end}}", "line 1: only text, variables and {{if}} may stand in a mail"},
		"with":                      {text, "{{.Link}}\n{{with .Name}}x{{end}}", "line 2: only text, variables and {{if}}"},
		"recursion":                 {text, `{{define "x"}}{{template "x"}}{{template "x"}}{{end}}{{template "x"}}{{.Link}}`, "defines templates"},
		"a call":                    {text, `{{template "x"}}{{.Link}}`, "only text, variables and {{if}}"},
		"a variable of its own":     {text, "{{$x := .Name}}{{.Link}}", "no variables of its own and no pipes"},
		"a pipe":                    {text, "{{.Name | not}}{{.Link}}", "no variables of its own and no pipes"},
		"too many values":           {text, "{{if not .Name .Role}}{{end}}{{.Link}}", "not is given too few or too many values"},
		"too few values":            {text, "{{if eq .Name}}{{end}}{{.Link}}", "eq is given too few or too many values"},
		"a truth compared":          {text, "{{if eq (not .Name) .Role}}{{end}}{{.Link}}", "eq compares a variable with a text"},
		"an argument":               {text, "{{.Name .Role}}{{.Link}}", "takes no arguments"},
		"a number":                  {text, "{{if eq .Name 1}}{{end}}{{.Link}}", "1 is neither a variable nor a text in quotation marks"},
		"no link in the text":       {text, "Hello {{.Name}}", "key en-GB.invitation.txt: lacks the link; write {{.Link}}"},
		"a link within words":       {text, "Here:{{.Link}}.", "lacks the link; write {{.Link}} on a line of its own"},
		"no link for the unknown":   {text, "{{if .Name}}{{.Link}}{{end}}", "key en-GB.invitation.txt: lacks the link"},
		"no link in the HTML":       {page, "<p>{{.Link}}</p>", `key en-GB.invitation.html: lacks the link; write <a href="{{.Link}}">`},
		"a link in a comment":       {page, `<!-- <a href="{{.Link}}">x</a> -->`, "lacks the link"},
		"half an attribute":         {page, "<p>\n<a href=\"{{.Link}}\">{{if .Name}}\"{{end}}<b title='{{if .Role}}'{{end}}>", "key en-GB.invitation.html, line 2: {{if}} branches end in different contexts"},
		"a subject of two lines":    {subject, "Hello\n{{.Name}}", "key en-GB.invitation.subject: a subject is one line of text"},
		"an empty subject":          {subject, "{{if .Name}}Dear {{.Name}}{{end}}", "key en-GB.invitation.subject: a subject is one line of text"},
		"empty":                     {text, " \n", "key en-GB.invitation.txt: is empty"},
		"too long a template":       {page, strings.Repeat("x", 65<<10), "key en-GB.invitation.html: has 65 KiB; a template has at most 64"},
		"unknown language":          {"tlh.invitation.txt", "x", "key tlh.invitation.txt: Usher writes no mails in this language; it is one of " + languages()},
		"too many actions":          {text, "{{.Link}}\n" + strings.Repeat("{{.Name}}", 200), "key en-GB.invitation.txt: has {{ 201 times; a template has it at most 200 times"},
		"too long an action":        {page, "\n{{if or \"}}\" " + strings.Repeat(" .Name", 200) + "}}{{end}}", "key en-GB.invitation.html, line 2: what stands between {{ and }} has at most 1024 bytes"},
		"too many conditions":       {text, "{{.Link}}\n" + strings.Repeat("{{if .Name}}", 17) + strings.Repeat("{{end}}", 17), "line 2: conditions and parentheses are nested more than 16 deep"},
		"a long else if":            {text, "{{.Link}}\n{{if .Name}}" + strings.Repeat("{{else if .Role}}", 16) + "{{end}}", "nested more than 16 deep"},
		"too many parentheses":      {page, "{{if " + strings.Repeat("(", 17) + ".Name" + strings.Repeat(")", 17) + "}}{{end}}", "line 1: conditions and parentheses are nested more than 16 deep"},
		"unknown mail":              {"fr.farewell.txt", "x", "key fr.farewell.txt: no such template; write <language>.invitation.<part>"},
		"unknown part":              {"fr.invitation.body", "x", "key fr.invitation.body: no such template"},
		"one body of two":           {"fr.invitation.txt", "{{.Link}}", "key fr.invitation.html: missing; write it as well, or remove the keys fr.invitation.txt and fr.invitation.subject"},
	} {
		t.Run(name, func(t *testing.T) {
			data := own()
			data[test.key] = test.source
			read, mistakes := message.ParseWording(data)
			if len(mistakes) != 1 || !strings.Contains(mistakes[0].String(), test.want) {
				t.Fatalf("the mistakes are %q, want one with %q", mistakes, test.want)
			}
			i := invitation()
			_, usual := compose(t, i)
			i.Wording = read
			_, got := compose(t, i)
			if theirs := strings.HasPrefix(got.Subject, "Come in"); theirs == strings.HasPrefix(test.key, "en-GB") {
				t.Errorf("with a mistake in %s the mail is %q", test.key, got.Subject)
			} else if !theirs && (got.Text != usual.Text || got.HTML != usual.HTML) {
				t.Error("a mail with a mistake in one part is not left to Usher whole")
			}
		})
	}
}

// ParseWording reports every mistake, not only the first, and a mistake in one mail does not affect the wording of another.
func TestWordingNamesEveryMistake(t *testing.T) {
	data := own()
	data["fr.invitation.txt"], data["fr.invitation.html"], data["de.reminder.txt"] = "{{.X}}", "{{.Y}}", "{{.Link}}"
	read, mistakes := message.ParseWording(data)
	var keys []string
	for _, m := range mistakes {
		keys = append(keys, m.Key)
	}
	if want := []string{"de.reminder.html", "fr.invitation.html", "fr.invitation.txt"}; !slices.Equal(keys, want) {
		t.Errorf("mistakes in %q, want %q", keys, want)
	}
	i := invitation()
	i.Wording = read
	if _, got := compose(t, i); got.Subject != "Come in, Ada Lovelace" {
		t.Errorf("a mistake in French costs the English mail its wording: %q", got.Subject)
	}
}

// hardest are templates that cost as much as any that are within the limits.
func hardest() map[string]string {
	data := map[string]string{}
	for _, language := range []string{"de", "en-GB", "en-US", "es", "fr"} {
		actions := strings.Repeat("<a title={{.Role}}>", 90) + strings.Repeat("{{if .Name}}", 16) + strings.Repeat("{{end}}", 16) +
			"{{if or" + strings.Repeat(" .Name", 160) + "}}{{end}}"
		data[language+".invitation.txt"] = actions + "\n{{.Link}}\n" + strings.Repeat("word ", 8<<10)
		data[language+".invitation.html"] = `<a href="{{.Link}}">x</a>` + actions + strings.Repeat("<p>x</p>", 6<<10)
	}
	return data
}

// What is within the limits is used, and parsing it takes a fraction of a second on a busy machine.
func TestWordingWithinTheLimitsIsCheap(t *testing.T) {
	data := hardest()
	if size := message.Size(data); size < 450<<10 {
		t.Fatalf("the templates have only %d bytes", size)
	}
	i := invitation()
	began := time.Now()
	i.Wording = wording(t, data)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("parsing %d bytes took %s", message.Size(data), took)
	} else {
		t.Logf("parsing %d bytes took %s", message.Size(data), took)
	}
	if _, read := compose(t, i); !strings.Contains(read.Text, "word word") {
		t.Errorf("the mail is not the account's: %.100s", read.Text)
	}
}

// A comment may be long, and what looks like an action in a comment or a text in quotation marks is none.
func TestWordingWithCommentsAndQuotes(t *testing.T) {
	data := own()
	data["en-GB.invitation.txt"] = "{{/* don't " + strings.Repeat("}} {{if x}} ", 150) + "*/}}{{- /* it's */ -}}" +
		"{{if eq .Name \"\\\"}}\" `}}`}}x{{end}}\n{{.Link}}"
	wording(t, data)
}

// Templates that are too long together are not read at all, and Usher words all mails.
func TestWordingIsNotReadIfItIsTooLong(t *testing.T) {
	data := hardest()
	for _, language := range []string{"it", "nl"} {
		data[language+".invitation.txt"], data[language+".invitation.html"] = data["fr.invitation.txt"], data["fr.invitation.html"]
	}
	read, mistakes := message.ParseWording(data)
	if len(mistakes) != 1 || mistakes[0].String() != fmt.Sprintf("has %d KiB; all templates together have at most 512", message.Size(data)>>10) {
		t.Errorf("the mistakes are %q", mistakes)
	}
	i := invitation()
	_, usual := compose(t, i)
	i.Wording = read
	if _, got := compose(t, i); got.Text != usual.Text {
		t.Errorf("the mail is not Usher's: %.100s", got.Text)
	}
	many := own()
	for n := range 200 {
		many[fmt.Sprint("key", n)] = ""
	}
	if _, mistakes := message.ParseWording(many); len(mistakes) != 1 || mistakes[0].String() != "has 203 keys; a ConfigMap of templates has at most 200" {
		t.Errorf("the mistakes are %q", mistakes)
	}
}

// If the account's mail is too long for one invitee, or lacks the link, this invitee gets Usher's mail.
func TestWordingThatFailsForOneInviteeIsLeftToUsher(t *testing.T) {
	data := own()
	data["en-GB.invitation.txt"] = strings.Repeat("word\n", 12_000) + strings.Repeat("{{.Name}}", 199) + "\n{{.Link}}"
	data["en-GB.invitation.html"] = `<a href="{{.Link}}">x</a>`
	i := invitation()
	i.Wording = wording(t, data)
	i.Name = strings.Repeat("ä", 256)
	if _, read := compose(t, i); strings.HasPrefix(read.Subject, "Come in") || read.Link() != i.Link {
		t.Errorf("a mail of endless length went out: %q", read.Subject)
	}
	data["en-GB.invitation.txt"] = "{{if ne .Role \"auditor\"}}{{.Link}}{{end}}"
	i = invitation()
	i.Role, i.Wording = "auditor", wording(t, data)
	if _, read := compose(t, i); read.Link() != i.Link {
		t.Error("a mail without its link went out")
	}
}

// The sample has no mistakes, and every mail in it is used.
func TestWordingOfTheSample(t *testing.T) {
	raw, err := os.ReadFile("../../config/samples/templates.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var sample corev1.ConfigMap
	if err := yaml.UnmarshalStrict(raw, &sample); err != nil {
		t.Fatal(err)
	}
	i := invitation()
	i.Wording = wording(t, sample.Data)
	for _, reminder := range []bool{false, true} {
		i.Reminder = reminder
		if _, read := compose(t, i); !strings.Contains(read.Text, "Acme Analytics") || !strings.Contains(read.HTML, "Acme Analytics") {
			t.Errorf("reminder %t: the sample is not used", reminder)
		}
	}
}

// hostileNames are names that try to become more than a name.
var hostileNames = []string{
	"Ada\r\nBcc: all@acme.example", `<script>alert("x")</script><img src=x>`, `" onmouseover="x" style="`, "--></title><b>",
	"{{.Link}}", "Ada \u202egro.live", "=?utf-8?q?x?=", "https://evil.example", "`${x}`", "javascript:alert(1)", "شيماء",
}

// For every template, parsing ends, mails stay mails, and the name of an invitee stays a name.
func FuzzWording(f *testing.F) {
	least := own()
	f.Add(least["en-GB.invitation.subject"], least["en-GB.invitation.txt"], least["en-GB.invitation.html"])
	for _, page := range []string{
		`<a href="{{.Link}}">x</a><script>var a = "{{.Name}}"; {{.Name}}</script>`,
		`<a href="{{.Link}}">x</a><style>p { color: {{.Name}} } /* {{.Name}} */</style><p style="color: {{.Name}}">`,
		`<a href="{{.Link}}" onclick="f('{{.Name}}')" title={{.Name}}>x</a><a href="{{.Name}}">y</a><a href="/?q={{.Name}}">z</a>`,
		`<a href={{.Link}}>{{if .Role}}<b{{else}}<i{{end}}>`, `<!-- {{.Name}} --><textarea>{{.Name}}</textarea><a href="{{.Link}}"`,
		`<title>{{.Name}}</title><a href="{{.Link}}">` + "`{{.Name}}`" + `</a><svg><a href="{{.Link}}"/></svg>`,
	} {
		f.Add("{{.Name}}", "{{.Link}}", page)
	}
	f.Add("Hi\r\nBcc: x@acme.example", "{{.Link}}\r\n.\r\nMAIL FROM:<x>", strings.Repeat("<p>", 1000)+`<a href="{{.Link}}">`)
	f.Add("{{\"\\r\\nBcc: x\"}}", "{{range 9}}{{.Link}}{{end}}", "{{((((.Name))))}}")
	f.Fuzz(func(t *testing.T, subject, text, page string) {
		read, mistakes := message.ParseWording(map[string]string{
			"en-GB.invitation.subject": subject, "en-GB.invitation.txt": text, "en-GB.invitation.html": page,
		})
		for _, m := range mistakes {
			if s := m.String(); len(s) > 2000 || strings.ContainsAny(s, "\r\n") || !strings.Contains(s, "en-GB.invitation.") {
				t.Errorf("a mistake is told as %q", s)
			}
		}
		i := invitation()
		_, usual := compose(t, i)
		i.Wording = read
		var tags []string
		for _, name := range append([]string{"Ada"}, hostileNames...) {
			i.Name = name
			raw, got := compose(t, i)
			if keys := slices.Sorted(maps.Keys(got.Header)); !slices.Equal(keys, slices.Sorted(maps.Keys(usual.Header))) {
				t.Fatalf("headers are %q", keys)
			}
			if strings.ContainsAny(got.Subject, "\r\n\x00") || got.Subject == "" {
				t.Fatalf("subject is %q", got.Subject)
			}
			if !slices.Contains(got.Links(), i.Link) || len(raw) > 1<<20 {
				t.Fatalf("the mail has %d bytes and the links %q", len(raw), got.Links())
			}
			if len(mistakes) > 0 {
				return // Usher's own; see TestComposeWithHostileText
			}
			if strings.Contains(page, "eq ") || strings.Contains(page, "ne ") {
				continue // it may say something else for that name
			}
			if found := tagsOf(got); tags == nil {
				tags = found
			} else if !slices.Equal(found, tags) {
				t.Fatalf("the name %q changes the page's elements from %q to %q", name, tags, found)
			}
		}
	})
}

// tagsOf returns the tags of the page, each with the number of its attributes, in order. (Where a template has a variable within a tag's
// name, html/template accepts letters, and nothing that ends the name.)
func tagsOf(m smtpsink.Mail) []string {
	found := []string{}
	tokens := html.NewTokenizer(strings.NewReader(m.HTML))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return found
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			token := tokens.Token()
			found = append(found, fmt.Sprint(token.Type, len(token.Attr)))
		}
	}
}
