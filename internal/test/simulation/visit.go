// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/usher-dev/usher/internal/portal"
	"github.com/usher-dev/usher/internal/store"
)

// Actions of invitees, on operator Op's portal: they answer the latest mail of Invitation Name, or with N above 0 that of link
// generation N.
const (
	VisitAccept  Action = "accept"
	VisitDecline Action = "decline"
)

// visitors are the actions of those who open pages of operators' portals.
var visitors = map[Action]func(*operator, Step) bool{
	VisitAccept: (*operator).visit, VisitDecline: (*operator).visit,
	VisitProfile: (*operator).changeProfile, VisitConfirm: (*operator).confirm, VisitForgot: (*operator).forgetPassword,
	VisitReset: (*operator).resetPassword,
}

// visit is the request of a visitor of a portal: one POST with a link, a change of a profile, a confirmation of an address, a request
// for a new password, or the use of the link that sets one.
type visit struct {
	mail    *delivered
	accept  bool
	profile *profileVisit
	confirm *confirmVisit
	reset   *resetVisit
	forgot  bool
	// admissible: the link could be answered, the profile changed, the address confirmed, or the password set, at some time since the visit
	// began.
	admissible bool
	// made: the visit made the credentials itself, or the address in them.
	made     bool
	status   int
	location string
}

var limits = portal.Limits{
	PostsPerMinute: 1 << 20, PagesPerMinute: 1 << 20, ReadsPerSecond: 1 << 30, FreeTries: 1 << 20, MostWrong: 1 << 20, RememberedKeys: 8,
	HashCost: 4, EvenTime: time.Nanosecond,
}

// form is the form of every invitee who accepts.
var form = url.Values{
	"action": {"accept"}, "given_name": {"Ada"}, "family_name": {"Lovelace"},
	"password": {password}, "password_confirm": {password}, "terms": {"on"},
}.Encode()

const password = "correct horse battery"

func (w *world) letter(name string, generation int64) *delivered {
	for i := len(w.inbox) - 1; i >= 0; i-- {
		if d := w.inbox[i]; d.name == name && (generation == 0 || d.generation == generation) {
			return d
		}
	}
	return nil
}

// visit answers a mail; it returns false if there is none, or this portal already handles an answer to it.
func (o *operator) visit(s Step) bool {
	w := o.world
	d := w.letter(s.Name, s.N)
	if !o.up || d == nil || o.task(visits, s.Name) != nil {
		return false
	}
	v := &visit{mail: d, accept: s.Do == VisitAccept}
	body := form
	if !v.accept {
		body = "action=decline"
	}
	target, err := url.Parse(d.mail.Link)
	if err != nil {
		w.violated("link-opens", "the link cannot be parsed")
		return true
	}
	t := &task{on: visits, key: types.NamespacedName{Namespace: namespace, Name: s.Name}, visit: v}
	o.begin(t, func() {
		o.openPortal().ServeHTTP(&response{visit: v, header: http.Header{}}, post(target.RequestURI(), body))
	})
	return true
}

// openPortal returns the operator's portal, which finds members in its cache, as in production.
func (o *operator) openPortal() *portal.Portal {
	if o.portal == nil {
		o.portal = portal.New(portal.Options{
			Client: o.world.wrapPortal(o, o.live), Keys: o.keyring, Now: o.now, Log: logr.Discard(), Limits: limits,
			MembersAt:  store.Directory{Reader: &wire{world: o.world, op: o}}.MembersAt,
			Background: func(work func(context.Context)) bool { work(quiet); return true },
		})
	}
	return o.portal
}

// post returns a POST of a form.
func post(at, body string) *http.Request {
	return (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: at}, Host: "invite.example", RequestURI: at, RemoteAddr: "192.0.2.1:1234",
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}).WithContext(quiet)
}

// response keeps the parts of a response that an invitee notices.
type response struct {
	visit  *visit
	header http.Header
}

func (r *response) Header() http.Header { return r.header }

func (r *response) WriteHeader(status int) {
	if r.visit.status == 0 {
		r.visit.status, r.visit.location = status, r.header.Get("Location")
	}
}

func (r *response) Write(page []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return len(page), nil
}

// confirmed reports whether the invitee was told that they accepted.
func (v *visit) confirmed() bool { return v.accept && strings.HasSuffix(v.location, "/welcome") }
