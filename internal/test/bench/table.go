// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table is a table of the report.
type Table struct {
	Title string
	Head  []string
	Rows  [][]string
}

// markdown writes the table. Its first column is text, all others are numbers.
func (t Table) markdown(out io.Writer) error {
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "### %s\n\n", t.Title)
	line := func(cells []string) {
		for i, cell := range cells {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprintf(&text, "| %s%s ", cell, padding)
			} else {
				fmt.Fprintf(&text, "| %s%s ", padding, cell)
			}
		}
		text.WriteString("|\n")
	}
	line(t.Head)
	rule := make([]string, len(t.Head))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", width)
		if i > 0 {
			rule[i] = rule[i][1:] + ":"
		}
	}
	line(rule)
	for _, row := range t.Rows {
		line(row)
	}
	_, err := io.WriteString(out, text.String())
	return err
}
