// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path"
	"regexp"
	"strings"
)

// word is something that this tree no longer says.
type word struct {
	// pattern finds it in a comment, a string or a text, in whatever case.
	pattern string
	// instead is what to write.
	instead string
	// names: the pattern is also not part of an identifier. Identifiers are split at capitals and underscores: HandsOut is "hands out".
	names bool
}

// words are written as the Kubernetes docs and Go's standard library do not write, or are names that mechanisms have lost.
var words = []word{
	// English.
	{pattern: `tells? (us )?whether`, instead: `"reports whether"`},
	{pattern: `somebody`, instead: `"someone", or better who it is: "the member", "the invitee", "another controller"`},
	{pattern: `nobody`, instead: `"no one", or better what does not happen: "no member has the seat"`},
	{pattern: `everybody`, instead: `"everyone", or better who they are: "all members"`},
	{pattern: `anybody`, instead: `"anyone", or better who it is`},
	{pattern: `who(so)?ever`, instead: `"the member who", "anyone who", "if you"`},
	{pattern: `whomever`, instead: `"the member whom", "anyone whom"`},
	{pattern: `(is|are|be|was|were) asked by`, instead: `the active voice: "X asks Y"`},
	{pattern: `asked by (none|no one)`, instead: `the active voice: "no one asks"`},
	{pattern: `not an? \w+ (was|is|were) \w+ed`, instead: `"no change was passed on"`},
	{pattern: `what is to (be|become|happen)`, instead: `"the desired …", or the noun`},
	{pattern: `there (is|are|was) no(body| one) who`, instead: `"no one …"`},
	{pattern: `which (is|are) there (already|now)`, instead: `"existing"`},
	{pattern: `for as long as it is`, instead: `"while"`},
	// Mechanisms have their usual names.
	{pattern: `(waits?|waiting|stands?|standing|place|next|first|last) in (the |a |its )?line`, instead: `"waits for a slot", "queue"`},
	{pattern: `keepers?`, instead: `"the SeatPool controller"`, names: true},
	{pattern: `elders?`, instead: `"the first member", FirstMemberCache`, names: true},
	{pattern: `heirs?`, instead: `"successor"`, names: true},
	{pattern: `estates?`, instead: `"owned objects"`, names: true},
	{pattern: `bequeath(s|ed|ing)?`, instead: `"reassign owned objects"`, names: true},
	{pattern: `(hand|hands|handed|handing) out`, instead: `"deliver by link"`, names: true},
	{pattern: `fibers?`, instead: `"coroutine"`, names: true},
	{pattern: `front desk|the desk|link desk`, instead: `"the portal", "the handler"`},
	{pattern: `doubting`, instead: `"read live next"`, names: true},
	{pattern: `seams?`, instead: `"test hooks"`, names: true},
	{pattern: `shel(f|ves)`, instead: `"idle connections"`, names: true},
	{pattern: `tiers?`, instead: `"plan"`, names: true},
	{pattern: `the post (depends|sends|knows)|post office`, instead: `"mail", "the outbox"`},
	{pattern: `the hands (depend|of the|act|do)`, instead: `"the controllers"`},
	// Packages that have moved.
	{pattern: `internal/guard\b`, instead: `internal/admission`},
	{pattern: `internal/pace\b`, instead: `internal/outbox/ratelimit`},
	{pattern: `internal/mail\b`, instead: `internal/message or internal/channel/smtp`},
	{pattern: `internal/(testkit|simulation|prove|journey|products)\b`, instead: `internal/test/…`},
}

// allowed is where a word may stay, and why.
type allowed struct {
	// file is a pattern of path.Match, or a folder that ends with a slash.
	file string
	// text is part of the line; empty for any.
	text   string
	reason string
}

var allowList = []allowed{
	{"hack/decisions/", "", "a decision is history and is not rewritten"},
	{"hack/words/", "", "the list and its test name what they look for"},
	{"LICENSE", "", "the words are the licence's"},
	{"config/crd/bases/", "", "generated from the comments in api/, which are checked"},
	{"internal/message/catalogue/*.yaml", "", "what mails and pages say, in their languages"},
	{"", "nobody@", "an address: a mailbox that does not exist"},
	{"internal/test/testkit/postfix/*.go", `"nobody"`, "the name of a Unix user"},
}

// skipped reports whether no line of a file is checked.
func skipped(file string) bool {
	for _, a := range allowList {
		if a.text == "" && a.covers(file) {
			return true
		}
	}
	return strings.Contains(file, "/testdata/") || strings.Contains(file, "/assets/")
}

func (a allowed) covers(file string) bool {
	if strings.HasSuffix(a.file, "/") {
		return strings.HasPrefix(file, a.file)
	}
	matches, err := path.Match(a.file, file)
	return a.file == "" || err == nil && matches
}

func allowedIn(file, line string) bool {
	for _, a := range allowList {
		if a.text != "" && a.covers(file) && strings.Contains(line, a.text) {
			return true
		}
	}
	return false
}

var compiled = func() []*regexp.Regexp {
	list := make([]*regexp.Regexp, len(words))
	for i, w := range words {
		list[i] = regexp.MustCompile(`(?i)\b(?:` + w.pattern + `)\b`)
	}
	return list
}()
