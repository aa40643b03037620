// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"cmp"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// ExpiryNotice says that a member's access ends soon, to the member or to the account's contact. Everything in it may come from
// a user; it is escaped where it is written.
type ExpiryNotice struct {
	// Language of the mail. A language without a catalogue is written in usherv1.DefaultLanguage.
	Language usherv1.Language
	// To is the recipient's address, without a display name.
	To string
	// Name of the recipient; may be empty.
	Name string
	// Member is the name of the member whose access ends, or MemberAddress their address if they have no name. Both are empty in the
	// mail to the member.
	Member, MemberAddress string
	// AccountName is the company that the access is to.
	AccountName string
	// EndsAt is when the access ends.
	EndsAt time.Time
	// ContactEmail and ContactPhone are for questions; either may be empty.
	ContactEmail, ContactPhone string
	// ReplyTo is the address for answers; may be empty.
	ReplyTo string
	// MessageID without angle brackets; the same on every attempt.
	MessageID string
}

var _ Message = ExpiryNotice{}

// Render implements Message. The result has no Seed: there is no link to make it from, and a person who can write a name may
// know the Message-ID.
func (n ExpiryNotice) Render() (Rendered, error) {
	c := catalogues.For(n.Language)
	v := view{catalogue: c, values: map[string]string{
		"account":   Name(n.AccountName),
		"email":     mailbox(n.ContactEmail),
		"ends":      c.MailMoment(n.EndsAt),
		"member":    cmp.Or(Name(n.Member), mailbox(n.MemberAddress)),
		"name":      Name(n.Name),
		"phone":     unbroken(n.ContactPhone),
		"recipient": mailbox(n.To),
	}}
	key := "endSubject"
	if v.Has("member") {
		key = "endSubjectOther"
	}
	subject, err := c.Mail(key, v.values)
	if err != nil {
		return Rendered{}, err
	}
	written, err := expiryNoticeTemplates.render(subject.String(), v)
	if err != nil {
		return Rendered{}, err
	}
	return Rendered{
		Language: c.Tag, To: n.To, Name: Name(n.Name), ReplyTo: n.ReplyTo, MessageID: n.MessageID,
		Subject: written.subject, Text: written.text, HTML: written.html,
	}, nil
}
