// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Password is about a member's password: the link that sets a new one or, without a link, that it was changed. Everything in it may come
// from a user; it is escaped where it is written.
type Password struct {
	// Language of the mail. A language without a catalogue is written in usherv1.DefaultLanguage.
	Language usherv1.Language
	// To is the recipient's address, without a display name.
	To string
	// Name of the member; may be empty.
	Name string
	// AccountName is the company that the member belongs to.
	AccountName string
	// Link sets a new password until ExpiresAt. It is empty if the password was changed at ChangedAt.
	Link                 string
	ExpiresAt, ChangedAt time.Time
	// ContactEmail and ContactPhone are for questions; either may be empty.
	ContactEmail, ContactPhone string
	// ReplyTo is the address for answers; may be empty.
	ReplyTo string
	// MessageID without angle brackets; the same on every attempt.
	MessageID string
}

var _ Message = Password{}

// Render implements Message. The mail without a link has no Seed, for the reason that an ExpiryNotice has none.
func (m Password) Render() (Rendered, error) {
	c := catalogues.For(m.Language)
	v := view{catalogue: c, Link: m.Link, values: map[string]string{
		"account":   Name(m.AccountName),
		"email":     mailbox(m.ContactEmail),
		"name":      Name(m.Name),
		"phone":     unbroken(m.ContactPhone),
		"recipient": mailbox(m.To),
	}}
	key, seed := "passwordSubject", ""
	if m.Link != "" {
		v.values["expires"] = c.MailMoment(m.ExpiresAt)
		key, seed = "resetSubject", m.MessageID+"\n"+m.Link
	} else {
		v.values["changed"] = c.MailMoment(m.ChangedAt)
	}
	subject, err := c.Mail(key, v.values)
	if err != nil {
		return Rendered{}, err
	}
	written, err := passwordTemplates.render(subject.String(), v)
	if err != nil {
		return Rendered{}, err
	}
	return Rendered{
		Language: c.Tag, To: m.To, Name: Name(m.Name), ReplyTo: m.ReplyTo, MessageID: m.MessageID,
		Subject: written.subject, Text: written.text, HTML: written.html, Seed: seed,
	}, nil
}
