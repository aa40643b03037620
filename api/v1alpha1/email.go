// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// MaxEmailBytes is the length of the longest address in bytes: a path of 256 less its angle brackets (RFC 5321 section 4.5.3.1.3).
const MaxEmailBytes = 254

var (
	errEmailTooLong = errors.New("it is longer than 254 bytes, with its domain in ASCII")
	errEmailSyntax  = errors.New("it is not one plain e-mail address")
	errEmailDomain  = errors.New("its domain is no name that the DNS can have (RFC 5891)")
)

// domainNames maps and checks domain names as a browser does (UTS 46, nontransitional). It allows hyphens in the third and fourth place
// of a label: such domains exist.
var domainNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false), idna.VerifyDNSLength(true))

// Key is the form that all spellings of an address share, and no other address has. It is what indexes, limits and tokens are made of.
//
// The domain is in ASCII (A-labels, RFC 5890), in lower case and without a final dot. The local part is in lower case and in Unicode's
// Normalization Form C, as RFC 6532 section 3.1 wants it. By RFC 5321 section 2.4 only the receiving server knows whether its local parts
// depend on case; no server of note has two mailboxes that differ in it, and a change of case must not get around a limit or take another
// seat. Lower case, and not case folding, keeps letters apart that are not the same (ß and ss), as RFC 8264 section 5.2.3 recommends; only
// the two small sigmas are one, which do not differ in upper case.
//
// What has no such form has a key all the same: its domain is only put into lower case and Normalization Form C. Letters that look alike
// are different, such as a Latin and a Cyrillic a.
func (e EmailAddress) Key() string {
	lower := e.LowerCase()
	at := strings.LastIndexByte(lower, '@')
	if at < 0 {
		return lower
	}
	local, domain := strings.ReplaceAll(lower[:at], "ς", "σ"), lower[at+1:]
	if isCanonical(domain) {
		return local + "@" + domain
	}
	if ascii, err := asciiDomain(domain); err == nil {
		domain = ascii
	}
	return local + "@" + domain
}

// SameAs reports whether two spellings mean one address.
func (e EmailAddress) SameAs(other EmailAddress) bool { return e.Key() == other.Key() }

// LowerCase returns the address in lower case and Normalization Form C, and otherwise as it is written. It has the same Key.
func (e EmailAddress) LowerCase() string {
	if !strings.ContainsFunc(string(e), isNotASCII) {
		return strings.ToLower(string(e))
	}
	// Without context, so that a sigma does not depend on its place: a domain keeps the two small ones apart.
	lower := cases.Lower(language.Und, cases.HandleFinalSigma(false))
	return norm.NFC.String(lower.String(norm.NFC.String(string(e))))
}

// Mailbox returns the address in the form that mail servers take: the local part in Normalization Form C with its case kept, the domain in
// ASCII. The result is not ASCII only if the local part is not, and then needs SMTPUTF8 (RFC 6531). The error says what is wrong with an
// address that no mail can go to; the API server refuses most of those.
func (e EmailAddress) Mailbox() (string, error) {
	if len(e) > MaxEmailBytes {
		return "", errEmailTooLong
	}
	local, domain, found := strings.Cut(string(e), "@")
	if !found || local == "" || domain == "" || !utf8.ValidString(string(e)) ||
		strings.ContainsFunc(local, isNeverPlain) || strings.ContainsFunc(domain, isNeverPlain) {
		return "", errEmailSyntax
	}
	domain, err := asciiDomain(EmailAddress(domain).LowerCase())
	if err != nil {
		return "", err
	}
	mailbox := norm.NFC.String(local) + "@" + domain
	if len(mailbox) > MaxEmailBytes {
		return "", errEmailTooLong
	}
	return mailbox, nil
}

// isCanonical reports whether asciiDomain returns a domain that is in lower case unchanged, or an error. Of most domains this is known
// without the tables of UTS 46; an account's ledger asks it of all members.
func isCanonical(domain string) bool {
	return !strings.ContainsFunc(domain, isNotASCII) && !strings.Contains(domain, "xn--") && !strings.HasSuffix(domain, ".")
}

// asciiDomain returns a domain that is in lower case as A-labels, without a dot at the end.
func asciiDomain(domain string) (string, error) {
	if len(domain) > MaxEmailBytes { // decoding and encoding take quadratic time
		return "", errEmailDomain
	}
	for _, dot := range []string{".", "。", "．", "｡"} { // UTS 46 section 2.3
		if rest, found := strings.CutSuffix(domain, dot); found {
			domain = rest
			break
		}
	}
	ascii, err := domainNames.ToASCII(domain)
	if err != nil {
		return "", errEmailDomain
	}
	// Letters that are mapped to Hebrew or Arabic ones, such as U+2135, are checked as what they are mapped to only here.
	if again, err := domainNames.ToASCII(ascii); err != nil || again != ascii {
		return "", errEmailDomain
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return "", errEmailDomain
		}
	}
	return ascii, nil
}

// isNeverPlain reports whether the API refuses a letter in an address, on both sides of the @.
func isNeverPlain(r rune) bool {
	return unicode.In(r, unicode.C, unicode.Z) || strings.ContainsRune(`@<>()[],;:"\`, r)
}

func isNotASCII(r rune) bool { return r >= utf8.RuneSelf }
