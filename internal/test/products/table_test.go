// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"strings"

	. "github.com/onsi/gomega"
)

// row is a line of one of kubectl's tables, by header.
type row map[string]string

// get is what `kubectl get` prints, by the objects' names: `acme`, or with several kinds `account.usher.dev/acme`. A column that
// comes twice is the wide one.
func (w *world) get(args ...string) map[string]row {
	w.t.Helper()
	rows := map[string]row{}
	var headers []string
	var starts []int
	for line := range strings.Lines(w.kubectl(append([]string{"get"}, args...)...)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "NAME") {
			headers, starts = strings.Fields(line), starts[:0]
			at := 0
			for _, header := range headers {
				at += strings.Index(line[at:], header)
				starts = append(starts, at)
				at += len(header)
			}
			continue
		}
		if line == "" {
			continue
		}
		w.Expect(headers).NotTo(BeEmpty(), line)
		cells := row{}
		for i, header := range headers {
			end := len(line)
			if i+1 < len(starts) {
				end = min(end, starts[i+1])
			}
			cells[header] = strings.TrimSpace(line[min(starts[i], end):end])
		}
		rows[strings.TrimSpace(line[:starts[1]])] = cells
	}
	return rows
}
