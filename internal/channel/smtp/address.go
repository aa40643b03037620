// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

var errSenderTooLong = errors.New("the sender is too long")

// parseSender parses the sender as it is in the header. The limit keeps text from the parser that no header could hold.
func parseSender(from string) (*mail.Address, error) {
	const maxSender = usherv1.MaxEmailBytes + 512
	if len(from) > maxSender {
		return nil, errSenderTooLong
	}
	parsed, err := mail.ParseAddress(from)
	if err != nil {
		return nil, err
	}
	plain, err := usherv1.EmailAddress(parsed.Address).Mailbox()
	if err != nil {
		return nil, err
	}
	return &mail.Address{Name: parsed.Name, Address: plain}, nil
}

// smtpPath returns an address as MAIL FROM and RCPT TO take it: in angle brackets, and with its local part in quotes if needed.
func smtpPath(address string) string { return (&mail.Address{Address: address}).String() }

// needsUTF8 reports whether a server needs SMTPUTF8 to accept an address (RFC 6531).
func needsUTF8(address string) bool {
	return strings.ContainsFunc(address, func(r rune) bool { return r > unicode.MaxASCII })
}
