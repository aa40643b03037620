// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// requestTotal is the API server's counter of requests.
const requestTotal = "apiserver_request_total"

// call is what the API server counts requests by.
type call struct {
	// verb is POST, PUT, PATCH, APPLY, DELETE, DELETECOLLECTION, GET, LIST or WATCH.
	verb                         string
	group, resource, subresource string
	code                         int
}

// String is, for example, "PUT members/status 200".
func (c call) String() string { return fmt.Sprintf("%s %d", c.kind(), c.code) }

// kind is the call without its result.
func (c call) kind() string { return strings.TrimSuffix(c.verb+" "+c.resource+"/"+c.subresource, "/") }

func (c call) mutating() bool {
	switch c.verb {
	case "POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION":
		return true
	}
	return false
}

func (c call) reading() bool { return c.verb == "GET" || c.verb == "LIST" }

// event reports whether the call writes an Event.
func (c call) event() bool { return c.resource == "events" && c.mutating() }

// ownUse are the resources that only the API server itself and the bench use.
var ownUse = []string{"", "namespaces", "endpoints", "endpointslices", "services", "prioritylevelconfigurations", "flowschemas"}

// housekeeping reports whether the call is not part of a manager's work: it concerns a Lease, an Event, a review, or ownUse.
func (c call) housekeeping() bool {
	return apiserver.Housekeeping(c.group, c.resource) || slices.Contains(ownUse, c.resource)
}

// ofMembers reports whether the call is to a Member or an Invitation. Members are created by the bench, not by a manager.
func (c call) ofMembers() bool {
	return c.resource == "invitations" || c.resource == "members" && c.verb != "POST"
}

func (c call) conflict() bool { return c.code == http.StatusConflict }

func (c call) succeeded() bool { return c.code >= 200 && c.code < 300 }

// calls are numbers of requests.
type calls map[call]int

// callsOf reads the API server's counters.
func callsOf(samples []sample) calls {
	counted := calls{}
	for _, s := range samples {
		if s.name != requestTotal {
			continue
		}
		code, _ := strconv.Atoi(s.labels["code"]) // 0 for a watch that has not ended
		counted[call{s.labels["verb"], s.labels["group"], s.labels["resource"], s.labels["subresource"], code}] += int(s.value)
	}
	return counted
}

// minus returns the requests since before.
func (c calls) minus(before calls) calls {
	since := calls{}
	for key, n := range c {
		if n -= before[key]; n != 0 {
			since[key] = n
		}
	}
	return since
}

// count returns the number of requests for which all conditions are true.
func (c calls) count(conditions ...func(call) bool) (total int) {
next:
	for key, n := range c {
		for _, holds := range conditions {
			if !holds(key) {
				continue next
			}
		}
		total += n
	}
	return total
}

// work passes the calls that are not housekeeping.
func work(c call) bool { return !c.housekeeping() }

// String lists the calls that are work or Events, the most frequent first.
func (c calls) String() string {
	keys := slices.SortedFunc(maps.Keys(c), func(a, b call) int {
		return cmp.Or(cmp.Compare(c[b], c[a]), cmp.Compare(a.String(), b.String()))
	})
	var list []string
	for _, key := range keys {
		if work(key) || key.event() {
			list = append(list, fmt.Sprintf("%d %s", c[key], key))
		}
	}
	return strings.Join(list, ", ")
}
