// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Row is what became of an attack.
type Row struct {
	// By is who attacks, such as "the portal's token".
	By string
	// Attack is what is tried, Expected what should happen, and Seen what happened.
	Attack, Expected, Seen string
}

// Table collects what became of attacks. It can be used by several goroutines.
type Table struct {
	mu   sync.Mutex
	rows []Row
}

// Add adds a row.
func (t *Table) Add(r Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
}

// Markdown returns the table, sorted by attacker and attack.
func (t *Table) Markdown() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := slices.SortedFunc(slices.Values(t.rows), func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.Attack, b.Attack))
	})
	var out strings.Builder
	out.WriteString("| who | tries | expected | seen |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", r.By, r.Attack, r.Expected, r.Seen)
	}
	return out.String()
}
