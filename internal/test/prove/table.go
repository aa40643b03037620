// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Row is what one harness did.
type Row struct {
	Harness    string
	Runs       int
	Faults     int
	Violations int
	Took       time.Duration
}

// Print writes the rows as a Markdown table.
func Print(out io.Writer, rows []Row) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| harness\t| runs\t| faults injected\t| violations\t| seconds\t|")
	fmt.Fprintln(w, "|---\t|---:\t|---:\t|---:\t|---:\t|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s\t| %d\t| %d\t| %d\t| %.0f\t|\n", r.Harness, r.Runs, r.Faults, r.Violations, r.Took.Seconds())
	}
	return w.Flush()
}
