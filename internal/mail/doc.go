// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mail is the post: it reads an SMTP Secret, writes the invitation in the invitee's language, hands it to the server
// and tells what the server's answer means.
//
// SMTP has no idempotency key. Send returns nil once the server has said 250 after the final dot, whatever happens to the
// connection after that; if the connection dies before the answer, nobody knows, and Send says Temporary. The caller sends
// again with the same Message-ID and the same link, so that a second copy does no harm.
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
//	MAIL FROM               5xx: the server does not take our sender        Configuration   AuthFailed
//	RCPT TO                 5xx that speaks of relaying, 503                Configuration   AuthFailed
//	RCPT TO, DATA, the dot  any other 5xx                                   Permanent
//
// A Configuration failure never costs a recipient the invitation: it is about our side, and waits until that is mended. This
// is why MAIL FROM is never Permanent: a wrong `from` would reject everybody. A relay refused is the one place where the text
// of a reply is read, since RFC 5321 gives it no code of its own and a forgotten password would otherwise look like 100 bad
// recipients. Every failure of a Probe has a reason.
//
// # Addresses outside ASCII
//
// Domains are written in their ASCII form (RFC 5891). A local part outside ASCII needs a server with SMTPUTF8 (RFC 6531), which
// is asked for only then, since a mail that asks for it cannot pass on through a server without it. The address is written
// into the header as UTF-8. Without SMTPUTF8 such a recipient is refused here, as Permanent; there is no ASCII form to fall
// back to.
//
// # Adding a language
//
// See package catalogue; then run the tests with -update.
package mail
