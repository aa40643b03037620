// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package attacks_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/usher-dev/usher/internal/test/attacks"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

var update = flag.Bool("update", false, "write the table of the attacks into docs/security.md")

// All attacks share an API server with the rights and policies of config/.
var (
	server          *apiserver.Server
	manager, portal *apiserver.User
	table           attacks.Table
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	apiserver.Main(withRights{m}, apiserver.Options{}, &server)
}

// withRights installs the rights before the attacks, and compares the table with the documentation after them.
type withRights struct{ m *testing.M }

func (w withRights) Run() int {
	if err := install(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "install the rights:", err)
		return 1
	}
	code := w.m.Run()
	if flag.Lookup("test.run").Value.String() != "" || code != 0 {
		fmt.Print(table.Markdown())
		return code
	}
	if err := document(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func install(ctx context.Context) (err error) {
	if manager, err = server.AddManager(ctx); err != nil {
		return err
	}
	portal, err = server.AddPortal()
	return err
}

// Marks of the table in docs/security.md.
var (
	begin = []byte("<!-- attacks: begin -->\n")
	end   = []byte("<!-- attacks: end -->\n")
)

// document compares the table with the one in docs/security.md, or writes it there.
func document() error {
	root, err := apiserver.ModuleRoot()
	if err != nil {
		return err
	}
	path := filepath.Join(root, "docs", "security.md")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(content, begin)
	_, after, closed := bytes.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has no place for the table: %s%s", path, begin, end)
	}
	wanted := bytes.Join([][]byte{before, begin, []byte(table.Markdown()), end, after}, nil)
	switch {
	case bytes.Equal(content, wanted):
		return nil
	case *update:
		return os.WriteFile(path, wanted, 0o644)
	}
	return fmt.Errorf("the table in %s is not what was seen; `go test ./internal/test/attacks -update` writes it:\n%s", path, table.Markdown())
}

// try makes an attack: do returns what was seen.
func try(t *testing.T, by, attack, expected string, do func(t *testing.T) (seen string)) {
	t.Helper()
	t.Run(by+" "+attack, func(t *testing.T) {
		seen := do(t)
		table.Add(attacks.Row{By: by, Attack: attack, Expected: expected, Seen: seen})
		if seen != expected {
			t.Errorf("%s %s: %s; expected: %s", by, attack, seen, expected)
		}
	})
}
