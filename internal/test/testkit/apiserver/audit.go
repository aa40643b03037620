// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Reads are omitted, except for those of some users. RequestReceived is included: it is on the disk before the request has any effect, so
// that every write with an effect is in the log, while ResponseComplete may be logged after the response.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted]
rules:
%s- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
`

// AuditLog is the API server's log of the mutating requests of all users, and of all requests of some.
type AuditLog struct{ path string }

func (l *AuditLog) configure(args *envtest.Arguments, policyPath string, readers []string) error {
	reads := ""
	if len(readers) > 0 {
		reads = fmt.Sprintf("- level: Metadata\n  users: ['%s']\n", strings.Join(readers, "', '"))
	}

	args.Set("audit-policy-file", policyPath).
		Set("audit-log-path", l.path).
		Set("audit-log-mode", "blocking").
		Set("audit-log-maxsize", "0") // never rotated, as marks are offsets
	return os.WriteFile(policyPath, fmt.Appendf(nil, auditPolicy, reads), 0o600)
}

// Mark is a place in an AuditLog; the zero value is its beginning.
type Mark int64

// Write is one mutating request, including refused ones and dry runs, or a request of another kind that Requests returns.
type Write struct {
	// User and UserAgent made it.
	User, UserAgent string
	// Verb is create, update, patch, delete or deletecollection; in what Requests returns also get, list or watch.
	Verb string
	// Group and Resource are those of the object, such as usher.dev and members; Subresource such as status.
	Group, Resource, Subresource string
	// Namespace and Name are those of the object; a create with generateName has no name until its response.
	Namespace, Name string
	// Code is the HTTP status of the response; 0 until there is one.
	Code int32
}

// String is, for example, "update members/status acme/ada by manager: 200".
func (w Write) String() string {
	return fmt.Sprintf("%s %s %s by %s: %d", w.Verb, join(w.Resource, w.Subresource), join(w.Namespace, w.Name), w.User, w.Code)
}

// Housekeeping reports whether the write concerns a Lease, an Event or a review, which are not part of an operator's task.
func (w Write) Housekeeping() bool { return Housekeeping(w.Group, w.Resource) }

// Housekeeping reports whether writes of a resource are not part of an operator's task: leases, events and reviews.
func Housekeeping(group, resource string) bool {
	switch group {
	case "coordination.k8s.io", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io":
		return true
	case "":
		return resource == "events"
	}
	return false
}

// Mark returns the current end of the log.
func (l *AuditLog) Mark() (Mark, error) {
	info, err := os.Stat(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return Mark(info.Size()), nil
}

// event has the fields of an audit.k8s.io/v1 Event that are used.
type event struct {
	AuditID   string `json:"auditID"`
	Stage     string `json:"stage"`
	Verb      string `json:"verb"`
	UserAgent string `json:"userAgent"`
	User      struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus metav1.Status `json:"responseStatus"`
}

// Writes returns the mutating requests after the mark that pass all filters, in order of arrival:
//
//	writes, err := server.Audit().Writes(mark, apiserver.ByUser("system:serviceaccount:usher-system:usher"))
func (l *AuditLog) Writes(since Mark, filters ...func(Write) bool) ([]Write, error) {
	mutates := func(w Write) bool { return w.Verb != "get" && w.Verb != "list" && w.Verb != "watch" }
	return l.Requests(since, append([]func(Write) bool{mutates}, filters...)...)
}

// Requests returns the requests after the mark that pass all filters, in order of arrival: with the reads of the users that Options.Readers
// names.
func (l *AuditLog) Requests(since Mark, filters ...func(Write) bool) ([]Write, error) {
	file, err := os.Open(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(int64(since), io.SeekStart); err != nil {
		return nil, err
	}

	var order []string
	byID := map[string]Write{}
	for in := bufio.NewReader(file); ; {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // the rest is a line that is being written
		}
		if err != nil {
			return nil, err
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
		switch _, seen := byID[e.AuditID]; {
		case e.Stage == "RequestReceived":
			order = append(order, e.AuditID)
		case !seen:
			continue // arrived before the mark
		}
		byID[e.AuditID] = Write{
			User: e.User.Username, UserAgent: e.UserAgent, Verb: e.Verb,
			Group: e.ObjectRef.APIGroup, Resource: e.ObjectRef.Resource, Subresource: e.ObjectRef.Subresource,
			Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name, Code: e.ResponseStatus.Code,
		}
	}

	var writes []Write
next:
	for _, id := range order {
		for _, wanted := range filters {
			if !wanted(byID[id]) {
				continue next
			}
		}
		writes = append(writes, byID[id])
	}
	return writes, nil
}

// ByUser passes the writes of a user.
func ByUser(name string) func(Write) bool {
	return func(w Write) bool { return w.User == name }
}

// ByUserAgent passes the writes of clients whose user agent starts with a prefix, such as "manager/".
func ByUserAgent(prefix string) func(Write) bool {
	return func(w Write) bool { return strings.HasPrefix(w.UserAgent, prefix) }
}

// Work passes the writes that are not housekeeping.
func Work(w Write) bool { return !w.Housekeeping() }

func join(a, b string) string { return strings.Trim(a+"/"+b, "/") }
