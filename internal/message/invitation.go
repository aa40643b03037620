// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"strings"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message/catalogue"
)

// Invitation invites a person to an account, or reminds of that. Everything in it may come from a user; it is escaped where it
// is written.
type Invitation struct {
	// Language of the mail. A language without a catalogue is written in usherv1.DefaultLanguage.
	Language usherv1.Language
	// To is the invitee's address, without a display name.
	To string
	// Name of the invitee; may be empty.
	Name string
	// AccountName is the company that invites.
	AccountName string
	// Role that the invitee will have; may be empty.
	Role string
	// ContactEmail and ContactPhone are for questions; either may be empty.
	ContactEmail, ContactPhone string
	// ReplyTo is the address for answers; may be empty.
	ReplyTo string
	// Link is the only URL in the mail.
	Link string
	// ExpiresAt is when the link stops working.
	ExpiresAt time.Time
	// MessageID without angle brackets; the same on every attempt of one link.
	MessageID string
	// Reminder is set if the link was sent before and this mail reminds of it. InReplyTo is that mail's Message-ID, without angle
	// brackets, so that mail programs show the two together.
	Reminder  bool
	InReplyTo string
	// Wording is the account's own; the zero value is Usher's.
	Wording Wording
}

var _ Message = Invitation{}

// ReminderID returns the Message-ID of a reminder: that of the invitation with the point in time in it, and so the same on
// every attempt.
func ReminderID(messageID, before string) string {
	id, domain, _ := strings.Cut(messageID, "@")
	return id + "." + before + "@" + domain
}

// Render implements Message. It uses the account's own templates, or Usher's. The account's templates were tried when they were
// parsed. If one fails all the same, for example because of a very long name, the invitee gets Usher's mail.
func (i Invitation) Render() (Rendered, error) {
	written, err := i.content()
	if err != nil {
		return Rendered{}, err
	}
	return Rendered{
		Language: i.catalogue().Tag, To: i.To, Name: Name(i.Name), ReplyTo: i.ReplyTo, MessageID: i.MessageID, InReplyTo: i.InReplyTo,
		Subject: written.subject, Text: written.text, HTML: written.html,
		// No one who can put text into the mail knows the link before.
		Seed: i.MessageID + "\n" + i.Link,
	}, nil
}

func (i Invitation) catalogue() *catalogue.Catalogue { return catalogues.For(i.Language) }

func (i Invitation) content() (content, error) {
	v := i.variables()
	if own := i.Wording.of(i); own != nil {
		if written, err := own.render(v); err == nil {
			if written.subject == "" {
				written.subject, err = i.subject(v)
			}
			return written, err
		}
	}
	subject, err := i.subject(v)
	if err != nil {
		return content{}, err
	}
	return invitationTemplates.render(subject, view{catalogue: i.catalogue(), values: v.values(), Link: v.Link, Reminder: i.Reminder})
}

// subject returns Usher's own subject.
func (i Invitation) subject(v variables) (string, error) {
	key := "subject"
	if i.Reminder {
		key = "reminderSubject"
	}
	said, err := i.catalogue().Mail(key, v.values())
	return said.String(), err
}

// variables returns what a mail says of its invitation, made harmless.
func (i Invitation) variables() variables {
	return variables{
		Account:      Name(i.AccountName),
		ContactEmail: mailbox(i.ContactEmail),
		Expires:      i.catalogue().MailMoment(i.ExpiresAt),
		Link:         i.Link,
		Name:         Name(i.Name),
		ContactPhone: unbroken(i.ContactPhone),
		Recipient:    mailbox(i.To),
		Role:         Name(i.Role),
	}
}

// values returns the variables by the names of the catalogue's placeholders.
func (v variables) values() map[string]string {
	return map[string]string{
		"account": v.Account, "email": v.ContactEmail, "expires": v.Expires, "name": v.Name, "phone": v.ContactPhone,
		"recipient": v.Recipient, "role": v.Role,
	}
}
