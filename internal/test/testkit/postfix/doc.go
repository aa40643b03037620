// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package postfix runs Debian's Postfix for tests, to check Usher's mails with a real mail server.
//
// It runs in a folder of its own and on high ports of the loopback address, independent of any Postfix of the machine, and delivers all
// accepted mails into one Maildir. It offers STARTTLS with a certificate of its own authority, requires a password (SASL), refuses
// unknown recipients, and can ask a policy service whether to defer a recipient.
//
// Postfix needs root and Debian's packages. Require installs the packages if it may.
package postfix
