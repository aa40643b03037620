// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"
)

// An account's template is text, variables and conditions: {{.Name}}, {{if .Role}} … {{else}} … {{end}}, and in a condition the
// functions and, or, not, eq and ne. That is all of text/template that a mail needs, and it has no loops, no calls and no
// definitions: such a template always ends, never fails while it runs, and is never much longer than its source.

// variables are what an account's templates may name, and all that they may name. Every one is one line of text; those that are
// not known of an invitee are empty.
type variables struct {
	// Account is the company that invites.
	Account string
	// Name of the invitee; may be empty.
	Name string
	// Role that the invitee will have; may be empty.
	Role string
	// Recipient is the invitee's address.
	Recipient string
	// Link is the link of the invitation; both bodies must have it.
	Link string
	// Expires is when the link stops working, as the language writes it, with the time zone.
	Expires string
	// ContactEmail and ContactPhone are whom to ask; either may be empty.
	ContactEmail, ContactPhone string
}

// maxTemplate is how long one template may be, in bytes.
const maxTemplate = 64 << 10

// functions are those that a template may call. Their names is all that the parser asks for.
var functions = map[string]any{"and": true, "or": true, "not": true, "eq": true, "ne": true}

// variableNames are the fields of variables.
var variableNames = func() (names []string) {
	for field := range reflect.TypeFor[variables]().Fields() {
		names = append(names, "."+field.Name)
	}
	return names
}()

// located takes apart what the template packages say of a template: its line, if they say one, and the problem.
func located(key string, err error) (line int, problem string) {
	match := position.FindStringSubmatch(err.Error())
	if match == nil || match[1] != key {
		return 0, clip(err.Error())
	}
	line, _ = strconv.Atoi(match[2])
	return line, clip(match[3])
}

var position = regexp.MustCompile(`(?s)^(?:html/)?template: ?([^:]*):(\d+):(?:\d+:)? ?(.*)$`)

// clip keeps a problem short that quotes what somebody wrote.
func clip(problem string) string {
	if runes := []rune(oneLine(problem)); len(runes) > maxValue {
		return string(runes[:maxValue])
	}
	return oneLine(problem)
}

// parseTemplate parses a template and checks that it is one of ours.
func parseTemplate(key, source string) (*parse.Tree, *Mistake) {
	switch {
	case len(source) > maxTemplate:
		return nil, &Mistake{Key: key, Problem: fmt.Sprintf("has %d KiB; a template has at most %d", len(source)>>10, maxTemplate>>10)}
	case strings.TrimSpace(source) == "":
		return nil, &Mistake{Key: key, Problem: "is empty; write the template, or remove the key"}
	}
	trees, err := parse.Parse(key, source, "", "", functions)
	if err != nil {
		line, problem := located(key, err)
		return nil, &Mistake{Key: key, Line: line, Problem: problem}
	}
	tree := trees[key]
	if len(trees) != 1 || tree == nil {
		return nil, &Mistake{Key: key, Problem: "defines templates; a mail is one template with text, variables and {{if}}"}
	}
	if wrong := checkNode(tree.Root); wrong != nil {
		line := 1 + strings.Count(source[:min(int(wrong.node.Position()), len(source))], "\n")
		return nil, &Mistake{Key: key, Line: line, Problem: clip(wrong.problem)}
	}
	return tree, nil
}

// illegal is a part of a template that is not one of ours.
type illegal struct {
	node    parse.Node
	problem string
}

func checkNode(node parse.Node) *illegal {
	switch n := node.(type) {
	case nil:
		return nil
	case *parse.TextNode, *parse.CommentNode:
		return nil
	case *parse.ActionNode:
		return checkPipe(n.Pipe)
	case *parse.IfNode:
		if wrong := checkPipe(n.Pipe); wrong != nil {
			return wrong
		}
		if wrong := checkNode(n.List); wrong != nil || n.ElseList == nil {
			return wrong
		}
		return checkNode(n.ElseList)
	case *parse.ListNode:
		for _, inner := range n.Nodes {
			if wrong := checkNode(inner); wrong != nil {
				return wrong
			}
		}
		return nil
	}
	return &illegal{node, "only text, variables and {{if}} may stand in a mail"}
}

func checkPipe(pipe *parse.PipeNode) *illegal {
	if len(pipe.Decl) > 0 || len(pipe.Cmds) != 1 {
		return &illegal{pipe, "a mail has no variables of its own and no pipes; write {{.Name}} or {{if .Name}}"}
	}
	command := pipe.Cmds[0]
	first, arguments := command.Args[0], command.Args[1:]
	name, isFunction := first.(*parse.IdentifierNode)
	if !isFunction {
		if len(arguments) > 0 {
			return &illegal{command, "takes no arguments"}
		}
		return checkValue(first)
	}
	comparison := name.Ident == "eq" || name.Ident == "ne"
	switch {
	case comparison && len(arguments) < 2, !comparison && len(arguments) < 1, name.Ident != "eq" && comparison && len(arguments) > 2,
		name.Ident == "not" && len(arguments) > 1:
		return &illegal{command, name.Ident + " is given too few or too many values"}
	}
	for _, argument := range arguments {
		if _, nested := argument.(*parse.PipeNode); nested && comparison {
			return &illegal{argument, name.Ident + " compares a variable with a text, such as {{if eq .Role \"admin\"}}"}
		}
		if wrong := checkValue(argument); wrong != nil {
			return wrong
		}
	}
	return nil
}

func checkValue(node parse.Node) *illegal {
	switch n := node.(type) {
	case *parse.StringNode:
		return nil
	case *parse.PipeNode:
		return checkPipe(n)
	case *parse.FieldNode:
		if _, known := reflect.TypeFor[variables]().FieldByName(n.Ident[0]); known && len(n.Ident) == 1 {
			return nil
		}
		return &illegal{node, "there is no variable " + n.String() + "; there are " + strings.Join(variableNames, ", ")}
	}
	return &illegal{node, node.String() + " is neither a variable nor a text in quotation marks; the variables are " + strings.Join(variableNames, ", ")}
}
