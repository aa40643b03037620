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
	written, err := render(invitation)
	if err != nil {
		return nil, errUnwritten
	}
	return enclose(server, envelope{
		to: invitation.To, name: invitation.Name, replyTo: invitation.ReplyTo, messageID: invitation.MessageID, inReplyTo: invitation.InReplyTo,
		language: invitation.Language, boundary: boundary(invitation),
	}, written, date)
}

// errUnwritten is a template that does not go with its catalogue.
var errUnwritten = &Error{Class: usherv1.ErrorTemporary, Code: "template", Message: "the mail could not be written; this is a fault in Usher"}

// envelope is what a mail needs besides its content.
type envelope struct {
	// to is the recipient's address, name what they are called; replyTo is where answers go.
	to, name, replyTo string
	messageID         string
	// inReplyTo is an earlier mail's Message-ID; empty if there is none.
	inReplyTo string
	language  usherv1.Language
	// boundary separates the mail's parts; empty for a random one.
	boundary string
}

func enclose(server Server, e envelope, written content, date time.Time) (*gomail.Msg, error) {
	from, err := parseSender(server.From)
	if err != nil {
		return nil, authFailed("address", "the sender in the key \"from\" is not one e-mail address, such as Acme <no-reply@acme.example>")
	}
	to, err := parseAddress(e.to)
	if err != nil {
		return nil, permanent("address", "the recipient's address is not one plain e-mail address of at most 254 bytes; correct it")
	}
	options := []gomail.MsgOption{gomail.WithNoDefaultUserAgent()}
	if e.boundary != "" {
		options = append(options, gomail.WithBoundary(e.boundary))
	}
	msg := gomail.NewMsg(options...)
	msg.FromMailAddress(&mail.Address{Name: oneLine(from.Name), Address: from.Address})
	msg.ToMailAddress(&mail.Address{Name: oneLine(e.name), Address: to})
	// The API server lets no other replyTo in than one that parses; without one, answers go to From.
	if replyTo, err := parseAddress(e.replyTo); err == nil {
		msg.ReplyToMailAddress(&mail.Address{Address: replyTo})
	}
	msg.Subject(written.subject)
	msg.SetMessageIDWithValue(e.messageID)
	if e.inReplyTo != "" {
		msg.SetGenHeader(gomail.HeaderInReplyTo, "<"+e.inReplyTo+">")
		msg.SetGenHeader(gomail.HeaderReferences, "<"+e.inReplyTo+">")
	}
	msg.SetDateWithValue(date.UTC())
	msg.SetGenHeader(gomail.HeaderContentLang, string(catalogues.For(e.language).Tag))
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
