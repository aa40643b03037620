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
//	where         what                                                     class           reason
//	before MAIL   refused, timeout, EOF, reset, DNS hiccup, garbled reply  Temporary       ServerUnreachable
//	before MAIL   4xx, 5xx, unknown host                                   Configuration   ServerUnreachable
//	TLS           bad certificate, alert, STARTTLS not offered, 5xx        Configuration   TLSFailed
//	AUTH          5xx, no mechanism in common                              Configuration   AuthFailed
//	MAIL          5xx                                                      Configuration   AuthFailed
//	from MAIL on  4xx, timeout, EOF, reset, garbled reply                  Temporary
//	from MAIL on  5xx about a quota or a rate                              Temporary
//	from RCPT on  5xx about authentication, sender or relaying             Configuration   AuthFailed
//	from RCPT on  5xx about the client, policy, size                       Configuration   MailRefused
//	DATA, the dot 5xx that does not name the recipient                     Configuration   MailRefused
//	from RCPT on  any other 5xx                                            Permanent
//
// rules.go tells these replies apart, by code, enhanced code and words. A Configuration failure concerns the sender's side. What Error says
// besides of a refusal from MAIL on, the outbox needs to find out whether that guess was right. Every failure of a Probe has a reason.
//
// # What a server can cost
//
// Everything that a server makes the client read, keep or compute is bounded: the bytes of a conversation and of a reply, the length and
// the number of its lines, the number and the length of challenges, the iterations of SCRAM, the time of each step, and the idle
// conversations. The caller's context bounds the time of all steps together.
//
// A tenant's server is at an address that Reach allows, and nothing is said of what is at any other.
//
// # Addresses outside ASCII
//
// Domains are written in ASCII (RFC 5891). A local part outside ASCII needs a server with SMTPUTF8 (RFC 6531). Only such mails
// ask for it, because a mail that asks for it cannot be relayed by a server without it. The address is written into the header as
// UTF-8. If the server has no SMTPUTF8, the recipient is refused as Permanent: there is no ASCII form of the address.
package smtp
