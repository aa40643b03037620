// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	texttemplate "text/template"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Mails that an account may word itself, as the keys of its ConfigMap call them.
const (
	wordedInvitation = "invitation"
	wordedReminder   = "reminder"
)

// Parts of a mail, as the keys call them. The subject may be left to Usher; the two bodies come together, so that nobody reads
// one text in one mail program and another one in the next.
const (
	partSubject = "subject"
	partText    = "txt"
	partHTML    = "html"
)

// Wording is how an account words its own mails: for each language and mail that it has complete templates for. The zero value
// words nothing, and every mail is Usher's own.
type Wording struct {
	mails map[wordedMail]*ownTemplates
}

// wordedMail is one mail in one language.
type wordedMail struct {
	language usherv1.Language
	mail     string
}

// ownTemplates are one mail's; subject may be nil.
type ownTemplates struct {
	subject, text *texttemplate.Template
	html          *htmltemplate.Template
}

// Mistake is what is wrong with an account's templates, and where.
type Mistake struct {
	// Key of the ConfigMap.
	Key string
	// Line in it, from 1; 0 if it is about the whole.
	Line int
	// Problem says what is wrong and what to write instead.
	Problem string
}

// String is the mistake as a condition shows it.
func (m Mistake) String() string {
	if m.Line == 0 {
		return fmt.Sprintf("key %s: %s", m.Key, m.Problem)
	}
	return fmt.Sprintf("key %s, line %d: %s", m.Key, m.Line, m.Problem)
}

// ParseWording reads an account's templates, the data of its ConfigMap. Its keys are <language>.<mail>.<part>, such as
// fr.invitation.html: the mail is invitation or reminder, the part subject, txt or html. A mail with a mistake in one of its parts
// is left to Usher, whole; the others are the account's. The mistakes come sorted by key.
func ParseWording(data map[string]string) (Wording, []Mistake) {
	w := Wording{mails: map[wordedMail]*ownTemplates{}}
	parts := map[wordedMail]map[string]string{}
	var mistakes []Mistake
	for key, source := range data {
		worded, part, problem := parseKey(key)
		if problem != "" {
			mistakes = append(mistakes, Mistake{Key: key, Problem: problem})
			continue
		}
		if parts[worded] == nil {
			parts[worded] = map[string]string{}
		}
		parts[worded][part] = source
	}
	for worded, sources := range parts {
		own, wrong := worded.parse(sources)
		if len(wrong) > 0 {
			mistakes = append(mistakes, wrong...)
			continue
		}
		w.mails[worded] = own
	}
	slices.SortFunc(mistakes, func(a, b Mistake) int { return strings.Compare(a.Key, b.Key) })
	return w, mistakes
}

// of returns the account's own templates for a mail; nil if it is Usher's to word.
func (w Wording) of(invitation Invitation) *ownTemplates {
	worded := wordedMail{catalogues.For(invitation.Language).Tag, wordedInvitation}
	if invitation.Reminder {
		worded.mail = wordedReminder
	}
	return w.mails[worded]
}

func parseKey(key string) (worded wordedMail, part, problem string) {
	words := strings.Split(key, ".")
	if len(words) != 3 || !slices.Contains([]string{wordedInvitation, wordedReminder}, words[1]) ||
		!slices.Contains([]string{partSubject, partText, partHTML}, words[2]) {
		return wordedMail{}, "", "no such template; write <language>.invitation.<part> or <language>.reminder.<part>, the part being subject, txt or html, such as fr.invitation.html"
	}
	language := usherv1.Language(words[0])
	if _, known := catalogues[language]; !known {
		return wordedMail{}, "", "Usher writes no mails in this language; it is one of " + join(catalogues.Tags())
	}
	return wordedMail{language, words[1]}, words[2], ""
}

func (m wordedMail) key(part string) string {
	return string(m.language) + "." + m.mail + "." + part
}

// parse reads one mail's templates, and tries them on a few invitees.
func (m wordedMail) parse(sources map[string]string) (*ownTemplates, []Mistake) {
	var mistakes []Mistake
	wrong := func(part string, line int, problem string) {
		mistakes = append(mistakes, Mistake{Key: m.key(part), Line: line, Problem: problem})
	}
	for part, other := range map[string]string{partText: partHTML, partHTML: partText} {
		if _, given := sources[part]; !given {
			wrong(part, 0, "missing; write it as well, or remove the keys "+m.key(other)+" and "+m.key(partSubject))
		}
	}
	own := &ownTemplates{}
	for part, source := range sources {
		tree, mistake := parseTemplate(m.key(part), source)
		if mistake != nil {
			mistakes = append(mistakes, *mistake)
			continue
		}
		var err error
		switch part {
		case partSubject:
			own.subject, err = texttemplate.New(m.key(part)).AddParseTree(m.key(part), tree)
		case partText:
			own.text, err = texttemplate.New(m.key(part)).AddParseTree(m.key(part), tree)
		case partHTML:
			own.html, err = htmltemplate.New(m.key(part)).AddParseTree(m.key(part), tree)
		}
		if err != nil {
			line, problem := located(m.key(part), err)
			wrong(part, line, problem)
		}
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	for _, sample := range samples(m) {
		if failed := own.try(m, sample); failed != nil {
			return nil, []Mistake{*failed}
		}
	}
	return own, nil
}

// samples are invitees of whom much, and as little as can be, is known.
func samples(m wordedMail) []variables {
	full := variables{
		Account: "Acme SAS", Name: "Ada Lovelace", Role: "admin", Recipient: "ada@acme.example",
		Link:    "https://usher.example/i/acme/ada/m1GkTq4b7hYxJv0sZc3nWd5RfLuE8aPoIiQ2tNgXwVyBrMzK6CjDHA",
		Expires: catalogues.For(m.language).MailMoment(epoch), ContactEmail: "it@acme.example", ContactPhone: "+33 1 23 45 67 89",
	}
	bare := full
	bare.Name, bare.Role, bare.ContactEmail, bare.ContactPhone = "", "", "", ""
	return []variables{full, bare}
}

// try writes a mail to a sample and tells what is wrong with it.
func (own *ownTemplates) try(m wordedMail, sample variables) *Mistake {
	_, err := own.render(sample)
	if failed, ok := errors.AsType[*renderError](err); ok {
		return &Mistake{Key: m.key(failed.part), Line: failed.line, Problem: failed.problem}
	}
	return nil
}

func join[T ~string](words []T) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(word))
	}
	return b.String()
}
