// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package compact

import (
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"
)

// A string begins with a number: its last two bits say what the others are.
const (
	textLength = iota // its length; it follows
	textWord          // its number in the dictionary
	textAgain         // its number among the strings of this object that follow their length
	textForms  = 2    // bits
	textForm   = 1<<textForms - 1
)

// repeatable is how short a string may be to be looked for among those that the object has had, and maxStrings how many of those count.
const (
	repeatable = 6
	maxStrings = 64
)

type encoder struct {
	words  *dictionary
	buffer []byte
	had    []string
}

func (e *encoder) unsigned(n uint64) { e.buffer = binary.AppendUvarint(e.buffer, n) }

// text encodes a string. One that is common is added to the dictionary.
func (e *encoder) text(s string, isCommon bool) {
	if number, known := e.words.number(s, isCommon); known {
		e.unsigned(number<<textForms | textWord)
		return
	}
	if len(s) >= repeatable {
		for i := range e.had {
			if e.had[i] == s {
				e.unsigned(uint64(i)<<textForms | textAgain)
				return
			}
		}
		if len(e.had) < maxStrings {
			e.had = append(e.had, s)
		}
	}
	e.unsigned(uint64(len(s)) << textForms) // textLength is 0
	e.buffer = append(e.buffer, s...)
}

type decoder struct {
	words []string
	data  string
	had   []string
}

func (d *decoder) unsigned() (n uint64) {
	for shift, i := 0, 0; ; shift, i = shift+7, i+1 {
		b := d.data[i]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			d.data = d.data[i+1:]
			return n
		}
	}
}

func (d *decoder) signed() int64 {
	n := d.unsigned()
	return int64(n>>1) ^ -int64(n&1)
}

// text decodes a string. It is a part of the encoded object, or of the dictionary, and takes no memory of its own.
func (d *decoder) text() string {
	n := d.unsigned()
	switch n & textForm {
	case textWord:
		return d.words[n>>textForms]
	case textAgain:
		return d.had[n>>textForms]
	}
	length := n >> textForms
	s := d.data[:length]
	d.data = d.data[length:]
	if length >= repeatable && len(d.had) < maxStrings {
		d.had = append(d.had, s)
	}
	return s
}

// A dictionary has at most that many words, each at most that long. It forgets none; further ones are no words.
const (
	maxWords = 1 << 14
	maxWord  = 64
)

// dictionary numbers strings that many objects have in common.
type dictionary struct {
	mu      sync.RWMutex
	numbers map[string]uint64
	// words by number. A word is never changed, so that those who have an older slice need no lock.
	words atomic.Pointer[[]string]
}

func newDictionary() *dictionary {
	d := &dictionary{numbers: map[string]uint64{}}
	d.words.Store(&[]string{})
	return d
}

// number returns the number of a word, and adds it on demand if it is none yet.
func (d *dictionary) number(s string, add bool) (number uint64, known bool) {
	if len(s) > maxWord || s == "" {
		return 0, false
	}
	d.mu.RLock()
	number, known = d.numbers[s]
	d.mu.RUnlock()
	if known || !add {
		return number, known
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if number, known = d.numbers[s]; known || len(d.numbers) >= maxWords {
		return number, known
	}
	s = strings.Clone(s) // it may be a part of something larger
	words := append(*d.words.Load(), s)
	number = uint64(len(words) - 1)
	d.words.Store(&words)
	d.numbers[s] = number
	return number, true
}
