// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"embed"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"unicode/utf8"

	"github.com/usher-dev/usher/internal/message/catalogue"
)

// catalogues are the languages that mails are written in.
var catalogues = catalogue.All()

//go:embed templates/*.tmpl
var templateFiles embed.FS

// The mails that there are.
var (
	invitationTemplates = parseTemplates("invitation")
	endingTemplates     = parseTemplates("ending")
)

// templates are one mail's: its own text, and what it puts into the HTML layout that all mails share.
type templates struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

func parseTemplates(name string) templates {
	return templates{
		text: texttemplate.Must(texttemplate.ParseFS(templateFiles, "templates/"+name+".txt.tmpl")),
		html: htmltemplate.Must(htmltemplate.ParseFS(templateFiles, "templates/layout.html.tmpl", "templates/"+name+".html.tmpl")),
	}
}

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
	catalogue *catalogue.Catalogue
	values    map[string]string
	Link      string
	Reminder  bool
}

// textView says its sentences as wrapped paragraphs, htmlView as segments that the template escapes one by one.
type (
	textView struct{ view }
	htmlView struct{ view }
)

func (v view) Language() string { return string(v.catalogue.Tag) }
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

func (v htmlView) Say(key string) (catalogue.Sentence, error) { return v.catalogue.Mail(key, v.values) }

func (v textView) Say(key string) (string, error) {
	segments, err := v.catalogue.Mail(key, v.values)
	if err != nil {
		return "", err
	}
	for i, s := range segments {
		if s.Name != "" {
			segments[i].Text = isolate(s.Text)
		}
	}
	return wrap(segments.String()), nil
}

// render writes a mail: as its account words it, else as Usher does. Templates were tried when they were read; what still goes wrong
// with them, such as a name that makes the mail too long, costs the invitee nothing but the account's own words.
func render(invitation Invitation) (content, error) {
	v := invitation.variables()
	if own := invitation.Wording.of(invitation); own != nil {
		if written, err := own.render(v); err == nil {
			if written.subject == "" {
				written.subject, err = subject(invitation, v)
			}
			return written, err
		}
	}
	return renderBuiltIn(invitation, v)
}

// variables are what a mail says of its invitation, made harmless.
func (i Invitation) variables() variables {
	return variables{
		Account:      oneLine(i.AccountName),
		ContactEmail: oneLine(i.ContactEmail),
		Expires:      catalogues.For(i.Language).MailMoment(i.ExpiresAt),
		Link:         i.Link,
		Name:         oneLine(i.Name),
		ContactPhone: unbroken(i.ContactPhone),
		Recipient:    oneLine(i.To),
		Role:         oneLine(i.Role),
	}
}

// values are the variables by the names of a catalogue's placeholders.
func (v variables) values() map[string]string {
	return map[string]string{
		"account": v.Account, "email": v.ContactEmail, "expires": v.Expires, "name": v.Name, "phone": v.ContactPhone,
		"recipient": v.Recipient, "role": v.Role,
	}
}

// subject is Usher's own.
func subject(invitation Invitation, v variables) (string, error) {
	key := "subject"
	if invitation.Reminder {
		key = "reminderSubject"
	}
	said, err := catalogues.For(invitation.Language).Mail(key, v.values())
	return said.String(), err
}

func renderBuiltIn(invitation Invitation, vars variables) (content, error) {
	line, err := subject(invitation, vars)
	if err != nil {
		return content{}, err
	}
	return invitationTemplates.render(line, view{
		catalogue: catalogues.For(invitation.Language), values: vars.values(), Link: vars.Link, Reminder: invitation.Reminder,
	})
}

// unbroken is a telephone number that stays in one line.
func unbroken(number string) string { return strings.ReplaceAll(oneLine(number), " ", noBreakSpace) }

// render writes a mail with that subject.
func (t templates) render(subject string, v view) (content, error) {
	var text, html strings.Builder
	if err := t.text.Execute(&text, textView{v}); err != nil {
		return content{}, err
	}
	if err := t.html.Execute(&html, htmlView{v}); err != nil {
		return content{}, err
	}
	return content{subject: subject, text: text.String(), html: html.String()}, nil
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
