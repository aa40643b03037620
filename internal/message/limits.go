// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"fmt"
	"strings"
	"text/template/parse"
)

// The limits of an account's templates. All accounts share the manager that parses them: within these limits, a whole ConfigMap costs
// it a few hundredths of a second, and less than a megabyte besides the texts.
const (
	// maxKeys is how many keys a ConfigMap may have.
	maxKeys = 200
	// maxWording is the maximum length of all templates of a ConfigMap together, in bytes.
	maxWording = 512 << 10
	// maxTemplate is the maximum length of one template, in bytes.
	maxTemplate = 64 << 10
	// maxActions is how often a template may have {{.
	maxActions = 200
	// maxAction is the maximum length of what stands between {{ and }}, in bytes. Comments may be longer.
	maxAction = 1 << 10
	// maxDepth is how deep conditions, and parentheses in a condition, may be nested.
	maxDepth = 16
)

// Size returns how long an account's templates are together, in bytes.
func Size(data map[string]string) int {
	size := 0
	for _, source := range data {
		size += len(source)
	}
	return size
}

// measureAll returns what is too long about all templates together; nil if nothing is.
func measureAll(data map[string]string) *Mistake {
	if len(data) > maxKeys {
		return &Mistake{Problem: fmt.Sprintf("has %d keys; a ConfigMap of templates has at most %d", len(data), maxKeys)}
	}
	if size := Size(data); size > maxWording {
		return &Mistake{Problem: fmt.Sprintf("has %d KiB; all templates together have at most %d", size>>10, maxWording>>10)}
	}
	return nil
}

// measure returns what is too long about a template, before it is parsed; nil if nothing is.
func measure(key, source string) *Mistake {
	if len(source) > maxTemplate {
		return &Mistake{Key: key, Problem: fmt.Sprintf("has %d KiB; a template has at most %d", len(source)>>10, maxTemplate>>10)}
	}
	if actions := strings.Count(source, "{{"); actions > maxActions {
		return &Mistake{Key: key, Problem: fmt.Sprintf("has {{ %d times; a template has it at most %d times", actions, maxActions)}
	}
	for rest := source; ; {
		_, action, found := strings.Cut(rest, "{{")
		if !found {
			return nil
		}
		end, comment := endOfAction(action)
		if end > maxAction && !comment {
			line := 1 + strings.Count(source[:len(source)-len(action)], "\n")
			return &Mistake{Key: key, Line: line, Problem: fmt.Sprintf("what stands between {{ and }} has at most %d bytes", maxAction)}
		}
		rest = action[end:]
	}
}

// endOfAction returns where an action ends, given the text after its {{, and whether it is a comment. It reads texts in quotation marks
// and comments as the parser does. Where those do not end, the parser stops.
func endOfAction(action string) (end int, comment bool) {
	if start := strings.TrimPrefix(action, "- "); strings.HasPrefix(start, "/*") {
		_, after, _ := strings.Cut(start, "*/")
		return len(action) - len(after), true
	}
	var quote byte
	for i := 0; i < len(action); i++ {
		switch c := action[i]; {
		case quote != 0 && c == '\\' && quote != '`':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case strings.HasPrefix(action[i:], "}}"):
			return i, false
		}
	}
	return len(action), false
}

// tooDeep returns what is wrong with a condition, or an expression, that is nested that deep; nil if nothing is.
func tooDeep(node parse.Node, depth int) *illegal {
	if depth <= maxDepth {
		return nil
	}
	return &illegal{node, fmt.Sprintf("conditions and parentheses are nested more than %d deep; combine them with and, or", maxDepth)}
}
