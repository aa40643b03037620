// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package smtp sends messages over SMTP: it parses an SMTP Secret, composes the mail, talks to the server and classifies its
// answers.
//
// SMTP has no idempotency key. Send returns nil once the server has replied 250 to the final dot, whatever happens to the connection
// after that. If the connection dies before the reply, the outcome is unknown: Send returns a Temporary error with InDoubt. The caller
// sends again with the same Message-ID and the same link, so that a second copy does no harm.
//
// # What a failure means
//
//	where                   what                                            class           reason
//	connecting              refused, unreachable, timeout, DNS hiccup       Temporary       ServerUnreachable
//	connecting              unknown host                                    Configuration   ServerUnreachable
//	any                     4xx, timeout, EOF, reset, a garbled reply       Temporary
//	greeting, EHLO          5xx                                             Configuration   ServerUnreachable
//	TLS                     bad certificate, alert, STARTTLS not offered    Configuration   TLSFailed
//	AUTH                    5xx, no mechanism in common                     Configuration   AuthFailed
//	any                     530, 534, 535, 538, x.7.8, x.7.9, x.7.11        Configuration   AuthFailed
//	MAIL FROM               5xx: the server does not accept the sender        Configuration   AuthFailed
//	RCPT TO                 5xx that speaks of relaying, 503                Configuration   AuthFailed
//	RCPT TO, DATA, the dot  any other 5xx                                   Permanent
//
// A Configuration failure never costs a recipient the invitation: it concerns the sender's side, and the mail waits until that is
// corrected. This is why MAIL FROM is never Permanent: with a wrong `from`, every recipient would be rejected. The text of a reply
// is read only to find out that a server refuses to relay: RFC 5321 has no code for that, and a forgotten password would look like
// 100 bad recipients. Every failure of a Probe has a reason.
//
// # Addresses outside ASCII
//
// Domains are written in ASCII (RFC 5891). A local part outside ASCII needs a server with SMTPUTF8 (RFC 6531). Only such mails
// ask for it, because a mail that asks for it cannot be relayed by a server without it. The address is written into the header as
// UTF-8. If the server has no SMTPUTF8, the recipient is refused as Permanent: there is no ASCII form of the address.
package smtp
