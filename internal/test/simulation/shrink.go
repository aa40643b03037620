// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import "strings"

// Shrink leaves out steps of a schedule that breaks a promise, while it still breaks the same one. It returns the shortest schedule that it
// found, from which no single step can be left out. It runs the schedule at most tries times.
func Shrink(o Options, s Schedule, promise string, tries int) Schedule {
	o.Trace = nil
	breaks := func(candidate Schedule) bool {
		tries--
		r := Play(o, candidate)
		return r.Violation != nil && r.Violation.Promise == promise
	}
	for _, simpler := range []func(*Schedule){func(s *Schedule) { s.Fine = false }, func(s *Schedule) { s.Week = false }} {
		candidate := s
		if simpler(&candidate); tries > 0 && breaks(candidate) {
			s = candidate
		}
	}
	for size := len(s.Steps) / 2; size > 0; {
		shorter := false
		for from := 0; from < len(s.Steps) && tries > 0; {
			to := min(from+size, len(s.Steps))
			candidate := s
			candidate.Steps = append(append([]Step{}, s.Steps[:from]...), s.Steps[to:]...)
			if breaks(candidate) {
				s, shorter = candidate, true
			} else {
				from = to
			}
		}
		if tries <= 0 || size == 1 && !shorter {
			break
		}
		if !shorter || size > len(s.Steps) {
			size = max(1, size/2)
		}
	}
	return s
}

// Explain plays a schedule and returns what happened, line by line.
func Explain(o Options, s Schedule) string {
	var b strings.Builder
	o.Trace = &b
	Play(o, s)
	return b.String()
}
