// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package postfix runs Debian's Postfix for tests: a real mail server's word on what Usher sends.
//
// It runs in a folder of its own, at high ports of the loopback address, beside whatever Postfix the machine has, and delivers all
// that it takes into one Maildir. It offers STARTTLS with a certificate of its own authority, wants a password (SASL), refuses whom
// it does not know, and can ask a policy service whether to defer a recipient.
//
// Postfix needs root and Debian's packages. Require installs those where it may.
package postfix
