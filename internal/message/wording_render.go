// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// maxWritten is the maximum length of a body after it is filled in, in bytes: mail programs cut off longer ones, and the link
// with them.
const maxWritten = 100 << 10

// sampleExpiry is when the links of samples expire.
var sampleExpiry = time.Date(2026, time.November, 29, 14, 5, 0, 0, time.UTC)

// renderError says why an account's own mail could not be written.
type renderError struct {
	part    string
	line    int
	problem string
}

func (e *renderError) Error() string { return e.part + ": " + e.problem }

// render writes the account's own mail. The subject is empty if the account has none of its own. An error is a *renderError.
func (own *ownTemplates) render(v variables) (content, error) {
	var written content
	if own.subject != nil {
		subject, err := execute(partSubject, own.subject.Name(), own.subject, v.isolated())
		if err != nil {
			return content{}, err
		}
		subject = strings.TrimSpace(subject)
		if subject == "" || strings.ContainsAny(subject, "\r\n") {
			return content{}, &renderError{part: partSubject, problem: "a subject is one line of text"}
		}
		written.subject = OneLine(subject)
	}
	var err error
	if written.text, err = execute(partText, own.text.Name(), own.text, v.isolated()); err != nil {
		return content{}, err
	}
	if !slices.Contains(strings.Fields(written.text), v.Link) {
		return content{}, &renderError{part: partText, problem: "lacks the link; write {{.Link}} on a line of its own"}
	}
	page, err := own.page(v)
	if err != nil {
		return content{}, err
	}
	written.html = cleanHTML(page)
	if !linksTo(written.html, v.Link) {
		return content{}, &renderError{part: partHTML, problem: `lacks the link; write <a href="{{.Link}}">`}
	}
	return written, nil
}

// page returns the HTML as the account words it.
func (own *ownTemplates) page(v variables) (string, error) {
	return execute(partHTML, own.html.Name(), own.html, v)
}

// execute fills in one template, up to maxWritten bytes.
func execute(part, key string, t interface{ Execute(io.Writer, any) error }, v variables) (string, error) {
	out := &bounded{left: maxWritten}
	err := t.Execute(out, v)
	switch {
	case errors.Is(err, errTooLong):
		return "", &renderError{part: part, problem: fmt.Sprintf("is longer than %d KiB once it is filled in; shorten it", maxWritten>>10)}
	case err != nil:
		line, problem := located(key, err)
		return "", &renderError{part: part, line: line, problem: problem}
	}
	return out.text.String(), nil
}

// isolated returns the variables as they are written into plain text.
func (v variables) isolated() variables {
	for _, value := range []*string{&v.Account, &v.Name, &v.Role} {
		*value = isolate(*value)
	}
	return v
}

// linksTo reports whether an HTML text has a link to an address.
func linksTo(text, address string) bool {
	tokens := html.NewTokenizer(strings.NewReader(text))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return false
		case html.StartTagToken:
			token := tokens.Token()
			isTarget := func(a html.Attribute) bool { return a.Key == "href" && a.Val == address }
			if token.Data == "a" && slices.ContainsFunc(token.Attr, isTarget) {
				return true
			}
		}
	}
}

var errTooLong = errors.New("too long")

// bounded is a buffer that takes no more than left bytes.
type bounded struct {
	text strings.Builder
	left int
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errTooLong
	}
	b.text.Write(p) // never fails
	return len(p), nil
}
