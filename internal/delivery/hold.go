// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import "time"

// No recipient gets more than MailsPerRecipient mails within RecipientWindow from one namespace, whichever accounts and servers send them.
// Package ratelimit says what holds for several namespaces that send through one server.
const (
	MailsPerRecipient = 5
	RecipientWindow   = time.Hour
)

// QuotaWindow is the time in which an account may send as many mails through the default Secret as its quota says.
const QuotaWindow = 24 * time.Hour

// LongestWait is how far ahead at most a status says that a message is tried again or, held by a limit other than the quota, sent.
const LongestWait = max(longestPause*12/10, RecipientWindow)

// Hold is a rate limit that a message has to wait for, although it could be sent.
type Hold struct {
	// Until is when to try again, in whole seconds.
	Until time.Time
	// Reason is usherv1.ReasonRateLimited, usherv1.ReasonRecipientLimited or usherv1.ReasonQuotaReached.
	Reason string
}
