// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// product is a Test function and the numbers of its lines in docs/products.md.
type product struct {
	test, prefix string
	lines        int
}

var products = []product{
	{"TestSageSalesManagement", "SA", 12},
	{"TestZendeskSell", "ZE", 8},
	{"TestSophia", "SO", 8},
	{"TestActiveCampaign", "AC", 9},
	{"TestSendcloud", "SE", 6},
}

func TestEveryLineIsPlayed(t *testing.T) {
	g := NewWithT(t)
	listed := listedLines(g)
	played, used := playedLines(g)
	for _, p := range products {
		g.Expect(listed[p.prefix]).To(HaveLen(p.lines))
		g.Expect(played[p.test]).To(Equal(listed[p.prefix]), "%s has the lines of docs/products.md, in the same order and words", p.test)
	}
	folder, err := samples()
	g.Expect(err).NotTo(HaveOccurred())
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files).NotTo(BeEmpty())
	for _, file := range files {
		g.Expect(used).To(HaveKey(strings.TrimSuffix(filepath.Base(file), ".yaml")), "a sample that no line uses")
	}
}

var line = regexp.MustCompile(`(?m)^\| (([A-Z]{2})[0-9]+) \| (.*?) \|`)

// listedLines returns the lines of docs/products.md, by the letters that they start with.
func listedLines(g *WithT) map[string][]string {
	root, err := apiserver.ModuleRoot()
	g.Expect(err).NotTo(HaveOccurred())
	content, err := os.ReadFile(filepath.Join(root, "docs", "products.md"))
	g.Expect(err).NotTo(HaveOccurred())
	lines := map[string][]string{}
	for _, found := range line.FindAllStringSubmatch(string(content), -1) {
		lines[found[2]] = append(lines[found[2]], found[1]+" "+found[3])
	}
	return lines
}

// playedLines returns the names of the lines of each Test function, and the samples that they use.
func playedLines(g *WithT) (lines map[string][]string, used map[string]bool) {
	lines, used = map[string][]string{}, map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	g.Expect(err).NotTo(HaveOccurred())
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		g.Expect(err).NotTo(HaveOccurred())
		for _, declared := range file.Decls {
			function, is := declared.(*ast.FuncDecl)
			if !is {
				continue
			}
			ast.Inspect(function, func(node ast.Node) bool {
				call, is := node.(*ast.CallExpr)
				if !is {
					return true
				}
				switch called := call.Fun.(type) {
				case *ast.Ident:
					if called.Name == "play" || called.Name == "playAlone" {
						test := function.Name.Name
						lines[test] = append(lines[test], literal(g, call.Args[1]))
						used[literal(g, call.Args[2])] = true
					}
				case *ast.SelectorExpr:
					if called.Sel.Name == "install" && strings.HasPrefix(function.Name.Name, "Test") {
						used[literal(g, call.Args[0])] = true
					}
				}
				return true
			})
		}
	}
	return lines, used
}

func literal(g *WithT, expression ast.Expr) string {
	basic, is := expression.(*ast.BasicLit)
	g.Expect(is).To(BeTrue(), "the name of a line and its sample must be literals")
	text, err := strconv.Unquote(basic.Value)
	g.Expect(err).NotTo(HaveOccurred())
	return text
}
