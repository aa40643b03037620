// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtpsink

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
)

// Mail is a mail that a Sink has accepted. It is parsed with the standard library and not with the library that Usher uses to write
// mails, so that one cannot hide the other's mistakes.
type Mail struct {
	// From and To are the envelope, as in MAIL FROM and RCPT TO.
	From string
	To   []string
	// User is the authenticated user; empty if there was none.
	User string
	// Encrypted reports whether the mail came over TLS.
	Encrypted bool
	// Raw is the mail as it was received.
	Raw []byte

	// Header is the mail's header, encoded as it was received.
	Header mail.Header
	// Subject is decoded. MessageID is without angle brackets.
	Subject, MessageID string
	// Text and HTML are the decoded parts; empty if there is none.
	Text, HTML string
}

// IsTo reports whether the envelope has this recipient, ignoring case.
func (m Mail) IsTo(address string) bool {
	return slices.ContainsFunc(m.To, func(to string) bool { return strings.EqualFold(to, address) })
}

var webAddress = regexp.MustCompile(`https?://[^\s<>"]+`)

// Links returns the web addresses in the text part, in order.
func (m Mail) Links() []string { return webAddress.FindAllString(m.Text, -1) }

// Link returns the first web address in the text part; empty if there is none.
func (m Mail) Link() string { return webAddress.FindString(m.Text) }

// Parse parses a mail, without its envelope.
func Parse(raw []byte) (Mail, error) {
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Mail{}, fmt.Errorf("not a mail: %w", err)
	}
	m := Mail{Raw: raw, Header: message.Header, MessageID: strings.Trim(message.Header.Get("Message-ID"), "<> ")}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return Mail{}, fmt.Errorf("subject: %w", err)
	}
	if err := m.readPart(textproto.MIMEHeader(message.Header), message.Body); err != nil {
		return Mail{}, err
	}
	return m, nil
}

func (m *Mail) readPart(header textproto.MIMEHeader, body io.Reader) error {
	contentType := header.Get("Content-Type")
	if contentType == "" {
		contentType = "text/plain"
	}
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("content type: %w", err)
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		parts := multipart.NewReader(body, parameters["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("parts: %w", err)
			}
			if err := m.readPart(part.Header, part); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	decoded, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	switch mediaType {
	case "text/plain":
		m.Text += string(decoded)
	case "text/html":
		m.HTML += string(decoded)
	}
	return nil
}
