// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
)

// checkPasswords: a member in a password file is Active, or still has the seat that it was Active with, at every revision.
func (w *world) checkPasswords() {
	for _, o := range w.api.tables[secrets] {
		if access.PasswordsOf(o) == "" {
			continue
		}
		for line := range strings.Lines(string(o.(*corev1.Secret).Data[access.KeyPasswords])) {
			if address, _, _ := strings.Cut(line, ":"); !w.seatedAs(address) {
				w.violated("access-before-seat", "the password file %s lets %s in, who has neither access nor a seat to give back",
					o.GetName(), address)
			}
		}
	}
}

// checkPasswordsAtRest: the only password file is the one that the account's spec names, with the account's Active members.
func (w *world) checkPasswordsAtRest() {
	wanted, hashes := "", map[string]string{}
	if a := w.living(); a != nil {
		wanted = a.PasswordFile()
	}
	for _, o := range w.api.tables[secrets] {
		if name, ofMember := credentials.MemberOf(o.GetName()); ofMember {
			hashes[name] = string(o.(*corev1.Secret).Data[credentials.KeyPasswordHash])
		}
		if access.PasswordsOf(o) != "" && o.GetName() != wanted {
			w.violated("converged", "there is a password file %s; should be %q", o.GetName(), wanted)
		}
	}
	if wanted == "" {
		return
	}
	present, _ := w.api.get(secrets, named(wanted)).(*corev1.Secret)
	if present == nil {
		w.violated("converged", "there is no password file %s", wanted)
		return
	}
	if ofUser(present) {
		return
	}
	o := access.Observation{Account: w.account(), Terms: w.terms(), Members: collect[usherv1.Member](w.api.tables[members], everything, false)}
	if p := o.Passwords(present, hashes); !access.HoldsPasswords(present, p.Secret) {
		w.violated("converged", "the password file is without %v, and with %v", p.Changed, p.Removed)
	} else if len(present.Data[access.KeyPasswords]) > 0 {
		w.counts.Passwords++
	}
}
