// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
)

// sample is one line of Prometheus' text format.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

var labelPattern = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)

// parseMetrics returns the samples of the given names. Each answer of an API server has tens of thousands of others, which are skipped
// without looking at their labels.
func parseMetrics(text []byte, names ...string) ([]sample, error) {
	var samples []sample
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		end := bytes.IndexAny(line, "{ ")
		if end < 0 || line[0] == '#' || !isOneOf(line[:end], names) {
			continue
		}
		s := sample{name: string(line[:end]), labels: map[string]string{}}
		rest := line[end:]
		if closing := bytes.LastIndexByte(rest, '}'); closing >= 0 {
			for _, match := range labelPattern.FindAllSubmatch(rest[:closing], -1) {
				s.labels[string(match[1])] = string(match[2])
			}
			rest = rest[closing+1:]
		}
		fields := bytes.Fields(rest) // the value, and perhaps a time
		if len(fields) == 0 {
			return nil, fmt.Errorf("metrics: no value in %q", line)
		}
		var err error
		if s.value, err = strconv.ParseFloat(string(fields[0]), 64); err != nil {
			return nil, fmt.Errorf("metrics: %q: %w", line, err)
		}
		samples = append(samples, s)
	}
	return samples, nil
}

func isOneOf(name []byte, names []string) bool {
	for _, n := range names {
		if string(name) == n {
			return true
		}
	}
	return false
}

// sum returns the sum of the samples of a name.
func sum(samples []sample, name string) (total float64) {
	for _, s := range samples {
		if s.name == name {
			total += s.value
		}
	}
	return total
}
