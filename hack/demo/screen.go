// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// screen writes for a reader: in colour on a terminal, plain elsewhere.
type screen struct {
	out    io.Writer
	colour bool
}

func newScreen(out *os.File) *screen {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &screen{out: out, colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// Select Graphic Rendition parameters (ECMA-48 section 8.3.117).
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	cyan  = "36"
)

func (s *screen) paint(style, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// heading starts a step of the story.
func (s *screen) heading(number int, text string) {
	fmt.Fprintf(s.out, "\n%s\n\n", s.paint(bold, fmt.Sprintf("%d. %s", number, text)))
}

// say writes a paragraph.
func (s *screen) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// progress reports what happens behind the scenes.
func (s *screen) progress(format string, args ...any) {
	fmt.Fprintln(s.out, s.paint(faint, "- "+fmt.Sprintf(format, args...)))
}

// command shows a command as a reader would type it, and its output.
func (s *screen) command(line, output string) {
	fmt.Fprintf(s.out, "%s\n%s\n", s.paint(cyan, "$ "+line), strings.TrimRight(output, "\n"))
}

// mail shows a received mail.
func (s *screen) mail(to, subject, link string) {
	fmt.Fprintf(s.out, "  To       %s\n  Subject  %s\n  Link     %s\n\n", to, s.paint(bold, subject), link)
}

func (s *screen) blank()              { fmt.Fprintln(s.out) }
func (s *screen) success(text string) { fmt.Fprintf(s.out, "\n%s\n", s.paint(green, text)) }
func (s *screen) failure(err error) {
	fmt.Fprintf(s.out, "\n%s %v\n", s.paint(red, "The demo failed:"), err)
}
