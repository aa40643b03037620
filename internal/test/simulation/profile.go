// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
)

// VisitProfile is an action of a member: Name signs in to operator Op's portal and changes its given name to one with the number N. With To
// "wanted" it signs in with the address in its spec, which need not be in use.
const VisitProfile Action = "profile"

const wantedAddress = "wanted"

// profileVisit is a sign-in and one form, each a POST of its own.
type profileVisit struct {
	email, said string
	// hashes are those of all passwords, by the names of their Secrets, when the member had signed in; nil before.
	hashes map[string]string
	// stored: the change was written.
	stored bool
}

// changeProfile begins the visit of a member that has a password; it returns false if there is none, or the member already visits this
// portal.
func (o *operator) changeProfile(s Step) bool {
	w := o.world
	m := w.member(s.Name)
	if !o.up || m == nil || o.task(visits, profileTask(s.Name)) != nil {
		return false
	}
	p := &profileVisit{email: string(w.inUse(m)), said: fmt.Sprintf("Ada %d", s.N)}
	if s.To == wantedAddress {
		p.email = string(m.Spec.Email)
	}
	v := &visit{profile: p}
	at := "/me/" + namespace + "/" + accountName
	t := &task{on: visits, key: types.NamespacedName{Namespace: namespace, Name: profileTask(s.Name)}, visit: v}
	o.begin(t, func() {
		answer := &response{visit: v, header: http.Header{}}
		o.openPortal().ServeHTTP(answer, post(at, url.Values{
			"action": {"sign-in"}, "email": {p.email}, "password": {w.passwordOf(s.Name)},
		}.Encode()))
		cookies := (&http.Response{Header: answer.header}).Cookies()
		if v.location == "" || len(cookies) == 0 {
			return
		}
		v.status, v.location, p.hashes = 0, "", w.passwordHashes()
		form := post(at, url.Values{"action": {"details"}, "given_name": {p.said}, "family_name": {"Lovelace"}}.Encode())
		for _, cookie := range cookies {
			form.AddCookie(cookie)
		}
		o.portal.ServeHTTP(&response{visit: v, header: http.Header{}}, form)
	})
	return true
}

func profileTask(member string) string { return "me-" + member }

// mayChangeProfile reports whether a member with the visitor's address may change its profile now.
func (w *world) mayChangeProfile(p *profileVisit, now time.Time) bool {
	return w.open() && slices.ContainsFunc(w.api.tables[members], func(o client.Object) bool {
		m := o.(*usherv1.Member)
		return w.opensFor(m, p.email) && m.Status.State == usherv1.ObservedActive &&
			m.Spec.State != usherv1.StateDisabled && !m.Spec.Ended(now)
	})
}

// saves reports whether the visit at work, if one is, writes the profile that it says, and remembers that it is stored.
func (w *world) saves(is *corev1.Secret) bool {
	if w.actor == nil || w.actor.visit == nil || w.actor.visit.profile == nil || is == nil ||
		w.actor.visit.profile.said != string(is.Data[credentials.KeyGivenName]) {
		return false
	}
	p := w.actor.visit.profile
	if hash := string(is.Data[credentials.KeyPasswordHash]); p.hashes != nil && p.hashes[is.Name] != hash {
		w.violated("session-ends", "%s changed a profile in a session from before the member has had its present password", p.email)
	}
	p.stored = true
	return true
}

// checkSaid: only the member writes the names in its profile, and no one overwrites them.
func (w *world) checkSaid(m *usherv1.Member, was, is *corev1.Secret) {
	said := string(is.Data[credentials.KeyGivenName])
	if !w.saves(is) && said != string(was.Data[credentials.KeyGivenName]) {
		w.violated("profile-kept", "the given name of member %s is %q, and the member did not say so", m.Name, said)
	}
}

// checkProfileVisit: only an Active member can change its profile, and a change that is confirmed is stored.
func (w *world) checkProfileVisit(v *visit) {
	if !strings.Contains(v.location, "saved=details") {
		return
	}
	w.counts.Profiles++
	if !v.admissible {
		w.violated("profile-of-the-active", "%s changed a profile, and was an Active member's address at no moment meanwhile", v.profile.email)
	}
	if !v.profile.stored {
		w.violated("profile-saved", "%s was told that the profile is saved, and it is not", v.profile.email)
	}
}
