// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/usher-dev/usher/internal/credentials"
)

// Actions of members on operator Op's portal. Name has forgotten its password and requests a link; with To "wanted" it enters the address
// in its spec, which need not be in use. Name uses the Nth link that it was mailed, the latest for 0, and sets another password.
const (
	VisitForgot Action = "forgot"
	VisitReset  Action = "reset"
)

// resetVisit is the use of a link that sets a password: a GET, and a POST.
type resetVisit struct {
	link     *passwordMail
	password string
	// looks: the visitor has only opened the link so far. stored: the password was written.
	looks, stored bool
}

// passwordOf is the password that a member has set last.
func (w *world) passwordOf(member string) string { return cmp.Or(w.passwords[member], password) }

// passwordHashes returns the hashes of all members' passwords, by the names of their Secrets.
func (w *world) passwordHashes() map[string]string {
	hashes := map[string]string{}
	for _, o := range w.api.tables[secrets] {
		hashes[o.GetName()] = hashOf(o.(*corev1.Secret))
	}
	return hashes
}

func hashOf(secret *corev1.Secret) string { return string(secret.Data[credentials.KeyPasswordHash]) }

// forgetPassword begins the visit of someone who enters a member's address; it returns false if there is none, or the member already visits
// this portal.
func (o *operator) forgetPassword(s Step) bool {
	w := o.world
	m := w.member(s.Name)
	if !o.up || m == nil || o.task(visits, forgotTask(s.Name)) != nil {
		return false
	}
	email := w.inUse(m)
	if s.To == wantedAddress {
		email = m.Spec.Email
	}
	v := &visit{forgot: true}
	t := &task{on: visits, key: types.NamespacedName{Namespace: namespace, Name: forgotTask(s.Name)}, visit: v}
	form := post("/me/forgot", url.Values{"action": {"request"}, "email": {string(email)}}.Encode())
	form.RemoteAddr = fmt.Sprintf("192.0.%d.%d:1234", w.steps/250, w.steps%250) // from anywhere
	o.begin(t, func() { o.openPortal().ServeHTTP(&response{visit: v, header: http.Header{}}, form) })
	return true
}

func forgotTask(member string) string { return "forgot-" + member }

// resetLinkOf returns the Nth link that a member was mailed; the latest for 0; nil if there is none.
func (w *world) resetLinkOf(member string, n int64) *passwordMail {
	var found *passwordMail
	for _, p := range w.passwordMails {
		if p.name != member || p.link == "" {
			continue
		}
		if n--; n == 0 {
			return p
		}
		found = p
	}
	if n >= 0 {
		return nil
	}
	return found
}

// resetPassword opens a link and sets a password; it returns false if there is no such link, or one of the member's is open in this portal.
func (o *operator) resetPassword(s Step) bool {
	w := o.world
	link := w.resetLinkOf(s.Name, s.N)
	if !o.up || link == nil || o.task(visits, resetTask(s.Name)) != nil {
		return false
	}
	target, err := url.Parse(link.link)
	if err != nil {
		w.violated("link-opens", "the link that sets a password cannot be parsed")
		return true
	}
	r := &resetVisit{link: link, password: fmt.Sprintf("new horse, new battery %d", w.steps), looks: true}
	v := &visit{reset: r}
	t := &task{on: visits, key: types.NamespacedName{Namespace: namespace, Name: resetTask(s.Name)}, visit: v}
	o.begin(t, func() {
		look := post(target.RequestURI(), "")
		look.Method = http.MethodGet
		o.openPortal().ServeHTTP(&response{visit: v, header: http.Header{}}, look)
		r.looks, v.status, v.location = false, 0, ""
		o.portal.ServeHTTP(&response{visit: v, header: http.Header{}}, post(target.RequestURI(), url.Values{
			"action": {"reset"}, "password": {r.password}, "password_confirm": {r.password},
		}.Encode()))
	})
	return true
}

func resetTask(member string) string { return "reset-" + member }

// mayReset reports whether a link may set a password now: it is for the present password of its member, works still, and the member is not
// disabled.
func (w *world) mayReset(link *passwordMail, now time.Time) bool {
	m, secret := w.member(link.name), w.credentials(link.name)
	return m != nil && secret != nil && m.UID == link.member && hashOf(secret) == link.hash && now.Before(link.ends) &&
		w.mayBeMailed(m, now)
}

// checkResetVisit: who is told that the password is set has set it.
func (w *world) checkResetVisit(v *visit) {
	if v.status == http.StatusSeeOther && !v.reset.stored {
		w.violated("reset-is-stored", "member %s was told that the password is set, and it is not", v.reset.link.name)
	}
}
