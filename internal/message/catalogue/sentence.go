// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package catalogue

import (
	"regexp"
	"strings"
)

// Sentence is a text of a catalogue with its values filled in.
type Sentence []Segment

// Segment is a part of a sentence: the catalogue's own words, or a value with the name of its placeholder.
type Segment struct {
	// Name of the placeholder; empty for the catalogue's own words.
	Name string
	Text string
}

// String returns the sentence as plain text.
func (s Sentence) String() string {
	var b strings.Builder
	for _, segment := range s {
		b.WriteString(segment.Text)
	}
	return b.String()
}

// placeholder is a name in braces, such as {account}.
var placeholder = regexp.MustCompile(`\{([a-zA-Z0-9]+)\}`)

// fill replaces each placeholder of a text with its value. A placeholder without a value stays as it is. A value is never
// searched for placeholders, because it may come from a user.
func fill(text string, values map[string]string) Sentence {
	var sentence Sentence
	end := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		name := text[at[2]:at[3]]
		value, known := values[name]
		if !known {
			continue
		}
		sentence = append(sentence, Segment{Text: text[end:at[0]]}, Segment{Name: name, Text: value})
		end = at[1]
	}
	return append(sentence, Segment{Text: text[end:]})
}
