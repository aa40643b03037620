// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/web"
)

var (
	inTemplate = regexp.MustCompile(`\.T "([^"]+)"`)
	inCode     = regexp.MustCompile(`"((?:error|hint)\.[a-z.-]+)"`)
	noticeName = regexp.MustCompile(`Name:\s*"([a-z-]+)",\s+Status:`)
	fieldName  = regexp.MustCompile(`(?m)^(?:const |\s+)[fF]ield\w+\s*= (page\.CompanyFields \+ )?"([a-z_]+)"`)
	actionName = regexp.MustCompile(`(?m)^\s*action(?:Details|Password|Company)\s*= "([a-z-]+)"`)
)

// sources returns what the files of a pattern contain, without tests.
func sources(g *WithT, pattern string) string {
	files, err := filepath.Glob(pattern)
	g.Expect(err).NotTo(HaveOccurred())
	var all strings.Builder
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			content, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			all.Write(content)
		}
	}
	return all.String()
}

// noticeTexts are the keys of the texts of the notices in some source.
func noticeTexts(code string) (keys []string) {
	for _, match := range noticeName.FindAllStringSubmatch(code, -1) {
		for _, part := range []string{".title", ".text", ".next"} {
			keys = append(keys, "notice."+match[1]+part)
		}
	}
	return keys
}

// usedKeys are the keys that templates and code ask for. The tests of the catalogue compare the languages with each other.
func usedKeys(g *WithT) map[string]bool {
	used := map[string]bool{}
	for _, match := range inTemplate.FindAllStringSubmatch(sources(g, "*/templates/*.html"), -1) {
		used[match[1]] = true
	}
	code := sources(g, "*/*.go")
	for _, match := range inCode.FindAllStringSubmatch(code, -1) {
		used[match[1]] = true
	}
	// Those that are put together from parts.
	notices := noticeTexts(code)
	g.Expect(notices).To(HaveLen(3 * 26))
	for _, key := range notices {
		used[key] = true
	}
	fields := fieldName.FindAllStringSubmatch(code, -1)
	g.Expect(fields).To(HaveLen(10))
	for _, match := range fields {
		name := match[2]
		if match[1] != "" {
			name = page.CompanyFields + name
		}
		used["field."+name] = true
	}
	for _, f := range credentials.Fields {
		used["field."+f.Name] = true
	}
	for _, match := range actionName.FindAllStringSubmatch(code, -1) {
		used["saved."+match[1]] = true
	}
	return used
}

func TestCataloguesAreComplete(t *testing.T) {
	g := NewWithT(t)
	used := usedKeys(g)
	aboutNoOne := noticeTexts(sources(g, "page/notice.go")) // there is nothing to fill a gap with
	g.Expect(aboutNoOne).To(HaveLen(3 * 6))
	for _, name := range []string{"sign-in-wait", "forgot-sent"} {
		aboutNoOne = append(aboutNoOne, noticeTexts(`Name: "`+name+`", Status:`)...)
	}
	g.Expect(web.Spoken.Ordered[0].Tag).To(Equal(usherv1.DefaultLanguage))
	for tag, c := range web.Spoken.ByTag {
		for key := range used {
			g.Expect(c.PageTexts[key]).NotTo(BeEmpty(), "%s lacks %q", tag, key)
		}
		for key := range c.PageTexts {
			g.Expect(used).To(HaveKey(key), "%s has %q, which nothing uses", tag, key)
		}
		for _, key := range aboutNoOne {
			g.Expect(c.PageTexts[key]).NotTo(ContainSubstring("{"), "%s %s", tag, key)
		}
	}
}
