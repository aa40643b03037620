// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// row is one line of a table that kubectl prints: the cells by their headers.
type row map[string]string

// name is the name of the row's object, without the kind.
func (r row) name() string {
	_, name, found := strings.Cut(r["NAME"], "/")
	if !found {
		return r["NAME"]
	}
	return name
}

var header = regexp.MustCompile(`\S+(?: \S+)*\s*`)

// rows reads the tables in kubectl's output. Each column is as wide as its header with the space behind it.
func rows(output string) []row {
	var all []row
	var columns [][]int
	var headers string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "NAME "):
			headers, columns = line, header.FindAllStringIndex(line, -1)
		case line == "":
			columns = nil
		default:
			found, cells := row{}, []rune(line)
			for i, column := range columns {
				from, to := min(column[0], len(cells)), min(column[1], len(cells))
				if i == len(columns)-1 {
					to = len(cells)
				}
				found[strings.TrimSpace(headers[column[0]:column[1]])] = strings.TrimSpace(string(cells[from:to]))
			}
			if len(columns) > 0 {
				all = append(all, found)
			}
		}
	}
	return all
}

// untrue returns an error that names each cell of kubectl's output that differs from the expected situation.
func untrue(output string, wanted situation) error {
	var errs []error
	for _, r := range rows(output) {
		for column, want := range wanted.cells(r) {
			if got, printed := r[column]; printed && got != want {
				errs = append(errs, fmt.Errorf("the table says %s %s of %s, expected %s", column, got, r["NAME"], want))
			}
		}
	}
	return errors.Join(errs...)
}

// cells returns what a row must say. Its columns say what kind of object it is about.
func (s situation) cells(r row) row {
	number := func(n int32) string { return strconv.Itoa(int(n)) }
	_, isMember := r["EMAIL"]
	_, isPool := r["CAPACITY"]
	_, isAccount := r["SEATS"]
	_, isInvitation := r["RECIPIENT"]
	switch {
	case isMember:
		member := s.members[r.name()]
		return row{"STATE": string(member.state), "REASON": member.reason}
	case isPool:
		return row{
			"CAPACITY": number(s.seats.capacity), "ASSIGNED": number(s.seats.assigned), "RESERVED": number(s.seats.reserved),
			"AVAILABLE": number(s.seats.capacity - s.seats.assigned - s.seats.reserved), "WAITING": number(s.seats.waiting), "READY": "True",
		}
	case isAccount:
		counts := s.counts()
		state := usherv1.ObservedPending
		if counts.Active > 0 {
			state = usherv1.ObservedActive
		}
		return row{
			"STATE": string(state), "ACTIVE": number(counts.Active), "PENDING": number(counts.Pending), "SEATS": s.seats.summary(), "READY": "True",
		}
	case isInvitation:
		return row{"STATE": string(invitationStates[s.members[r.name()]])}
	}
	return nil
}

// counts are the account's members by state.
func (s situation) counts() usherv1.MemberCounts {
	counts := usherv1.MemberCounts{Total: int32(len(s.members))}
	for _, member := range s.members {
		switch member.state {
		case usherv1.ObservedActive:
			counts.Active++
		case usherv1.ObservedDisabled:
			counts.Disabled++
		default:
			counts.Pending++
		}
	}
	return counts
}

// summary is what the account says about the seats.
func (s seats) summary() string { return fmt.Sprintf("%d/%d", s.assigned, s.capacity) }
