// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package smtpsink has mail servers for tests and for the demo.
//
// A Sink is a well-behaved server that keeps every mail: with STARTTLS, implicit or no TLS, with or without a password, and
// with a Script that makes it refuse, hold or drop mails. The script applies at EHLO, AUTH, MAIL, RCPT and the end of the body.
//
// A Scripted server speaks SMTP by itself, line by line, and can misbehave at every verb: at the greeting, at STARTTLS, at DATA,
// at RSET and QUIT too, and with bytes that are not SMTP. It keeps the commands, not the mails.
package smtpsink
