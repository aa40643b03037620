// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Action is what a Step does.
type Action string

// Actions of the operators and the clock. Those of the admin and the invitees are in admin.go and visit.go.
const (
	// Deliver delivers the next event to operator Op's cache of On.
	Deliver Action = "deliver"
	// Relist replaces the cache with a list that is N events old; the watch skips the events in between.
	Relist Action = "relist"
	// Begin starts a reconcile of Name by operator Op's controller of On.
	Begin Action = "begin"
	// Go performs the call that the reconcile waits for, with Fault, and continues the reconcile up to its next call.
	Go Action = "go"
	// Crash kills operator Op with all its work; only what is stored survives.
	Crash Action = "crash"
	// Restart starts operator Op again, with lists that are N events old.
	Restart Action = "restart"
	// Pass lets N milliseconds pass; 0 is up to the next timer.
	Pass Action = "pass"
	// Rest performs everything that is due within N milliseconds, one after the other, except the work of the controllers of To.
	Rest Action = "rest"
)

// Step is one decision of a schedule. Which fields count depends on what it does.
type Step struct {
	Do    Action
	Op    int
	On    kind
	Name  string
	To    string
	N     int64
	Fault Fault
}

// String is the step as ParseStep reads it.
func (s Step) String() string {
	var b strings.Builder
	b.WriteString(string(s.Do))
	switch s.Do {
	case Deliver, Relist, Begin, Go, Crash, Restart, Skew, VisitAccept, VisitDecline, VisitProfile, VisitConfirm, VisitForgot, VisitReset:
		fmt.Fprintf(&b, " op=%d", s.Op)
	}
	switch s.Do {
	case Deliver, Relist, Begin, Go:
		fmt.Fprintf(&b, " on=%s", onNames[s.On])
	}
	if s.Name != "" {
		fmt.Fprintf(&b, " name=%s", s.Name)
	}
	if s.To != "" {
		fmt.Fprintf(&b, " to=%s", s.To)
	}
	if s.N != 0 {
		fmt.Fprintf(&b, " n=%d", s.N)
	}
	if s.Fault != None {
		fmt.Fprintf(&b, " fault=%s", strings.ReplaceAll(s.Fault.String(), " ", "-"))
	}
	return b.String()
}

// visits identifies the work of a portal, beside the kinds and controllers.
const visits = kinds

var onNames = [visits + 1]string{"accounts", "pools", "members", "invitations", "plans", "secrets", "configmaps", "roles", "bindings",
	"expirynotices", "accountaccess", "emailchanges", "passwordresets", "visits"}

// ParseStep reads what String wrote.
func ParseStep(line string) (Step, error) {
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return Step{}, fmt.Errorf("an empty line is no step")
	}
	s := Step{Do: Action(fields[0])}
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(field, "=")
		var err error
		switch name {
		case "op":
			s.Op, err = strconv.Atoi(value)
		case "on":
			s.On = kind(slices.Index(onNames[:], value))
		case "name":
			s.Name = value
		case "to":
			s.To = value
		case "n":
			s.N, err = strconv.ParseInt(value, 10, 64)
		case "fault":
			s.Fault = Fault(slices.Index(faultNames[:], strings.ReplaceAll(value, "-", " ")))
		default:
			err = fmt.Errorf("no such field")
		}
		if err != nil || s.On < 0 || s.Fault < 0 {
			return s, fmt.Errorf("%s: cannot read %q", line, field)
		}
	}
	return s, nil
}

// Schedule is a run that can be repeated.
type Schedule struct {
	Seed uint64
	// Fine lets work wait also at reads from a cache, so that the cache may change in between.
	Fine bool
	// Week lets eight days pass after the calm, followed by another calm.
	Week  bool
	Steps []Step
}

// String is the schedule as ParseSchedule reads it.
func (s Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "schedule seed=%d fine=%t week=%t\n", s.Seed, s.Fine, s.Week)
	for _, step := range s.Steps {
		b.WriteString(step.String() + "\n")
	}
	return b.String()
}

// ParseSchedule reads what String wrote.
func ParseSchedule(text string) (Schedule, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var s Schedule
	if _, err := fmt.Sscanf(strings.TrimSpace(lines[0]), "schedule seed=%d fine=%t week=%t", &s.Seed, &s.Fine, &s.Week); err != nil {
		return s, fmt.Errorf("the first line: %w", err)
	}
	for _, line := range lines[1:] {
		step, err := ParseStep(line)
		if err != nil {
			return s, err
		}
		s.Steps = append(s.Steps, step)
	}
	return s, nil
}
