// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package channel

import usherv1 "github.com/usher-dev/usher/api/v1alpha1"

// Error is a failed attempt to send or probe. Its text goes into conditions and logs, so it contains no address and no secret.
type Error struct {
	// Class is what the failure means for the next attempt.
	Class usherv1.ErrorClass
	// Code is the reply code with its enhanced code, such as "451 4.7.1", or a word such as "timeout" if there was no reply.
	Code string
	// Reason is the reason of the MailReady condition (usherv1.ReasonServerUnreachable, ReasonTLSFailed, ReasonAuthFailed, ReasonMailRefused)
	// if the failure concerns the endpoint and not this message; else it is empty.
	Reason string
	// Refusal identifies how the endpoint refused the message, although it would pass a probe: equal for recipients that were refused with the
	// same reply. It is empty for other failures. It is a hash and contains nothing of the reply.
	Refusal string
	// NamesRecipient is set if the refusal says that it is about the recipient.
	NamesRecipient bool
	// ToAll is set if the endpoint refused the message before it knew the recipient.
	ToAll bool
	// Message says in one sentence what happened and what to do about it.
	Message string
	// Greylisted is set if the server asked to come back later because it does not know the sender yet.
	Greylisted bool
	// InDoubt is set if the server may have accepted the message: the whole message was sent, and the answer did not arrive.
	InDoubt bool
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }
