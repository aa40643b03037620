// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
)

// enhancedCode is the code that the text of a reply begins with (RFC 3463), if the server supports that.
var enhancedCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

var (
	// authCodes mean that the server wants authentication, or refuses it (RFC 4954 section 6).
	authCodes = []int{530, 534, 535, 538}
	// authEnhanced mean the same in replies of any code: credentials invalid, mechanism too weak, encryption needed (RFC 4954,
	// RFC 5248), and Exchange's own code for a client that did not authenticate.
	authEnhanced = []string{"5.7.8", "5.7.9", "5.7.11", "5.7.57"}
)

// classifyReply returns what a reply at a stage means. The result contains nothing of the reply's text but its enhanced code.
func classifyReply(at stage, reply *textproto.Error) *channel.Error {
	enhanced := enhancedCode.FindString(reply.Msg)
	code := strings.TrimSpace(strconv.Itoa(reply.Code) + " " + enhanced)
	answered := "the server answered " + code + " to " + string(at)

	switch {
	case reply.Code < 400 || reply.Code > 599:
		return temporary(code, answered+", which is no answer to that; check host and port if this stays")
	case reply.Code < 500 && greylisted(reply.Code, enhanced, reply.Msg):
		explained := temporary(code, answered+": it does not know the sender yet and asks to come back later; Usher tries again")
		explained.Greylisted = true
		return explained
	case reply.Code < 500:
		return temporary(code, answered+", which may pass; Usher tries again")
	case at == stageTLS:
		return tlsFailed(code, answered+"; write tls: Implicit or use another port if it does not speak STARTTLS here")
	case at == stageAuth || concernsAuth(reply.Code, enhanced):
		return authFailed(code, answered+": it does not accept the authentication; check username, password and tls")
	case at == stageMail:
		return authFailed(code, answered+": it does not accept the sender; write an address into \"from\" that this user may send as")
	case at == stageRcpt && refusesToRelay(reply):
		return authFailed(code, answered+": it does not relay; add username and password, or use a server that accepts mail from here")
	case at == stageRcpt:
		return permanent(code, answered+": it refuses this recipient permanently; correct the address, or raise sendGeneration to try again")
	case at == stageData || at == stageBody:
		return permanent(code, answered+": it refuses this mail permanently; ask its administrator, then raise sendGeneration to try again")
	}
	return &channel.Error{Class: usherv1.ErrorConfiguration, Code: code, Reason: usherv1.ReasonServerUnreachable,
		Message: answered + ": it refuses the conversation; check host, port and heloName, or ask its administrator"}
}

// concernsAuth reports whether a reply is about authentication.
func concernsAuth(code int, enhanced string) bool {
	return slices.Contains(authCodes, code) || slices.Contains(authEnhanced, enhanced)
}

// refusesToRelay reports whether a server refuses every recipient from this client. Only the text of the reply says so, or a 503,
// with which servers ask for authentication first.
func refusesToRelay(reply *textproto.Error) bool {
	return reply.Code == 503 || strings.Contains(strings.ToLower(reply.Msg), "relay")
}

// greylisted reports whether a server refuses temporarily because it does not know the sender yet: 4.7.x, or a word to that effect
// in the text (postgrey: 4.2.0). This only delays the next attempt, so a wrong guess does no harm.
func greylisted(code int, enhanced, text string) bool {
	if code != 450 && code != 451 {
		return false
	}
	text = strings.ToLower(text)
	return strings.HasPrefix(enhanced, "4.7.") || strings.Contains(text, "greylist") || strings.Contains(text, "graylist")
}

func permanent(code, message string) *channel.Error {
	return &channel.Error{Class: usherv1.ErrorPermanent, Code: code, Message: message}
}
