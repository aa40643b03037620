// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/store"
)

// VisitConfirm is an action of the person who has the link to a new address: they open the Nth link that the member Name was sent, the
// latest one for 0, on operator Op's portal, and confirm the address.
const VisitConfirm Action = "confirm"

// confirmVisit is the use of a link that confirms an address: a GET, and a POST.
type confirmVisit struct {
	link *changeMail
	// looks: the visitor has only opened the link so far.
	looks bool
	// inUse: the address was in use at some time since the visit began.
	inUse bool
}

// linkOf returns the Nth link that a member was sent; the latest for 0; nil if there is none.
func (w *world) linkOf(member string, n int64) *changeMail {
	var found *changeMail
	for _, c := range w.changeMails {
		if c.name != member || !c.isLink() {
			continue
		}
		if n--; n == 0 {
			return c
		}
		found = c
	}
	if n >= 0 {
		return nil
	}
	return found
}

// confirm opens a link and confirms the address; it returns false if there is no such link, or one of the member's is open in this portal.
func (o *operator) confirm(s Step) bool {
	w := o.world
	link := w.linkOf(s.Name, s.N)
	if !o.up || link == nil || o.task(visits, confirmTask(s.Name)) != nil {
		return false
	}
	target, err := url.Parse(link.link)
	if err != nil {
		w.violated("link-opens", "the link that confirms an address cannot be parsed")
		return true
	}
	v := &visit{confirm: &confirmVisit{link: link, looks: true}}
	t := &task{on: visits, key: types.NamespacedName{Namespace: namespace, Name: confirmTask(s.Name)}, visit: v}
	o.begin(t, func() {
		look := post(target.RequestURI(), "")
		look.Method = http.MethodGet
		o.openPortal().ServeHTTP(&response{visit: v, header: http.Header{}}, look)
		v.confirm.looks, v.status, v.location = false, 0, ""
		o.portal.ServeHTTP(&response{visit: v, header: http.Header{}}, post(target.RequestURI(), "action=confirm"))
	})
	return true
}

func confirmTask(member string) string { return "confirm-" + member }

// mayConfirm reports whether a link may confirm an address now on an operator's portal: it is for the change that its member waits for,
// works still, the member is not disabled, and no other member has the address, as far as that operator has heard of it.
func (w *world) mayConfirm(o *operator, link *changeMail, now time.Time) bool {
	m := w.member(link.name)
	if m == nil || m.UID != link.member || !w.changing(m, now) {
		return false
	}
	if holder := w.holder(m, link.to); holder != "" {
		known, _ := o.caches[members].objects.get(named(holder)).(*usherv1.Member)
		if known != nil && slices.Contains(store.AddressKeys(known), store.AddressKey(m, usherv1.EmailAddress(link.to))) {
			return false
		}
	}
	c := m.Status.EmailChange
	return c != nil && c.RequestedAt.Unix() == link.requested && m.Spec.Email.SameAs(usherv1.EmailAddress(link.to)) &&
		(c.ExpiresAt == nil || now.Before(c.ExpiresAt.Time))
}

// holder returns another member that has an address in use, or is to be invited at it. One that has confirmed it a moment ago, which its
// status does not say yet, does not count: of two members that confirm one address at the same time, one becomes a duplicate.
func (w *world) holder(m *usherv1.Member, address string) string {
	is := usherv1.EmailAddress(address)
	i := slices.IndexFunc(w.api.tables[members], func(o client.Object) bool {
		other := o.(*usherv1.Member)
		said := other.Status.AcceptedAt == nil || usherv1.EmailAddress(other.Status.Email).SameAs(is)
		return other.UID != m.UID && other.DeletionTimestamp == nil && w.inUse(other).SameAs(is) && said
	})
	if i < 0 {
		return ""
	}
	return w.api.tables[members][i].GetName()
}

// checkConfirmed: only the link that was mailed to an address makes it the one in use, while the member waits for that.
func (w *world) checkConfirmed(m *usherv1.Member, v *visit, is *corev1.Secret) {
	link := v.confirm.link
	switch address := emailOf(is); {
	case v.confirm.looks:
		w.violated("looking-confirms-nothing", "the address of member %s changed when the link was opened", m.Name)
	case !address.SameAs(usherv1.EmailAddress(link.to)):
		w.violated("proven", "the link that was mailed to %s gave member %s the address %s", link.to, m.Name, address)
	case !v.admissible:
		w.violated("dead-change-link", "the link that was mailed to %s confirmed the address, and was at no moment meanwhile for the change "+
			"that member %s waits for", link.to, m.Name)
	}
	if w.wanted(m, link.to) {
		w.granted = nil // one of them becomes a duplicate
	}
	w.counts.Confirmed++
	v.made = true
}

// wanted reports whether another member wants an address, or has it in use.
func (w *world) wanted(m *usherv1.Member, address string) bool {
	return slices.ContainsFunc(w.api.tables[members], func(o client.Object) bool {
		other, is := o.(*usherv1.Member), usherv1.EmailAddress(address)
		return other.UID != m.UID && (other.Spec.Email.SameAs(is) || w.inUse(other).SameAs(is))
	})
}

// noteInUse notes that the address of the visitor's link, if there is one, is in use.
func (v *visit) noteInUse(w *world) {
	if v.confirm == nil {
		return
	}
	m := w.member(v.confirm.link.name)
	v.confirm.inUse = v.confirm.inUse || m != nil && w.inUse(m).SameAs(usherv1.EmailAddress(v.confirm.link.to))
}

// checkConfirmVisit: who is told that the address is confirmed has an address that is.
func (w *world) checkConfirmVisit(v *visit) {
	if v.status == http.StatusSeeOther && !v.confirm.inUse {
		w.violated("confirmed-is-stored", "the holder of %s was told that the address is confirmed, and it is not", v.confirm.link.to)
	}
}
