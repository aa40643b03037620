// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package smtpsink holds mail servers for tests and for the demo.
//
// A Sink is a well-behaved server that keeps every mail: with STARTTLS, implicit or no TLS, with or without a password, and
// with a Script that has it refuse, hold or drop what it is told to. It listens at EHLO, AUTH, MAIL, RCPT and the end of the
// body.
//
// A Scripted server speaks SMTP by itself, line by line, and can misbehave at every verb: at the greeting, at STARTTLS, at DATA,
// at RSET and QUIT too, and with bytes that are no SMTP. It keeps what it was told, not the mails.
package smtpsink
