// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

//go:embed catalogues/*.yaml
var catalogueFiles embed.FS

var catalogues = mustLoadCatalogues(catalogueFiles)

// catalogue is everything that a mail says in one language.
type catalogue struct {
	language usherv1.Language

	// Dir is the direction of writing, ltr or rtl.
	Dir string `json:"dir"`
	// Date says how a moment is written.
	Date dateFormat `json:"date"`
	// Messages are sentences with {placeholders}, by key.
	Messages map[string]string `json:"messages"`
}

// dateFormat writes a moment in UTC.
type dateFormat struct {
	// Pattern has the placeholders {day}, {month}, {year}, {hour} and {hour12}, {minute}, and {period} for AM and PM.
	Pattern string `json:"pattern"`
	// OneOClock is the pattern from 1:00 to 1:59 in languages whose article changes with the hour.
	OneOClock string `json:"oneOClock,omitempty"`
	// Months are the names from January to December.
	Months []string `json:"months"`
	// FirstDay is how the first day of a month is written, where that is not 1.
	FirstDay string `json:"firstDay,omitempty"`
}

// catalogueFor returns the language's catalogue, or the default language's where it has none.
func catalogueFor(language usherv1.Language) *catalogue {
	if found, ok := catalogues[language]; ok {
		return found
	}
	return catalogues[usherv1.DefaultLanguage]
}

// mustLoadCatalogues panics on a file that cannot be read: the files are part of the binary, and a test loads them all.
func mustLoadCatalogues(files fs.FS) map[usherv1.Language]*catalogue {
	names, err := fs.Glob(files, "catalogues/*.yaml")
	if err != nil {
		panic(err)
	}
	loaded := make(map[usherv1.Language]*catalogue, len(names))
	for _, name := range names {
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err)
		}
		language := usherv1.Language(strings.TrimSuffix(path.Base(name), ".yaml"))
		read := &catalogue{language: language}
		if err := yaml.UnmarshalStrict(raw, read); err != nil {
			panic(fmt.Sprintf("%s: %v", name, err))
		}
		loaded[language] = read
	}
	return loaded
}

// segment is a stretch of a sentence: the catalogue's own words, or a value with its placeholder's name.
type segment struct {
	Name, Text string
}

var placeholder = regexp.MustCompile(`\{([a-zA-Z0-9]+)\}`)

// say returns the sentence of a key with its values filled in. Values are never looked at for placeholders.
func (c *catalogue) say(key string, values map[string]string) ([]segment, error) {
	message, ok := c.Messages[key]
	if !ok {
		return nil, fmt.Errorf("catalogue %s has no message %q", c.language, key)
	}
	return fill(message, values), nil
}

func fill(message string, values map[string]string) []segment {
	var segments []segment
	end := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(message, -1) {
		name := message[at[2]:at[3]]
		segments = append(segments, segment{Text: message[end:at[0]]}, segment{Name: name, Text: values[name]})
		end = at[1]
	}
	return append(segments, segment{Text: message[end:]})
}

func plain(segments []segment) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteString(s.Text)
	}
	return b.String()
}

// moment writes t in UTC, to the minute, as the language does.
func (c *catalogue) moment(t time.Time) string {
	t = t.UTC()
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 && c.Date.FirstDay != "" {
		day = c.Date.FirstDay
	}
	pattern := c.Date.Pattern
	if t.Hour() == 1 && c.Date.OneOClock != "" {
		pattern = c.Date.OneOClock
	}
	return plain(fill(pattern, map[string]string{
		"day":    day,
		"month":  c.Date.Months[t.Month()-1],
		"year":   strconv.Itoa(t.Year()),
		"hour":   t.Format("15"),
		"hour12": t.Format("3"),
		"minute": t.Format("04"),
		"period": t.Format("PM"),
	}))
}
