// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"net/mail"
	"time"

	gomail "github.com/wneessen/go-mail"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// headerAutoSubmitted tells machines not to answer (RFC 3834 section 5).
const headerAutoSubmitted gomail.Header = "Auto-Submitted"

// Compose writes the mail that Send hands over, with one sender and one recipient. The same arguments give the same bytes. An
// error is an *Error: Permanent for a recipient that no mail can be addressed to, Configuration for such a sender.
func Compose(server Server, invitation Invitation, date time.Time) (*gomail.Msg, error) {
	from, err := parseSender(server.From)
	if err != nil {
		return nil, authFailed("address", "the sender in the key \"from\" is not one e-mail address, such as Acme <no-reply@acme.example>")
	}
	to, err := parseAddress(invitation.To)
	if err != nil {
		return nil, permanent("address", "the recipient's address is not one plain e-mail address of at most 254 bytes; correct it")
	}
	written, err := render(invitation)
	if err != nil {
		return nil, &Error{Class: usherv1.ErrorTemporary, Code: "template", Message: "the mail could not be written; this is a fault in Usher"}
	}

	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary(boundary(invitation)))
	msg.FromMailAddress(&mail.Address{Name: oneLine(from.Name), Address: from.Address})
	msg.ToMailAddress(&mail.Address{Name: oneLine(invitation.Name), Address: to})
	// The API server lets no other replyTo in than one that parses; without one, answers go to From.
	if replyTo, err := parseAddress(invitation.ReplyTo); err == nil {
		msg.ReplyToMailAddress(&mail.Address{Address: replyTo})
	}
	msg.Subject(written.subject)
	msg.SetMessageIDWithValue(invitation.MessageID)
	if invitation.InReplyTo != "" {
		msg.SetGenHeader(gomail.HeaderInReplyTo, "<"+invitation.InReplyTo+">")
		msg.SetGenHeader(gomail.HeaderReferences, "<"+invitation.InReplyTo+">")
	}
	msg.SetDateWithValue(date.UTC())
	msg.SetGenHeader(gomail.HeaderContentLang, string(catalogueFor(invitation.Language).language))
	msg.SetGenHeader(headerAutoSubmitted, "auto-generated")
	msg.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All") // the same, for Exchange
	msg.SetBodyString(gomail.TypeTextPlain, written.text)
	msg.AddAlternativeString(gomail.TypeTextHTML, written.html)
	return msg, nil
}

// boundary separates the mail's parts. It is made from the link, so that every attempt sends the same bytes and yet nobody who
// has a say in the text can know it beforehand.
func boundary(invitation Invitation) string {
	sum := sha256.Sum256([]byte(invitation.MessageID + "\n" + invitation.Link))
	return hex.EncodeToString(sum[:20])
}
