// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// enhancedCode is what a reply's text begins with (RFC 3463), if the server has such codes.
var enhancedCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

var (
	// authCodes say that the server wants to know who we are, or does not believe it (RFC 4954 section 6).
	authCodes = []int{530, 534, 535, 538}
	// authEnhanced say the same in replies of any code: credentials invalid, mechanism too weak, encryption needed (RFC 4954,
	// RFC 5248), and Exchange's own for a client that did not authenticate.
	authEnhanced = []string{"5.7.8", "5.7.9", "5.7.11", "5.7.57"}
)

// classifyReply tells what the server's reply at a stage means. Of the reply's text only its enhanced code is handed on.
func classifyReply(at stage, reply *textproto.Error) *Error {
	enhanced := enhancedCode.FindString(reply.Msg)
	code := strings.TrimSpace(strconv.Itoa(reply.Code) + " " + enhanced)
	answered := "the server answered " + code + " to " + string(at)

	switch {
	case reply.Code < 400 || reply.Code > 599:
		return temporary(code, answered+", which is no answer to that; check host and port if this stays")
	case reply.Code < 500:
		if greylisted(reply.Code, enhanced, reply.Msg) {
			explained := temporary(code, answered+": it does not know us yet and asks to come back later; Usher does")
			explained.Greylisted = true
			return explained
		}
		return temporary(code, answered+", which may pass; Usher tries again")
	case at == stageTLS:
		return tlsFailed(code, answered+"; write tls: Implicit or use another port if it does not speak STARTTLS here")
	case slices.Contains(authCodes, reply.Code) || slices.Contains(authEnhanced, enhanced) || at == stageAuth:
		return authFailed(code, answered+": it does not accept who we say we are; check username, password and tls")
	case at == stageMail:
		return authFailed(code, answered+": it does not take the sender; write into \"from\" an address that this user may send as")
	case at == stageRcpt && (reply.Code == 503 || strings.Contains(strings.ToLower(reply.Msg), "relay")):
		return authFailed(code, answered+": it does not relay for us; add username and password, or use a server that takes mail from here")
	case at == stageRcpt:
		return permanent(code, answered+": it refuses this recipient for good; correct the address, or raise sendGeneration to try again")
	case at == stageData || at == stageBody:
		return permanent(code, answered+": it refuses this mail for good; ask whoever runs it, then raise sendGeneration to try again")
	}
	return &Error{Class: usherv1.ErrorConfiguration, Code: code, Reason: usherv1.ReasonServerUnreachable,
		Message: answered + ": it does not talk to us; check host, port and heloName, or ask whoever runs it"}
}

// greylisted tells whether a temporary refusal is about being unknown: 4.7.x, or a word to that effect where the codes say
// nothing of it (postgrey: 4.2.0). It only makes the next attempt later, so a wrong guess does no harm.
func greylisted(code int, enhanced, text string) bool {
	if code != 450 && code != 451 {
		return false
	}
	text = strings.ToLower(text)
	return strings.HasPrefix(enhanced, "4.7.") || strings.Contains(text, "greylist") || strings.Contains(text, "graylist")
}

func permanent(code, message string) *Error {
	return &Error{Class: usherv1.ErrorPermanent, Code: code, Message: message}
}
