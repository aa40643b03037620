// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import "fmt"

// addVisit adds an answer to one of the mails.
func (d *draw) addVisit(w *world) {
	if len(w.inbox) == 0 {
		return
	}
	letter := w.inbox[d.random.IntN(len(w.inbox))]
	s := Step{Do: VisitAccept, Op: d.random.IntN(operators), Name: letter.name, N: letter.generation}
	if d.chance(4) {
		s.Do = VisitDecline
	}
	d.add(d.visit, s)
}

// addProfile adds a change of one member's profile.
func (d *draw) addProfile(w *world) {
	if !d.profiles {
		return
	}
	m := fmt.Sprintf("m%d", d.random.IntN(d.members))
	if w.credentials(m) != nil || d.chance(8) {
		s := Step{Do: VisitProfile, Op: d.random.IntN(operators), Name: m, N: int64(d.random.IntN(3))}
		if d.chance(4) {
			s.To = wantedAddress
		}
		d.add(d.visit, s)
	}
}

// addPasswords adds that a member forgets its password, or uses a link that sets one: mostly the latest. Links are used twice now and then,
// and in both portals at once.
func (d *draw) addPasswords(w *world) {
	if !d.forgets {
		return
	}
	s := Step{Do: VisitForgot, Op: d.random.IntN(operators), Name: fmt.Sprintf("m%d", d.random.IntN(d.members))}
	if d.chance(6) {
		s.To = wantedAddress
	}
	if w.credentials(s.Name) != nil || d.chance(8) {
		d.add(d.visit, s)
	}
	if len(w.passwordMails) == 0 {
		return
	}
	at := d.random.IntN(len(w.passwordMails))
	if w.passwordMails[at].link == "" {
		return
	}
	s = Step{Do: VisitReset, Op: d.random.IntN(operators), Name: w.passwordMails[at].name}
	if d.chance(2) {
		for _, p := range w.passwordMails[:at+1] {
			if p.link != "" && p.name == s.Name {
				s.N++
			}
		}
	}
	d.add(2*d.visit, s)
}

// addConfirm adds that a link to a new address is used: mostly the latest that its member was sent, else any. Links are used twice now and
// then, and in both portals at once.
func (d *draw) addConfirm(w *world) {
	if len(w.changeMails) == 0 {
		return
	}
	at := d.random.IntN(len(w.changeMails))
	if !w.changeMails[at].isLink() {
		return
	}
	s := Step{Do: VisitConfirm, Op: d.random.IntN(operators), Name: w.changeMails[at].name}
	if d.chance(3) {
		for _, c := range w.changeMails[:at+1] {
			if c.isLink() && c.name == s.Name {
				s.N++
			}
		}
	}
	d.add(3*d.visit, s)
}
