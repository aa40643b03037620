// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"embed"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"unicode/utf8"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

var (
	textBody = texttemplate.Must(texttemplate.ParseFS(templateFiles, "templates/invitation.txt.tmpl"))
	htmlBody = htmltemplate.Must(htmltemplate.ParseFS(templateFiles, "templates/invitation.html.tmpl"))
)

// textWidth is where the text part's lines are broken, in characters (RFC 3676 section 4.2 asks for 78 at the most).
const textWidth = 72

// noBreakSpace keeps a telephone number in one line.
const noBreakSpace = "\u00a0"

// content is what a mail says, in its three forms.
type content struct {
	subject, text, html string
}

// view is what the templates see.
type view struct {
	catalogue *catalogue
	values    map[string]string
	Link      string
}

// textView says its sentences as wrapped paragraphs, htmlView as segments that the template escapes one by one.
type (
	textView struct{ view }
	htmlView struct{ view }
)

func (v view) Language() string { return string(v.catalogue.language) }
func (v view) Dir() string      { return v.catalogue.Dir }

// Start is the side that lines begin at.
func (v view) Start() string {
	if v.catalogue.Dir == "rtl" {
		return "right"
	}
	return "left"
}

// Has tells whether there is anything to put in for a placeholder.
func (v view) Has(name string) bool { return v.values[name] != "" }

func (v htmlView) Say(key string) ([]segment, error) { return v.catalogue.say(key, v.values) }

func (v textView) Say(key string) (string, error) {
	segments, err := v.catalogue.say(key, v.values)
	if err != nil {
		return "", err
	}
	for i, s := range segments {
		if s.Name != "" {
			segments[i].Text = isolate(s.Text)
		}
	}
	return wrap(plain(segments)), nil
}

func render(invitation Invitation) (content, error) {
	c := catalogueFor(invitation.Language)
	v := view{
		catalogue: c,
		Link:      invitation.Link,
		values: map[string]string{
			"account":   oneLine(invitation.AccountName),
			"email":     oneLine(invitation.ContactEmail),
			"expires":   c.moment(invitation.ExpiresAt),
			"name":      oneLine(invitation.Name),
			"phone":     strings.ReplaceAll(oneLine(invitation.ContactPhone), " ", noBreakSpace),
			"recipient": oneLine(invitation.To),
			"role":      oneLine(invitation.Role),
		},
	}
	subject, err := c.say("subject", v.values)
	if err != nil {
		return content{}, err
	}
	var text, html strings.Builder
	if err := textBody.Execute(&text, textView{v}); err != nil {
		return content{}, err
	}
	if err := htmlBody.Execute(&html, htmlView{v}); err != nil {
		return content{}, err
	}
	return content{subject: plain(subject), text: text.String(), html: html.String()}, nil
}

// wrap breaks a paragraph at spaces. A no-break space is none of them, and a word that is longer than a line stays whole: it
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
