// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"context"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Invitation is what one mail about an invitation says. Everything in it may come from a user and is escaped where it is written.
type Invitation struct {
	// Language of subject and body; one that has no catalogue yet is written in usherv1.DefaultLanguage.
	Language usherv1.Language
	// To is the invitee's address, without a display name.
	To string
	// Name of the invitee; may be empty.
	Name string
	// AccountName is the company that invites.
	AccountName string
	// Role that the invitee will have; may be empty.
	Role string
	// ContactEmail and ContactPhone are whom to ask; either may be empty.
	ContactEmail, ContactPhone string
	// ReplyTo is where answers go; may be empty.
	ReplyTo string
	// Link is the only URL in the mail.
	Link string
	// ExpiresAt is when the link stops working.
	ExpiresAt time.Time
	// MessageID without angle brackets; the same on every attempt of one link.
	MessageID string
	// Reminder tells that the link went out before and this mail reminds of it; InReplyTo is that mail's Message-ID, without angle
	// brackets, so that mail programs show the two together.
	Reminder  bool
	InReplyTo string
	// Wording is the account's own; the zero value is Usher's.
	Wording Wording
}

// Sender sends mails through a Server. Errors are of type *Error.
type Sender interface {
	// Send returns nil once the server has accepted the mail, even if something failed after that.
	Send(ctx context.Context, server Server, invitation Invitation) error
	// SendEnding does the same for the announcement that access ends.
	SendEnding(ctx context.Context, server Server, ending Ending) error
	// Probe connects, greets, starts TLS, authenticates and quits, without a mail.
	Probe(ctx context.Context, server Server) error
	// Forget ends the connections to a server that are kept open: its Secret says something else now, or nobody sends with it.
	Forget(server Server)
}

// Error is a failed attempt to send or probe. Its text holds no address and no secret: it goes into conditions and logs.
type Error struct {
	// Class tells what the failure means for the next attempt.
	Class usherv1.ErrorClass
	// Code is the reply code with its enhanced code, such as "451 4.7.1", or a word such as "timeout" where there was none.
	Code string
	// Reason is the MailReady reason (usherv1.ReasonServerUnreachable, ReasonTLSFailed, ReasonAuthFailed) of a failure that
	// concerns the server and not this mail; else empty.
	Reason string
	// Message says in one sentence what happened and what to do about it.
	Message string
	// Greylisted is set when the server asked to come back later because it does not know us yet.
	Greylisted bool
	// InDoubt is set when nobody knows whether the server has taken the mail: it was there, and the answer was not.
	InDoubt bool
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }
