// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package blocklist knows the passwords that strangers try first: those that many people use, and what is known of the person. NIST SP
// 800-63B-4 section 3.1.1.2 asks for such a list, and for one that is no longer than the limit on wrong passwords requires.
//
// common.txt says where its passwords come from.
package blocklist

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed common.txt
var commonText string

var listed = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(commonText) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all[line] = true
		}
	}
	return all
})

const (
	// shortUnit is the length of a text in characters that makes no password however often it is repeated.
	shortUnit = 4
	// shortestRun is how many neighbours in a row count as a run.
	shortestRun = 3
	// leastName is the length of a name in letters that a password must be more than.
	leastName = 3
)

// rows are the characters that follow each other in the alphabet, and on keyboards.
var rows = []string{
	"abcdefghijklmnopqrstuvwxyz", "0123456789012345678901234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm",
	"qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn",
}

// signs are what people write in place of letters.
var signs = strings.NewReplacer("@", "a", "4", "a", "3", "e", "1", "i", "!", "i", "0", "o", "5", "s", "$", "s", "7", "t")

// Common reports whether a password is one that many people use: a listed one, also with digits and signs around it, in place of its
// letters, or repeated; or one of neighbours on a keyboard.
func Common(password string) bool {
	text := strings.ToLower(strings.Join(strings.Fields(password), ""))
	return known(text) || repeats(text) || runs(text)
}

func known(text string) bool {
	core := strings.TrimFunc(text, notLetter)
	return listed()[text] || listed()[core] || listed()[signs.Replace(text)] || listed()[strings.TrimFunc(signs.Replace(strings.TrimFunc(text,
		unicode.IsDigit)), notLetter)]
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// repeats reports whether a text is a short one, or a listed one, again and again.
func repeats(text string) bool {
	for size := 1; size <= len(text)/2; size++ {
		unit := text[:size]
		if !utf8.ValidString(unit) || strings.Repeat(unit, len(text)/size+1)[:len(text)] != text {
			continue
		}
		return utf8.RuneCountInString(unit) <= shortUnit || known(unit)
	}
	return false
}

// runs reports whether all of a text is runs of neighbours, forwards or backwards, or of one character.
func runs(text string) bool {
	for text != "" {
		n := run(text)
		if n < shortestRun {
			return false
		}
		text = text[n:]
	}
	return true
}

// run returns the length in bytes of the longest run that a text begins with.
func run(text string) int {
	longest := len(text) - len(strings.TrimLeft(text, text[:1]))
	for _, row := range rows {
		for _, order := range []string{row, backwards(row)} {
			if at := strings.IndexByte(order, text[0]); at >= 0 {
				longest = max(longest, sharedPrefix(order[at:], text))
			}
		}
	}
	return longest
}

func backwards(row string) string {
	reversed := []byte(row)
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return string(reversed)
}

func sharedPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// Personal reports whether a password is a name that strangers know, such as that of the person or the company: in upper or lower case,
// with anything but letters in it, or repeated.
func Personal(password string, names ...string) bool {
	bare := letters(password)
	for _, name := range names {
		if strings.EqualFold(strings.TrimSpace(password), strings.TrimSpace(name)) {
			return true
		}
		name = letters(name)
		if utf8.RuneCountInString(name) < leastName || bare == "" {
			continue
		}
		if strings.ReplaceAll(bare, name, "") == "" {
			return true
		}
	}
	return false
}

// letters returns the letters of a text in lower case.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if notLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}
