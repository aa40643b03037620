// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"fmt"
	"time"

	gomail "github.com/wneessen/go-mail"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Ending is what the mail says that announces the end of a member's access, to the member or to whom the account names as its
// contact. Everything in it may come from a user and is escaped where it is written.
type Ending struct {
	// Language of subject and body; one that has no catalogue yet is written in usherv1.DefaultLanguage.
	Language usherv1.Language
	// To is the recipient's address, without a display name.
	To string
	// Name of the recipient; may be empty.
	Name string
	// Member is whose access ends, as a reader who is somebody else knows them; empty in the mail to the member.
	Member string
	// AccountName is the company that the access is to.
	AccountName string
	// EndsAt is when the access ends.
	EndsAt time.Time
	// ContactEmail and ContactPhone are whom to ask; either may be empty.
	ContactEmail, ContactPhone string
	// ReplyTo is where answers go; may be empty.
	ReplyTo string
	// MessageID without angle brackets; the same on every attempt.
	MessageID string
}

// EndingMessageID names the mail that announces the end of a member's access at a moment: the same on every attempt and by every
// operator. Another moment is another mail.
func EndingMessageID(member types.UID, to usherv1.EndNoticeRecipient, endsAt time.Time, server Server) string {
	return fmt.Sprintf("%s.end-%d-%s@%s", member, endsAt.Unix(), to, server.Domain())
}

// ComposeEnding writes the mail that SendEnding hands over; see Compose.
func ComposeEnding(server Server, ending Ending, date time.Time) (*gomail.Msg, error) {
	written, err := renderEnding(ending)
	if err != nil {
		return nil, errUnwritten
	}
	// There is no link here to make the boundary from, and whoever may write a name may know the Message-ID: it is random.
	return enclose(server, envelope{
		to: ending.To, name: ending.Name, replyTo: ending.ReplyTo, messageID: ending.MessageID, language: ending.Language,
	}, written, date)
}

func renderEnding(ending Ending) (content, error) {
	c := catalogues.For(ending.Language)
	v := view{catalogue: c, values: map[string]string{
		"account":   oneLine(ending.AccountName),
		"email":     oneLine(ending.ContactEmail),
		"ends":      c.MailMoment(ending.EndsAt),
		"member":    oneLine(ending.Member),
		"name":      oneLine(ending.Name),
		"phone":     unbroken(ending.ContactPhone),
		"recipient": oneLine(ending.To),
	}}
	key := "endSubject"
	if ending.Member != "" {
		key = "endSubjectOther"
	}
	subject, err := c.Mail(key, v.values)
	if err != nil {
		return content{}, err
	}
	return endingTemplates.render(subject.String(), v)
}
