// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	texttemplate "text/template"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// The mails that an account may word itself, as they are called in the keys of its ConfigMap.
const (
	wordedInvitation = "invitation"
	wordedReminder   = "reminder"
)

// The parts of a mail, as they are called in the keys. The subject is optional. The two bodies come together, so that all mail
// programs show the same text.
const (
	partSubject = "subject"
	partText    = "txt"
	partHTML    = "html"
)

// Wording is how an account words its mails: it holds the account's templates for each language and mail that has all of them.
// With the zero value, every mail is Usher's own.
type Wording struct {
	mails map[wordedMail]*ownTemplates
}

// wordedMail is one mail in one language.
type wordedMail struct {
	language usherv1.Language
	mail     string
}

// ownTemplates are an account's templates for one mail; subject may be nil.
type ownTemplates struct {
	subject, text *texttemplate.Template
	html          *htmltemplate.Template
}

// Mistake says what is wrong with an account's templates, and where.
type Mistake struct {
	// Key of the ConfigMap; empty if the mistake concerns all of it.
	Key string
	// Line in it, from 1; 0 if the mistake concerns the whole template.
	Line int
	// Problem says what is wrong and what to write instead.
	Problem string
}

// String returns the mistake as a condition shows it.
func (m Mistake) String() string {
	switch {
	case m.Key == "":
		return m.Problem
	case m.Line == 0:
		return fmt.Sprintf("key %s: %s", m.Key, m.Problem)
	}
	return fmt.Sprintf("key %s, line %d: %s", m.Key, m.Line, m.Problem)
}

// ParseWording parses an account's templates, which are the data of its ConfigMap. Its keys are <language>.<mail>.<part>, such as
// fr.invitation.html: the mail is invitation or reminder, the part subject, txt or html. If one part of a mail has a mistake,
// Usher words the whole mail; the other mails are the account's. If the templates together are too long, Usher words
// every mail. The mistakes are sorted by key.
func ParseWording(data map[string]string) (Wording, []Mistake) {
	w := Wording{mails: map[wordedMail]*ownTemplates{}}
	if mistake := measureAll(data); mistake != nil {
		return w, []Mistake{*mistake}
	}
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

// of returns the account's own templates for a mail; nil if it has none.
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
		return wordedMail{}, "", "no such template; write <language>.invitation.<part> or <language>.reminder.<part>, " +
			"the part being subject, txt or html, such as fr.invitation.html"
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

// parse parses the templates of one mail, and tries them on a few invitees.
func (m wordedMail) parse(sources map[string]string) (*ownTemplates, []Mistake) {
	var mistakes []Mistake
	for part, other := range map[string]string{partText: partHTML, partHTML: partText} {
		if _, given := sources[part]; !given {
			mistakes = append(mistakes, Mistake{
				Key: m.key(part), Problem: "missing; write it as well, or remove the keys " + m.key(other) + " and " + m.key(partSubject),
			})
		}
	}
	own := &ownTemplates{}
	for part, source := range sources {
		if mistake := own.add(m.key(part), part, source); mistake != nil {
			mistakes = append(mistakes, *mistake)
		}
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	for _, sample := range samples(m) {
		if failed := own.try(m, sample, sources[partHTML]); failed != nil {
			return nil, []Mistake{*failed}
		}
	}
	return own, nil
}

// add parses one template.
func (own *ownTemplates) add(key, part, source string) *Mistake {
	tree, mistake := parseTemplate(key, part, source)
	if mistake != nil {
		return mistake
	}
	var err error
	switch part {
	case partSubject:
		own.subject, err = texttemplate.New(key).AddParseTree(key, tree)
	case partText:
		own.text, err = texttemplate.New(key).AddParseTree(key, tree)
	case partHTML:
		own.html, err = htmltemplate.New(key).AddParseTree(key, tree)
	}
	if err != nil {
		line, problem := located(key, err)
		return &Mistake{Key: key, Line: line, Problem: problem}
	}
	return nil
}

// samples returns two invitees: one with every field, and one with only the required ones.
func samples(m wordedMail) []variables {
	full := variables{
		Account: "Acme SAS", Name: "Ada Lovelace", Role: "admin", Recipient: "ada@acme.example",
		Link:    "https://usher.example/i/acme/ada/m1GkTq4b7hYxJv0sZc3nWd5RfLuE8aPoIiQ2tNgXwVyBrMzK6CjDHA",
		Expires: catalogues.For(m.language).MailMoment(sampleExpiry), ContactEmail: "it@acme.example", ContactPhone: "+33 1 23 45 67 89",
	}
	bare := full
	bare.Name, bare.Role, bare.ContactEmail, bare.ContactPhone = "", "", "", ""
	return []variables{full, bare}
}

// try writes a mail to a sample and returns what is wrong with it; nil if nothing is. source is that of the HTML.
func (own *ownTemplates) try(m wordedMail, sample variables, source string) *Mistake {
	page, err := own.page(sample)
	if refused := refusedIn(page); refused != nil {
		return &Mistake{Key: m.key(partHTML), Line: lineOf(source, refused.word), Problem: clip(refused.problem)}
	}
	if err == nil {
		_, err = own.render(sample)
	}
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
