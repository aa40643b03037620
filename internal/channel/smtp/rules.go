// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"slices"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// rule says what the replies that it applies to mean.
type rule struct {
	applies func(answer) bool
	class   usherv1.ErrorClass
	// reason of the condition MailReady, if the reply is about every mail.
	reason string
	// advice ends the sentence "the server answered 550 5.1.1 to RCPT TO".
	advice string
	// greylisted: the server asks to come back later, because it does not know the sender yet.
	greylisted bool
	// namesRecipient: the reply says that it is about the recipient. Otherwise only the stage suggests it.
	namesRecipient bool
}

const (
	tempAdvice = ", which may pass; Usher tries again"
	authAdvice = ": it does not accept the authentication; check username, password and tls"
	toAdvice   = ": it refuses this recipient permanently; correct the address, or raise sendGeneration to try again"
)

// ruleFor returns the first rule that applies to a reply.
func ruleFor(a answer) rule {
	return rules[slices.IndexFunc(rules, func(r rule) bool { return r.applies(a) })]
}

// rules are the rules in their order. In short: before MAIL, a refusal is about every mail. After that, 4xx, quotas and rates are
// temporary. What is refused before or after RCPT is about us, what is refused at RCPT about the recipient, unless the code or the
// words say otherwise; and words about us come before words about the recipient, since many of the latter are part of the former
// ("Sender address rejected: user unknown"). TestReplies has the replies of real servers that the words come from.
var rules = []rule{
	{ // Not an answer to the command.
		applies: func(a answer) bool { return a.code < 400 || a.code > 599 },
		class:   usherv1.ErrorTemporary, advice: ", which is no answer to that; check host and port if this stays",
	},
	{ // Every mail would get this answer: one probe a minute is enough.
		applies: func(a answer) bool { return a.at.beforeMail() && a.code < 500 },
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonServerUnreachable,
		advice: ", which may pass; Usher tries again every minute; if this stays, check username and password, set connections to the " +
			"number of connections that the server allows at once, or ask its administrator",
	},
	{ // Only the text or 4.7.x says so (postgrey: 4.2.0), and a wrong guess only delays the next attempt.
		applies: greylists,
		class:   usherv1.ErrorTemporary, greylisted: true,
		advice: ": it does not know the sender yet and asks to come back later; Usher tries again",
	},
	{ // The server says so. The code counts, not the class of the enhanced code: Gmail answers "421 5.7.32".
		applies: func(a answer) bool { return a.code < 500 },
		class:   usherv1.ErrorTemporary, advice: tempAdvice,
	},
	{ // RFC 3207.
		applies: func(a answer) bool { return a.at == stageTLS },
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonTLSFailed,
		advice: ", so nothing was sent; someone on the way may refuse STARTTLS in its place: ask its administrator whether it speaks " +
			"STARTTLS on this port; a port that speaks TLS from the first byte (usually 465) needs tls: Implicit",
	},
	{ // RFC 4954 section 6, and Exchange's 5.7.57. Before the quotas: "535 Too many invalid logon attempts" is about the password.
		applies: concernsAuth,
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonAuthFailed, advice: authAdvice,
	},
	{ // The server does not talk to us.
		applies: func(a answer) bool { return a.at.beforeMail() },
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonServerUnreachable,
		advice: ": it refuses the conversation; check host, port and heloName, or ask its administrator",
	},
	{ // RFC 6531: this address needs SMTPUTF8, and others need not.
		applies: func(a answer) bool { return a.is("6.7", "6.9") },
		class:   usherv1.ErrorPermanent, namesRecipient: true, advice: toAdvice,
	},
	{ // All mails have about the same size. Before the quotas, whose word "limit" is here, too.
		applies: func(a answer) bool { return a.is("3.4", "2.3") || a.has("message size", "too large", "too big") },
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonMailRefused,
		advice: ": the mail is too large for it; ask its administrator for a higher limit, or shorten your own templates",
	},
	{ // Quotas and rates, ours or the recipient's, pass with whatever code. A full mailbox gets emptied, and servers differ only in a
		// setting between 452 and 552. With Exchange Online, 5.2.2 can be our own mailbox.
		applies: func(a answer) bool {
			return a.is("2.2", "4.5") || a.has("limit", "quota", "throttl", "too many", " rate ", "later", "storage", "is full", "mailbox full")
		},
		class: usherv1.ErrorTemporary, advice: tempAdvice,
	},
	{ // The server does not know the recipient yet.
		applies: func(a answer) bool { return a.at == stageMail },
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonAuthFailed,
		advice: ": it does not accept the sender; write an address into \"from\" that this user may send as",
	},
	{ // Exchange: this recipient takes no mail from outside. The texts speak of the sender.
		applies: func(a answer) bool { return a.is("7.12", "7.124", "7.133", "7.134", "7.135", "7.136") },
		class:   usherv1.ErrorPermanent, namesRecipient: true, advice: toAdvice,
	},
	{ // RFC 5321 has no code for it, and a forgotten password would look like a hundred wrong recipients.
		applies: func(a answer) bool { return a.has("relay", "rcpthosts") || a.at == stageRcpt && a.code == 503 },
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonAuthFailed,
		advice: ": it does not relay; add username and password, or use a server that accepts mail from here",
	},
	{ // X.1.7, X.1.8 and X.2.252 (SendAsDenied) are the sender's address. Postfix says so at RCPT by default (smtpd_delay_reject).
		applies: func(a answer) bool { return a.is("1.7", "1.8", "2.252") || a.has("sender") },
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonAuthFailed,
		advice: ": it does not accept the sender; write an address into \"from\" that this user may send as",
	},
	{ // The address or the name of the client.
		applies: func(a answer) bool { return a.has("helo", "client host", "dns") },
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonMailRefused,
		advice: ": it does not accept this client's name or address; write a name that DNS knows into heloName, or ask its administrator to " +
			"accept mail from here",
	},
	{ // What the sender's domain is known for (RFC 7372: SPF, DKIM, DMARC), and the words of filters.
		applies: func(a answer) bool {
			return a.has("spf", "dkim", "dmarc", "authenticat", "spam", "blacklist", "black list", "block list", "reputation",
				"not allowed", "prohibit", "policy")
		},
		class: usherv1.ErrorConfiguration, reason: usherv1.ReasonMailRefused, advice: policyAdvice,
	},
	{ // X.1.* and X.2.1 are the recipient's address and mailbox, at the end of the mail, too.
		applies: func(a answer) bool { return a.is("1", "2.1") },
		class:   usherv1.ErrorPermanent, namesRecipient: true, advice: toAdvice,
	},
	{ // Before X.7.*: Yandex, SFR, Proofpoint and Postfix say with such a code that a user is unknown. Not "mailbox unavailable", which is
		// the phrase of RFC 5321 for any 550.
		applies: func(a answer) bool {
			return a.has("user unknown", "unknown user", "no such", "not exist", "n't exist", "n't have", "not found", "disabled", "recipient")
		},
		class: usherv1.ErrorPermanent, namesRecipient: true, advice: toAdvice,
	},
	{ // Security and policy (RFC 3463 section 3.8), such as Microsoft's 5.7.5xx and 5.7.60, and Gmail's 5.7.26 to 5.7.30.
		applies: func(a answer) bool { return a.is("7") },
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonMailRefused, advice: policyAdvice,
	},
	{ // The recipient was accepted. All invitations look alike.
		applies: func(a answer) bool { return a.at == stageData || a.at == stageBody },
		class:   usherv1.ErrorConfiguration, reason: usherv1.ReasonMailRefused,
		advice: ": it accepts the recipient and refuses the mail; ask its administrator why",
	},
	{ // What is left at RCPT.
		applies: func(answer) bool { return true },
		class:   usherv1.ErrorPermanent, advice: toAdvice,
	},
}

const policyAdvice = ": its policy refuses mails from this sender; set up SPF, DKIM and DMARC for the sender's domain, check whether its " +
	"address is on a block list, or ask its administrator"

// concernsAuth: X.7.9 is also what Yahoo refuses the content of mails with, so it needs the code that belongs to it.
func concernsAuth(a answer) bool {
	return a.at == stageAuth || slices.Contains([]int{530, 534, 535, 538}, a.code) || a.is("7.8", "7.11", "7.57")
}

func greylists(a answer) bool {
	if a.code != 450 && a.code != 451 {
		return false
	}
	limited := a.has("limit", " rate ", "too many", "busy", "client host", "relay")
	return a.has("greylist", "graylist") || a.is("7") && !limited
}
