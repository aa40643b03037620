// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
)

// Bounds of what a server can make the client read and keep.
const (
	// maxReceived bounds the replies to one mail, in bytes.
	maxReceived = 1 << 20
	// maxReplyLine bounds a line of a reply, in bytes. RFC 4954 section 4 allows 12,288 for a challenge, all others are far shorter.
	maxReplyLine = 13 << 10
	// maxReply bounds the text of a reply, in bytes: every line with the 512 bytes of RFC 5321 section 4.5.3.1.5.
	maxReply = 64 << 10
	// maxReplyLines bounds the lines of a reply. The longest are lists of extensions, which have some twenty.
	maxReplyLines = 128
)

var (
	errTooMuchReceived = errors.New("the server sends more than the limit")
	errLineBreak       = errors.New("a command has a line break")
)

// client speaks SMTP over a connection, one command at a time (RFC 5321). It is Usher's own, and not go-mail's, because that one
// reads replies of any length, knows extensions only in capitals, and closes the connection when an authentication fails.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	// extensions are those that the server announced, in capitals, with their parameters.
	extensions map[string]string
}

func newClient(conn net.Conn) *client {
	return &client{conn: conn, in: bufio.NewReaderSize(conn, maxReplyLine), out: bufio.NewWriter(conn)}
}

// command sends a command and reads the reply. A reply whose code does not begin with the digits of expect is a *textproto.Error. With
// expect 0, every reply is expected.
func (c *client) command(expect int, format string, args ...any) (code int, text string, err error) {
	line := fmt.Sprintf(format, args...)
	if strings.ContainsAny(line, "\r\n") {
		return 0, "", errLineBreak
	}
	if _, err := c.out.WriteString(line + "\r\n"); err != nil {
		return 0, "", err
	}
	if err := c.out.Flush(); err != nil {
		return 0, "", err
	}
	return c.reply(expect)
}

// reply reads a reply of one or more lines, and returns the text of all of them, joined with "\n".
func (c *client) reply(expect int) (code int, text string, err error) {
	var lines []string
	for size := 0; len(lines) < maxReplyLines && size <= maxReply; {
		line, err := c.line()
		if err != nil {
			return 0, "", err
		}
		number, more, said, ok := parseReplyLine(line)
		switch {
		case !ok && len(lines) == 0:
			return 0, "", textproto.ProtocolError("no reply code")
		case !ok, len(lines) > 0 && number != code: // some servers break a text without repeating the code
			more, said = true, line
		default:
			code = number
		}
		lines, size = append(lines, said), size+len(said)
		if more {
			continue
		}
		text = strings.Join(lines, "\n")
		if digits := strconv.Itoa(code); expect > 0 && !strings.HasPrefix(digits, strconv.Itoa(expect)) {
			return code, text, &textproto.Error{Code: code, Msg: text}
		}
		return code, text, nil
	}
	return 0, "", errTooMuchReceived
}

// line reads a line of at most maxReplyLine bytes.
func (c *client) line() (string, error) {
	line, err := c.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errTooMuchReceived
	case errors.Is(err, io.EOF) && len(line) > 0:
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// parseReplyLine splits a line of a reply (RFC 5321 section 4.2). A code without a text is one, too.
func parseReplyLine(line string) (code int, more bool, text string, ok bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false, "", false
	}
	code, err := strconv.Atoi(line[:3])
	if err != nil || code < 100 {
		return 0, false, "", false
	}
	if len(line) == 3 {
		return code, false, "", true
	}
	return code, line[3] == '-', line[4:], true
}

// hello introduces the client. A server that does not know EHLO is greeted with HELO, and has no extensions (RFC 5321 section 3.2).
func (c *client) hello(name string) error {
	c.extensions = nil
	_, text, err := c.command(250, "EHLO %s", name)
	if refused, ok := errors.AsType[*textproto.Error](err); ok && (refused.Code == 500 || refused.Code == 502 || refused.Code == 504) {
		if _, _, helo := c.command(250, "HELO %s", name); helo == nil {
			return nil
		}
	}
	if err != nil {
		return err
	}
	c.extensions = parseExtensions(text)
	return nil
}

// parseExtensions reads the extensions from the reply to EHLO. Keywords are in any case (RFC 5321 section 4.1.1.1), and some old servers
// write AUTH=LOGIN for AUTH LOGIN.
func parseExtensions(reply string) map[string]string {
	extensions := map[string]string{}
	_, rest, _ := strings.Cut(reply, "\n")
	for line := range strings.SplitSeq(rest, "\n") {
		keyword, parameters, _ := strings.Cut(strings.TrimSpace(line), " ")
		keyword = strings.ToUpper(keyword)
		if old, found := strings.CutPrefix(keyword, "AUTH="); found {
			keyword, parameters = "AUTH", old+" "+parameters
		}
		if known, twice := extensions[keyword]; twice {
			parameters = known + " " + parameters
		}
		extensions[keyword] = strings.TrimSpace(parameters)
	}
	delete(extensions, "")
	return extensions
}

// offers reports whether the server announced an extension, and returns its parameters.
func (c *client) offers(keyword string) (parameters string, offered bool) {
	parameters, offered = c.extensions[keyword]
	return parameters, offered
}

// mail begins a mail. utf8 asks for SMTPUTF8.
func (c *client) mail(path string, utf8 bool) error {
	command := "MAIL FROM:" + path
	if _, offered := c.offers("8BITMIME"); offered {
		command += " BODY=8BITMIME"
	}
	if utf8 {
		command += " SMTPUTF8"
	}
	_, _, err := c.command(250, "%s", command)
	return err
}

// rcpt names the recipient.
func (c *client) rcpt(path string) error {
	_, _, err := c.command(25, "RCPT TO:%s", path)
	return err
}

// data begins the content. The writer's Close ends it, and returns the server's answer.
func (c *client) data() (io.WriteCloser, error) {
	if _, _, err := c.command(354, "DATA"); err != nil {
		return nil, err
	}
	return &content{client: c, WriteCloser: textproto.NewWriter(c.out).DotWriter()}, nil
}

// content is the content of a mail.
type content struct {
	client *client
	io.WriteCloser
}

// Close implements io.Closer.
func (w *content) Close() error {
	if err := w.WriteCloser.Close(); err != nil {
		return err
	}
	_, _, err := w.client.reply(250)
	return err
}

func (c *client) noop() error {
	_, _, err := c.command(250, "NOOP")
	return err
}

func (c *client) reset() error {
	_, _, err := c.command(250, "RSET")
	return err
}

func (c *client) quit() error {
	_, _, err := c.command(221, "QUIT")
	return err
}
