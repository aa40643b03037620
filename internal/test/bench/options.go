// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/usher-dev/usher/internal/seat"
)

// Shape is how members are spread over accounts. Each account has a namespace of its own and one SeatPool.
type Shape struct {
	Name string
	// PerAccount is the number of members of an account; 0 for all of them.
	PerAccount int
}

// Shapes are those that can be measured.
var Shapes = []Shape{{"one", 0}, {"tens", 10}, {"hundreds", 100}}

// accounts returns how many members each account has.
func (s Shape) accounts(n int) []int {
	if s.PerAccount == 0 {
		return []int{n}
	}
	var sizes []int
	for ; n > 0; n -= s.PerAccount {
		sizes = append(sizes, min(n, s.PerAccount))
	}
	return sizes
}

// title is how the tables call n members in this shape.
func (s Shape) title(n int) string {
	count := len(s.accounts(n))
	if count == 1 {
		return grouped(n) + " in 1 account"
	}
	return fmt.Sprintf("%s in %s accounts of %d", grouped(n), grouped(count), s.PerAccount)
}

// grouped writes a number with commas.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Line is one measurement.
type Line string

// The lines, in the order in which they run.
const (
	LineRaw       Line = "raw"
	LineUnit      Line = "unit"
	LineRollout   Line = "rollout"
	LineFair      Line = "fair"
	LineConflicts Line = "conflicts"
	LineMail      Line = "mail"
	LinePortal    Line = "portal"
	LineScale     Line = "scale"
)

// Lines are all lines.
var Lines = []Line{LineRaw, LineUnit, LineRollout, LineFair, LineConflicts, LineMail, LinePortal, LineScale}

// Options of a run.
type Options struct {
	// Sizes are the numbers of members.
	Sizes  []int
	Shapes []Shape
	Lines  []Line
	// Workers is how many calls the bench makes at once: it creates members and accepts for them, and the raw client writes.
	Workers int
	// Samples is how many times each withdrawal of access is measured during a roll-out, and each new member.
	Samples int
	// Mails is how many mails are sent through a server that takes its time.
	Mails int
	// Rate is how many pages of the portal are opened a second.
	Rate int
	// ProfileDir is where CPU profiles of the roll-outs are written; "" takes none.
	ProfileDir string
	// Manager is the program to measure.
	Manager string
	// Command is how this run was started, for the document.
	Command string
	// Log is called with what is happening.
	Log func(format string, args ...any)
}

// Full returns the options of a full run, without a program.
func Full() Options {
	return Options{
		Sizes: []int{1000, 10000}, Shapes: Shapes, Lines: Lines, Workers: 8, Samples: 20, Mails: 500, Rate: 200,
		Log: func(string, ...any) {},
	}
}

// Short returns the options of a run for CI, without a program. Its counts mean something, its times do not.
func Short() Options {
	o := Full()
	o.Sizes, o.Samples, o.Mails, o.Rate = []int{100}, 4, 50, 20
	return o
}

// ParseSizes reads a comma-separated list of numbers of members, and sorts it.
func ParseSizes(list string) ([]int, error) {
	var sizes []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a number of members", word)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

// mostMembers is how many members a roll-out has at most.
const mostMembers = seat.MaxClaims

// check returns an error if a line cannot be measured with so many members.
func (o Options) check() error {
	if most := slices.Max(o.Sizes); most > mostMembers && !slices.Equal(o.Lines, []Line{LineScale}) {
		return fmt.Errorf("%d members are more than the %d claims of one ledger; only -lines %s has more than one", most, mostMembers, LineScale)
	}
	return nil
}

// ParseShapes reads a comma-separated list of the names of shapes.
func ParseShapes(list string) ([]Shape, error) {
	return parse(list, Shapes, func(s Shape) string { return s.Name })
}

// ParseLines reads a comma-separated list of lines.
func ParseLines(list string) ([]Line, error) {
	return parse(list, Lines, func(l Line) string { return string(l) })
}

func parse[T any](list string, all []T, name func(T) string) ([]T, error) {
	var known []string
	for _, each := range all {
		known = append(known, name(each))
	}
	var chosen []T
	for word := range strings.SplitSeq(list, ",") {
		i := slices.Index(known, strings.TrimSpace(word))
		if i < 0 {
			return nil, fmt.Errorf("%q is none of %s", word, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
