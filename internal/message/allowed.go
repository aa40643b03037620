// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
)

// The elements and attributes that the HTML of an account's own mail may have. Everything else is left out: scripts, forms, frames,
// pictures and style sheets, which mail programs remove as well, or which load something that tells who reads the mail.
var (
	allowedElements = []string{
		"html", "head", "meta", "body", "a", "abbr", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "code", "col",
		"colgroup", "dd", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "q", "s",
		"small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
	}
	allowedAttributes = []string{
		"align", "aria-hidden", "bgcolor", "border", "cellpadding", "cellspacing", "class", "color", "colspan", "dir", "face", "height", "lang",
		"role", "rowspan", "size", "start", "title", "type", "valign", "width",
	}
	allowedSchemes = []string{"https", "http", "mailto", "tel"}
	// allowedStyle matches declarations of properties that only concern how the text looks, without url() and other functions that load.
	allowedStyle = regexp.MustCompile(`^(?i:\s*(?:-webkit-|mso-)?(?:background|border|color|direction|display|font|height|letter|line` +
		`|list-style|margin|max|min|opacity|overflow|padding|table|text|unicode|vertical|white|width|word)(?:-[a-z]+)*` +
		`\s*:(?:[-a-z0-9 #%.,'"!/+]|(?:rgb|hsl)a?\([-0-9 %.,/]*\))*(?:;|$))*\s*$`)
	allowedContent = regexp.MustCompile(`^[-a-zA-Z0-9 ,=.]*$`)
)

// maxTag is how much of a tag is looked at for its name, in bytes.
const maxTag = 32

// allowList is the policy for an account's own HTML.
var allowList = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(allowedElements...)
	p.AllowNoAttrs().OnElements(allowedElements...)
	p.AllowAttrs(allowedAttributes...).Globally()
	p.AllowAttrs("style").Matching(allowedStyle).Globally()
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("charset", "name", "content").Matching(allowedContent).OnElements("meta")
	p.AllowURLSchemes(allowedSchemes...)
	p.RequireParseableURLs(true)
	return p
}()

// cleanHTML leaves out what an account's own HTML may not have.
func cleanHTML(page string) string {
	cleaned := allowList.Sanitize(page)
	if start := strings.TrimSpace(page); len(start) > 9 && strings.EqualFold(start[:9], "<!DOCTYPE") {
		return "<!DOCTYPE html>" + cleaned
	}
	return cleaned
}

// refusal is the first thing that cleanHTML leaves out of a page.
type refusal struct {
	// word is how it is written in the page, such as <img or onclick.
	word    string
	problem string
}

// refusedIn returns the first thing that cleanHTML leaves out of a page; nil if there is nothing.
func refusedIn(page string) *refusal {
	is, left := html.NewTokenizer(strings.NewReader(page)), html.NewTokenizer(strings.NewReader(cleanHTML(page)))
	for {
		tag, ended := nextTag(is)
		if ended {
			return nil
		}
		kept, _ := nextTag(left)
		if kept.Data != tag.Data {
			return &refusal{word: "<" + tag.Data, problem: refusedElement(tag.Data)}
		}
		for _, a := range tag.Attr {
			if !slices.ContainsFunc(kept.Attr, func(k html.Attribute) bool { return k.Key == a.Key }) {
				return &refusal{word: a.Key, problem: refusedAttribute(tag.Data, a.Key)}
			}
		}
	}
}

func refusedAttribute(tag, attribute string) string {
	where := fmt.Sprintf("the attribute %s of <%s> ", attribute, tag)
	switch attribute {
	case "style":
		return where + "may only say how the text looks: colours, fonts, sizes, spaces and borders, without url(); remove the rest"
	case "href":
		return where + "must begin with " + strings.Join(allowedSchemes, ":, ") + ":; correct it"
	}
	return where + "may not stand in a mail; remove it"
}

// nextTag returns the next tag that opens an element.
func nextTag(tokens *html.Tokenizer) (tag html.Token, ended bool) {
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return html.Token{}, true
		case html.StartTagToken, html.SelfClosingTagToken:
			return tokens.Token(), false
		}
	}
}

// opening matches what may follow a < in a template: the name of an element, the document type, or a comment.
var opening = regexp.MustCompile(`^(?:/?([a-zA-Z][a-zA-Z0-9]*)|!(?i:doctype)[ >]|!--)`)

// checkTags checks that every < in the HTML of a template begins a tag that may stand in a mail, and that there is no backslash. So
// html/template, which escapes it, meets neither a script nor a style sheet, nor anything else for which it reads all of the text again: 64
// KiB of < or of \ cost it seconds.
func checkTags(node parse.Node) *illegal {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, inner := range n.Nodes {
			if wrong := checkTags(inner); wrong != nil {
				return wrong
			}
		}
	case *parse.IfNode:
		return cmp.Or(checkTags(n.List), checkTags(n.ElseList))
	case *parse.TextNode:
		return checkText(n)
	}
	return nil
}

func checkText(n *parse.TextNode) *illegal {
	for start, c := range n.Text {
		at := &parse.TextNode{Pos: n.Pos + parse.Pos(start)}
		if c == '\\' {
			return &illegal{at, `has a \; write &#92; in a text, and another character in an attribute`}
		}
		if c != '<' {
			continue
		}
		rest := n.Text[start+1 : min(len(n.Text), start+1+maxTag)]
		switch found := opening.FindSubmatch(rest); {
		case found == nil:
			return &illegal{at, "has a < that begins no tag; write &lt;"}
		case len(found[1]) > 0 && !slices.Contains(allowedElements, strings.ToLower(string(found[1]))):
			return &illegal{at, refusedElement(string(found[1]))}
		}
	}
	return nil
}

func refusedElement(name string) string {
	return fmt.Sprintf("<%s> may not stand in a mail; remove it", name)
}

// lineOf returns the line in which a word occurs first in a template; 0 if it does not.
func lineOf(source, word string) int {
	at := strings.Index(strings.ToLower(source), word)
	if at < 0 {
		return 0
	}
	return 1 + strings.Count(source[:at], "\n")
}
