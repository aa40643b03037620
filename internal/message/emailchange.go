// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"errors"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// EmailChange tells of a change of a member's address: the new address, with the link that confirms it, or the former one, without. Whatever
// is in the fields appears as text; it is escaped where it is written.
type EmailChange struct {
	// Language of the mail. A language without a catalogue is written in usherv1.DefaultLanguage.
	Language usherv1.Language
	// To is the recipient's address, without a display name.
	To string
	// Name of the member; may be empty.
	Name string
	// AccountName is the company that the member belongs to.
	AccountName string
	// Link confirms the new address. It is empty in the mail to the former one.
	Link string
	// ExpiresAt is when the link stops working.
	ExpiresAt time.Time
	// ContactEmail and ContactPhone are for questions; either may be empty.
	ContactEmail, ContactPhone string
	// ReplyTo is the address for answers; may be empty.
	ReplyTo string
	// MessageID without angle brackets; the same on every attempt.
	MessageID string
}

var _ Message = EmailChange{}

// Render implements Message.
func (m EmailChange) Render() (Rendered, error) { return Rendered{}, errors.New("to be written") }
