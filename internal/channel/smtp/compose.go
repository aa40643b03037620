// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"crypto/sha256"
	"encoding/hex"
	"net/mail"
	"time"

	gomail "github.com/wneessen/go-mail"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/message"
)

// headerAutoSubmitted asks machines not to answer (RFC 3834 section 5).
const headerAutoSubmitted gomail.Header = "Auto-Submitted"

// errUnwritten means that a template does not fit its catalogue.
var errUnwritten = &channel.Error{
	Class: usherv1.ErrorTemporary, Code: "template", Message: "the mail could not be written; this is a fault in Usher",
}

// Compose returns the mail that Send sends, with one sender and one recipient. The same arguments give the same bytes, unless the
// message has no Seed. An error is a *channel.Error: Permanent if the recipient has no usable address, Configuration if the
// sender has none.
func Compose(server Server, m message.Message, date time.Time) (*gomail.Msg, error) {
	written, err := m.Render()
	if err != nil {
		return nil, errUnwritten
	}
	from, err := parseSender(server.From)
	if err != nil {
		return nil, authFailed("address", "the sender in the key \"from\" is not one e-mail address, such as Acme <no-reply@acme.example>")
	}
	to, err := usherv1.EmailAddress(written.To).Mailbox()
	if err != nil {
		return nil, permanent("address", "the recipient's address is not one plain e-mail address of at most 254 bytes; correct it")
	}
	options := []gomail.MsgOption{gomail.WithNoDefaultUserAgent()}
	if written.Seed != "" {
		options = append(options, gomail.WithBoundary(boundary(written.Seed)))
	}
	msg := gomail.NewMsg(options...)
	msg.FromMailAddress(&mail.Address{Name: message.OneLine(from.Name), Address: from.Address})
	msg.ToMailAddress(&mail.Address{Name: written.Name, Address: to})
	// The API server accepts few addresses that no mail can go to. Such a replyTo is left out, and answers go to From.
	if replyTo, err := usherv1.EmailAddress(written.ReplyTo).Mailbox(); err == nil {
		msg.ReplyToMailAddress(&mail.Address{Address: replyTo})
	}
	msg.Subject(written.Subject)
	msg.SetMessageIDWithValue(written.MessageID)
	if written.InReplyTo != "" {
		msg.SetGenHeader(gomail.HeaderInReplyTo, "<"+written.InReplyTo+">")
		msg.SetGenHeader(gomail.HeaderReferences, "<"+written.InReplyTo+">")
	}
	msg.SetDateWithValue(date.UTC())
	msg.SetGenHeader(gomail.HeaderContentLang, string(written.Language))
	msg.SetGenHeader(headerAutoSubmitted, "auto-generated")
	msg.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All") // the same, for Exchange
	msg.SetBodyString(gomail.TypeTextPlain, written.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, written.HTML)
	return msg, nil
}

// boundary returns what separates the parts of a mail. It depends on the seed, so that every attempt sends the same bytes, and no
// one who can put text into the mail can predict it.
func boundary(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return hex.EncodeToString(sum[:20])
}
