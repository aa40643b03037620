// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Command words finds words that this tree does not use any more, and says what to write instead. It reads comments, strings and
// names in Go, Markdown, and comments in YAML. The words are in list.go.
//
//	go run ./hack/words        # the whole tree
//	go run ./hack/words docs   # one folder
package main

import (
	"bytes"
	"fmt"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

func main() {
	roots := os.Args[1:]
	if len(roots) == 0 {
		roots = []string{"."}
	}
	found := 0
	for _, root := range roots {
		n, err := check(os.DirFS("."), filepath.ToSlash(filepath.Clean(root)), os.Stdout)
		if err != nil {
			fmt.Fprintln(os.Stderr, "words:", err)
			os.Exit(1)
		}
		found += n
	}
	if found > 0 {
		fmt.Fprintf(os.Stderr, "words: %d to replace; hack/words/list.go has the list, and the places where a word may stay\n", found)
		os.Exit(1)
	}
}

// check writes what it finds in the files below root, and returns how much that is.
func check(tree fs.FS, root string, out io.Writer) (int, error) {
	found := 0
	err := fs.WalkDir(tree, root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "bin" || entry.Name() == "dist" || len(entry.Name()) > 1 && entry.Name()[0] == '.'):
			return fs.SkipDir
		case entry.IsDir() || skipped(file):
			return nil
		}
		read := readers[filepath.Ext(file)]
		if read == nil {
			return nil
		}
		source, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		for _, p := range read(source) {
			found += p.check(file, out)
		}
		return nil
	})
	if err != nil {
		return found, fmt.Errorf("check the words below %s: %w", root, err)
	}
	return found, nil
}

// passage is some text of a file.
type passage struct {
	line int
	text string
	// name: the text is an identifier.
	name bool
}

// readers return what is to read in a file, by the ending of its name.
var readers = map[string]func([]byte) []passage{".go": readGo, ".md": readLines, ".yaml": readYAML, ".yml": readYAML}

func (p passage) check(file string, out io.Writer) int {
	found := 0
	for i, line := range strings.Split(p.text, "\n") {
		if allowedIn(file, line) {
			continue
		}
		for j, w := range words {
			if p.name && !w.names {
				continue
			}
			for _, match := range compiled[j].FindAllString(line, -1) {
				found++
				fmt.Fprintf(out, "%s:%d: %q: write %s\n", file, p.line+i, match, w.instead)
			}
		}
	}
	return found
}

func readLines(source []byte) []passage { return []passage{{line: 1, text: string(source)}} }

// readYAML returns the comments of a YAML file: of each line, what follows a # at its beginning or after a space.
func readYAML(source []byte) []passage {
	var all []passage
	for i, line := range bytes.Split(source, []byte("\n")) {
		if at := bytes.Index(append([]byte(" "), line...), []byte(" #")); at >= 0 {
			all = append(all, passage{line: i + 1, text: string(line[at:])})
		}
	}
	return all
}

// readGo returns the comments, strings and names of a Go file.
func readGo(source []byte) []passage {
	var all []passage
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, source, func(token.Position, string) {}, scanner.ScanComments)
	for {
		pos, kind, text := s.Scan()
		switch kind {
		case token.EOF:
			return all
		case token.COMMENT, token.STRING:
			all = append(all, passage{line: file.Line(pos), text: text})
		case token.IDENT:
			all = append(all, passage{line: file.Line(pos), text: split(text), name: true})
		}
	}
}

// split puts a space between the words of an identifier: HandsOut becomes "Hands Out".
func split(name string) string {
	var b strings.Builder
	var last rune
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(last) || r == '_' {
			b.WriteByte(' ')
		}
		if r != '_' {
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}
