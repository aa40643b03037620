// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// Call is one request to the API server.
type Call struct {
	// Verb is get, list, watch, create, update, patch, delete or deletecollection.
	Verb string
	// Group and Resource are such as usher.dev and members; Subresource such as status.
	Group, Resource, Subresource string
	// Namespace and Name of the object; a create has the name that its body gives.
	Namespace, Name string
}

// String is, for example, "update members/status acme/ada".
func (c Call) String() string {
	resource, object := c.Resource, c.Name
	if c.Subresource != "" {
		resource += "/" + c.Subresource
	}
	if c.Namespace != "" {
		object = c.Namespace + "/" + c.Name
	}
	return fmt.Sprintf("%s %s %s", c.Verb, resource, object)
}

// Mutating reports whether the call asks for a change.
func (c Call) Mutating() bool {
	switch c.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return true
	}
	return false
}

// Housekeeping reports whether the call concerns a Lease, an Event or a review.
func (c Call) Housekeeping() bool { return apiserver.Housekeeping(c.Group, c.Resource) }

// callOf parses a request as the API server does: see k8s.io/apiserver/pkg/endpoints/request.RequestInfo.
func callOf(req *http.Request) (Call, error) {
	var c Call
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 2: // api/v1/…
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3: // apis/usher.dev/v1alpha1/…
		c.Group, parts = parts[1], parts[3:]
	default: // discovery, health, OpenAPI
		c.Verb = strings.ToLower(req.Method)
		return c, nil
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		c.Namespace, parts = parts[1], parts[2:]
	}
	c.Resource = parts[0]
	if len(parts) > 1 {
		c.Name = parts[1]
	}
	if len(parts) > 2 {
		c.Subresource = strings.Join(parts[2:], "/")
	}
	c.Verb = verbOf(req, c.Name != "")
	if c.Verb == "create" && c.Name == "" {
		return c, c.nameFromBody(req)
	}
	return c, nil
}

// verbOf returns the verb of a request for one object, or for a collection if it does not name one.
func verbOf(req *http.Request, named bool) string {
	watch := req.URL.Query().Get("watch")
	switch {
	case req.Method == http.MethodPost:
		return "create"
	case req.Method == http.MethodPut:
		return "update"
	case req.Method == http.MethodPatch:
		return "patch"
	case req.Method == http.MethodDelete && named:
		return "delete"
	case req.Method == http.MethodDelete:
		return "deletecollection"
	case watch == "true" || watch == "1":
		return "watch"
	case named:
		return "get"
	}
	return "list"
}

// bodies decodes what a client sends, as JSON or protobuf.
var bodies = serializer.NewCodecFactory(Scheme()).UniversalDeserializer()

func (c *Call) nameFromBody(req *http.Request) error {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	if err := req.Body.Close(); err != nil {
		return err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	object, _, err := bodies.Decode(body, nil, nil)
	if err != nil {
		return nil //nolint:nilerr // the name of a kind that Scheme does not know stays empty
	}
	if named, err := meta.Accessor(object); err == nil {
		c.Name = named.GetName()
	}
	return nil
}
