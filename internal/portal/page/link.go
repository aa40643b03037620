// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"net/http"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/usher-dev/usher/internal/portal/web"
)

// Patterns of the paths of links.
const (
	// LinkPath follows the kind of a link.
	LinkPath = "{namespace}/{name}/{token}"
	// DressedEnding is what mail programs may add behind a slash.
	DressedEnding = "/{dressing...}"
)

// Link is what the path of a link says that was mailed. Nothing in it can be trusted, and the token must not be logged.
type Link struct {
	// kind begins the path, such as "/i/".
	kind, Namespace, Name, Token string
}

// LinkOf returns the link of a kind that a request asks for, without what a mail program added to it.
func LinkOf(r *http.Request, kind string) Link {
	return Link{kind, joined(r.PathValue("namespace")), joined(r.PathValue("name")), undressed(r.PathValue("token"))}
}

// Path of a genuine link; its parts need no escaping.
func (l Link) Path() string { return l.kind + l.Namespace + "/" + l.Name + "/" + l.Token }

// Undress answers the request for a genuine link that was dressed: with the same page without what was added to its address. ending is what
// follows the link. It reports whether it has answered.
func (l Link) Undress(w http.ResponseWriter, r *http.Request, ending string) bool {
	page := l.Path() + ending
	if r.URL.Path == page {
		return false
	}
	http.Redirect(w, r, page+web.SwitchedQuery(r), http.StatusSeeOther)
	return true
}

// Key returns the object that the link names, and whether there can be one: the portal serves its namespace, if it does not serve all, and
// an object can have its names. If not, the key is a valid one that no object has, so that reading it is the same work.
func (l Link) Key(served []string) (key types.NamespacedName, possible bool) {
	if (len(served) == 0 || slices.Contains(served, l.Namespace)) &&
		len(validation.IsDNS1123Label(l.Namespace)) == 0 && len(validation.IsDNS1123Subdomain(l.Name)) == 0 {
		return types.NamespacedName{Namespace: l.Namespace, Name: l.Name}, true
	}
	key = types.NamespacedName{Namespace: "default", Name: "no-such-link"}
	if len(served) > 0 {
		key.Namespace = served[0]
	}
	return key, false
}
