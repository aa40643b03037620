// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"unicode/utf8"

	"github.com/usher-dev/usher/internal/message/catalogue"
)

// catalogues are the languages that messages are written in.
var catalogues = catalogue.All()

//go:embed templates/*.tmpl
var templateFiles embed.FS

// The templates of each message.
var (
	invitationTemplates   = parseTemplates("invitation")
	expiryNoticeTemplates = parseTemplates("expirynotice")
	emailChangeTemplates  = parseTemplates("emailchange")
	passwordTemplates     = parseTemplates("password")
)

// templates are those of one message: its text, and what it puts into the HTML layout that all messages share.
type templates struct {
	name string
	text *texttemplate.Template
	html *htmltemplate.Template
}

func parseTemplates(name string) templates {
	return templates{
		name: name,
		text: texttemplate.Must(texttemplate.ParseFS(templateFiles, "templates/"+name+".txt.tmpl")),
		html: htmltemplate.Must(htmltemplate.ParseFS(templateFiles, "templates/layout.html.tmpl", "templates/"+name+".html.tmpl")),
	}
}

// textWidth is the maximum length of a line of the text part, in characters (RFC 3676 section 4.2 asks for 78 at most).
const textWidth = 72

// noBreakSpace keeps a telephone number on one line.
const noBreakSpace = "\u00a0"

// content is what a message says.
type content struct {
	subject, text, html string
}

// view is what the templates see.
type view struct {
	catalogue *catalogue.Catalogue
	values    map[string]string
	Link      string
	Reminder  bool
}

// textView returns sentences as wrapped paragraphs. htmlView returns them as segments, which the template escapes one by one.
type (
	textView struct{ view }
	htmlView struct{ view }
)

// Language is the tag of the language.
func (v view) Language() string { return string(v.catalogue.Tag) }

// Dir is the direction of writing, ltr or rtl.
func (v view) Dir() string { return v.catalogue.Dir }

// Start is the side that lines begin at.
func (v view) Start() string {
	if v.catalogue.Dir == "rtl" {
		return "right"
	}
	return "left"
}

// Has reports whether a placeholder has a value.
func (v view) Has(name string) bool { return v.values[name] != "" }

// Say returns a sentence of the catalogue.
func (v htmlView) Say(key string) (catalogue.Sentence, error) { return v.catalogue.Mail(key, v.values) }

// Say returns a sentence of the catalogue as a paragraph.
func (v textView) Say(key string) (string, error) {
	sentence, err := v.catalogue.Mail(key, v.values)
	if err != nil {
		return "", err
	}
	for i, s := range sentence {
		if s.Name != "" {
			sentence[i].Text = isolate(s.Text)
		}
	}
	return wrap(sentence.String()), nil
}

// render writes a message with a subject.
func (t templates) render(subject string, v view) (content, error) {
	var text, html strings.Builder
	if err := t.text.Execute(&text, textView{v}); err != nil {
		return content{}, fmt.Errorf("write the text of the %s: %w", t.name, err)
	}
	if err := t.html.Execute(&html, htmlView{v}); err != nil {
		return content{}, fmt.Errorf("write the HTML of the %s: %w", t.name, err)
	}
	return content{subject: subject, text: text.String(), html: html.String()}, nil
}

// unbroken returns a telephone number that stays on one line.
func unbroken(number string) string {
	return unlink(strings.ReplaceAll(OneLine(number), " ", noBreakSpace))
}

// wrap breaks a paragraph at spaces. It does not break at no-break spaces, and a word that is longer than a line stays whole: it
// may be an address.
func wrap(paragraph string) string {
	var b strings.Builder
	column := 0
	for word := range strings.SplitSeq(paragraph, " ") {
		width := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+width > textWidth:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String()
}
