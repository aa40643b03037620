// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"crypto/sha256"
	"encoding/hex"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
)

// answer is a reply as the rules see it.
type answer struct {
	at   stage
	code int
	// enhanced is the enhanced status code (RFC 3463), such as 5.1.1; empty if there is none.
	enhanced string
	// text is in lower case, between spaces, and without addresses: what a recipient is called must not decide what a reply means.
	text string
}

// enhancedCode finds the enhanced status code of a reply. Most servers write it first; qmail ends with "(#5.7.1)", and some filters put
// their name before it. A number with more parts is none, such as an IP address.
var enhancedCode = regexp.MustCompile(`(?:^|[\s(#])([45]\.[0-7]\.\d{1,3})(?:[^\d.]|$)`)

var (
	// inBrackets is a path, as in "<ada@acme.example>: user unknown".
	inBrackets = regexp.MustCompile(`<[^<>]*@[^<>]*>`)
	// asWord is an address among other words, and what a server has put around it.
	asWord = regexp.MustCompile(`\S*@\S*`)
)

// readAnswer reads a reply to a mail to a recipient, who is empty if there is none.
func readAnswer(at stage, reply *textproto.Error, recipient string) answer {
	a := answer{at: at, code: reply.Code, text: " " + withoutAddresses(reply.Msg, recipient) + " "}
	first, _, _ := strings.Cut(reply.Msg, "<") // the code may touch an address, which is not there any more
	for _, text := range []string{first[:min(len(first), len("5.7.1234"))], a.text} {
		if found := enhancedCode.FindStringSubmatch(text); found != nil {
			a.enhanced = found[1]
			break
		}
	}
	return a
}

// withoutAddresses returns a text in lower case, in which neither the recipient's address, nor its local part or domain as a word, nor
// any other address is left.
func withoutAddresses(text, recipient string) string {
	text, recipient = strings.ToLower(text), strings.ToLower(recipient)
	if recipient != "" {
		for _, written := range []string{recipient, strings.ToLower(strings.Trim(smtpPath(recipient), "<>"))} {
			text = strings.ReplaceAll(text, written, " ")
		}
	}
	text = asWord.ReplaceAllString(inBrackets.ReplaceAllString(text, " "), " ")
	at := strings.LastIndexByte(recipient, '@')
	if at < 0 {
		return text
	}
	words := strings.FieldsFunc(text, unicode.IsSpace)
	kept := words[:0]
	for _, word := range words {
		if bare := strings.Trim(word, `.,:;!?<>()[]'"`); bare != recipient[:at] && bare != recipient[at+1:] {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " ")
}

// has reports whether the text has one of these.
func (a answer) has(words ...string) bool {
	for _, word := range words {
		if strings.Contains(a.text, word) {
			return true
		}
	}
	return false
}

// is reports whether the enhanced code is one of these, without the class. "7" is all of X.7.*.
func (a answer) is(codes ...string) bool {
	_, detail, _ := strings.Cut(a.enhanced, ".")
	subject, _, _ := strings.Cut(detail, ".")
	for _, code := range codes {
		if code == detail || code == subject {
			return a.enhanced != ""
		}
	}
	return false
}

// refusal identifies how a server refused a mail: two recipients with one refusal were refused for the same reason. Words with digits
// do not count, since they name queues, times and addresses.
func (a answer) refusal() string {
	words := strings.FieldsFunc(a.text, unicode.IsSpace)
	kept := []string{strconv.Itoa(a.code), a.enhanced}
	for _, word := range words {
		if !strings.ContainsAny(word, "0123456789") {
			kept = append(kept, word)
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(kept, " ")))
	return hex.EncodeToString(sum[:16])
}

// classifyReply returns what a reply at a stage means; to is the recipient of the mail, if there is one. The result contains nothing of
// the reply's text but its enhanced code.
func classifyReply(at stage, reply *textproto.Error, to string) *channel.Error {
	a := readAnswer(at, reply, to)
	r := ruleFor(a)
	code := strings.TrimSpace(strconv.Itoa(a.code) + " " + a.enhanced)
	explained := &channel.Error{
		Class: r.class, Code: code, Reason: r.reason, Greylisted: r.greylisted,
		Message: "the server answered " + code + " to " + string(at) + r.advice,
	}
	if r.class != usherv1.ErrorTemporary && !at.beforeMail() {
		explained.Refusal, explained.NamesRecipient, explained.ToAll = a.refusal(), r.namesRecipient, at == stageMail
	}
	return explained
}

func permanent(code, message string) *channel.Error {
	return &channel.Error{Class: usherv1.ErrorPermanent, Code: code, Message: message, NamesRecipient: true}
}
