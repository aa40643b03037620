// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package message writes what Usher says to people: invitations, reminders, notices that access expires, and mails about a
// change of address or of a password. It renders them in the recipient's language, as a subject, a text and an HTML page. How they are sent
// is up to a channel; see package channel.
//
// # The account's own templates
//
// An account may word its invitations and reminders itself; see Wording. Usher's own texts are in package catalogue, and its
// templates in the directory templates.
//
// # Adding a language
//
// See package catalogue. Then run the tests with -update, which writes the golden files of the language.
package message

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
)

// Message is what Usher says to one person.
type Message interface {
	// Render writes the message. The same message gives the same result.
	Render() (Rendered, error)
}

// Rendered is a message as a channel sends it. Name and Subject are one line of text; no field but the addresses and the
// Message-IDs needs a check before it is written into a header.
type Rendered struct {
	// Language that the message is written in. It has a catalogue.
	Language usherv1.Language
	// To is the recipient's address, without a display name. It is not checked.
	To string
	// Name of the recipient; may be empty.
	Name string
	// ReplyTo is the address for answers; may be empty. It is not checked.
	ReplyTo string
	// MessageID without angle brackets.
	MessageID string
	// InReplyTo is an earlier mail's Message-ID, without angle brackets; empty if there is none.
	InReplyTo string
	// Subject, Text and HTML are the content.
	Subject, Text, HTML string
	// Seed is the same on every attempt, and no one who can put text into the message knows it before. A channel derives from it
	// what must not occur in the text, such as a boundary. If it is empty, the channel must draw that at random.
	Seed string
}

// InvitationID returns the local part of the Message-ID of one link's mail: the same on every attempt, another one for the next
// link (RFC 5322 section 3.6.4).
func InvitationID(invitation types.UID, linkGeneration int64) string {
	return fmt.Sprintf("%s.%d", invitation, linkGeneration)
}

// ExpiryNoticeID returns the local part of the Message-ID of the notice that a member's access ends at a moment: the same on
// every attempt and for every operator. Another moment is another mail.
func ExpiryNoticeID(member types.UID, to usherv1.EndNoticeRecipient, endsAt time.Time) string {
	return fmt.Sprintf("%s.end-%d-%s", member, endsAt.Unix(), to)
}

// EmailChangeID returns the local part of the Message-ID of a mail about a change of a member's address: the same on every attempt and for
// every operator. Another change, or another key of the link, is another mail: two changes in one second have different generations.
func EmailChangeID(member types.UID, generation int64, to usherv1.EmailChangeRecipient, requested time.Time, keyID string) string {
	return fmt.Sprintf("%s.email-%d-%d-%s%s", member, requested.Unix(), generation, to, keyID)
}

// PasswordID returns the local part of the Message-ID of a mail about a member's password, for which it was asked at a moment: the same on
// every attempt and for every operator. Another key of the link is another mail.
func PasswordID(member types.UID, kind credentials.PasswordMailKind, asked time.Time, keyID string) string {
	return fmt.Sprintf("%s.password-%d-%s%s", member, asked.Unix(), kind, keyID)
}
