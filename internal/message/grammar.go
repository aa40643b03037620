// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"
)

// An account's template consists of text, variables and conditions: {{.Name}}, {{if .Role}} … {{else}} … {{end}}, and in a
// condition the functions and, or, not, eq and ne. A mail needs no more of text/template. Without loops, calls and definitions a
// template always ends, never fails while it runs, and its output is never much longer than its source. See limits.go
// for what parsing it may cost.

// variables are the names that an account's templates may use; there are no others. Each is one line of text, and empty if it is
// not known for an invitee.
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
	// ContactEmail and ContactPhone are for questions; either may be empty.
	ContactEmail, ContactPhone string
}

// functions are those that a template may call. The parser needs only their names.
var functions = map[string]any{"and": true, "or": true, "not": true, "eq": true, "ne": true}

// variableNames are the fields of variables.
var variableNames = func() (names []string) {
	for field := range reflect.TypeFor[variables]().Fields() {
		names = append(names, "."+field.Name)
	}
	return names
}()

// located splits an error of the template packages into the line, if there is one, and the problem.
func located(key string, err error) (line int, problem string) {
	match := position.FindStringSubmatch(err.Error())
	if match == nil || match[1] != key {
		return 0, clip(err.Error())
	}
	line, _ = strconv.Atoi(match[2])
	return line, clip(match[3])
}

var position = regexp.MustCompile(`(?s)^(?:html/)?template: ?([^:]*):(\d+):(?:\d+:)? ?(.*)$`)

// clip shortens a problem, which may quote a user's text.
func clip(problem string) string {
	if runes := []rune(OneLine(problem)); len(runes) > maxValue {
		return string(runes[:maxValue])
	}
	return OneLine(problem)
}

// parseTemplate parses the template of a part and checks that it keeps to the grammar.
func parseTemplate(key, part, source string) (*parse.Tree, *Mistake) {
	if mistake := measure(key, source); mistake != nil {
		return nil, mistake
	}
	if strings.TrimSpace(source) == "" {
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
	wrong := checkNode(tree.Root, 0)
	if wrong == nil && part == partHTML {
		wrong = checkTags(tree.Root)
	}
	if wrong != nil {
		line := 1 + strings.Count(source[:min(int(wrong.node.Position()), len(source))], "\n")
		return nil, &Mistake{Key: key, Line: line, Problem: clip(wrong.problem)}
	}
	return tree, nil
}

// illegal is a part of a template that the grammar does not allow.
type illegal struct {
	node    parse.Node
	problem string
}

// checkNode checks a part of a template that stands in that many conditions.
func checkNode(node parse.Node, depth int) *illegal {
	switch n := node.(type) {
	case nil:
		return nil
	case *parse.TextNode, *parse.CommentNode:
		return nil
	case *parse.ActionNode:
		return checkPipe(n.Pipe, 0)
	case *parse.IfNode:
		return checkIf(n, depth+1)
	case *parse.ListNode:
		for _, inner := range n.Nodes {
			if wrong := checkNode(inner, depth); wrong != nil {
				return wrong
			}
		}
		return nil
	}
	return &illegal{node, "only text, variables and {{if}} may stand in a mail"}
}

func checkIf(n *parse.IfNode, depth int) *illegal {
	if wrong := tooDeep(n, depth); wrong != nil {
		return wrong
	}
	if wrong := checkPipe(n.Pipe, 0); wrong != nil {
		return wrong
	}
	if wrong := checkNode(n.List, depth); wrong != nil || n.ElseList == nil {
		return wrong
	}
	return checkNode(n.ElseList, depth)
}

// checkPipe checks an expression that stands in that many parentheses.
func checkPipe(pipe *parse.PipeNode, depth int) *illegal {
	if wrong := tooDeep(pipe, depth); wrong != nil {
		return wrong
	}
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
		return checkValue(first, depth)
	}
	if !takes(name.Ident, len(arguments)) {
		return &illegal{command, name.Ident + " is given too few or too many values"}
	}
	return checkArguments(name.Ident, arguments, depth)
}

func checkArguments(function string, arguments []parse.Node, depth int) *illegal {
	comparison := function == "eq" || function == "ne"
	for _, argument := range arguments {
		if _, nested := argument.(*parse.PipeNode); nested && comparison {
			return &illegal{argument, function + " compares a variable with a text, such as {{if eq .Role \"admin\"}}"}
		}
		if wrong := checkValue(argument, depth); wrong != nil {
			return wrong
		}
	}
	return nil
}

// takes reports whether a function takes that number of values.
func takes(function string, values int) bool {
	switch function {
	case "eq":
		return values >= 2
	case "ne":
		return values == 2
	case "not":
		return values == 1
	}
	return values >= 1
}

func checkValue(node parse.Node, depth int) *illegal {
	switch n := node.(type) {
	case *parse.StringNode:
		return nil
	case *parse.PipeNode:
		return checkPipe(n, depth+1)
	case *parse.FieldNode:
		if _, known := reflect.TypeFor[variables]().FieldByName(n.Ident[0]); known && len(n.Ident) == 1 {
			return nil
		}
		return &illegal{node, "there is no variable " + n.String() + "; there are " + strings.Join(variableNames, ", ")}
	}
	return &illegal{node, node.String() + " is neither a variable nor a text in quotation marks; the variables are " +
		strings.Join(variableNames, ", ")}
}
