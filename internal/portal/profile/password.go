// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"net/http"

	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/session"
)

// savePassword writes a new password if the old one is right, and opens a new session. Every other session ends. A password that the
// member has already is not written again: the form was sent a second time, and what it calls the old one is gone.
func (p *Pages) savePassword(w http.ResponseWriter, r *http.Request, v *session.Member, given profileForm) ([]page.Mistake, error) {
	right, err := p.Hasher.Matches(r.Context(), credentials.PasswordHash(&v.Credentials), given.old)
	if err != nil {
		return nil, err
	}
	if !right {
		// One more try of the password, which counts as such.
		has := false
		if p.perMember.Take(digestOf(string(v.Member.EmailInUse())), p.Now()) == 0 {
			has, err = p.Hasher.Matches(r.Context(), credentials.PasswordHash(&v.Credentials), given.password.Typed)
		}
		if err != nil || has {
			return nil, err
		}
		return []page.Mistake{{Field: fieldOldPassword, Key: "error.old"}}, nil
	}
	hash, err := p.Hasher.Hash(r.Context(), given.password.Typed)
	if err != nil {
		return nil, err
	}
	if err := p.changeCredentials(r, v, func() { v.Credentials.Data[credentials.KeyPasswordHash] = hash }); err != nil {
		return nil, err
	}
	return nil, p.sessions.Open(r.Context(), w, v)
}

// changePasswordAgain handles a change of password whose session has ended. Where the member has that very password, the change itself
// ended the session: the button was pressed twice, and the browser shows only this answer. The member then gets a new session, as with
// the first answer.
func (p *Pages) changePasswordAgain(w http.ResponseWriter, r *http.Request) {
	v, err := p.sessions.Former(r)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	if !asksFor(r, v) || standing(v, p.Now()) != nil || p.perMember.Take(digestOf(string(v.Member.EmailInUse())), p.Now()) > 0 {
		p.renderSignIn(w, r, http.StatusForbidden, "", "error.signed-out")
		return
	}
	switch has, err := p.Hasher.Matches(r.Context(), credentials.PasswordHash(&v.Credentials), r.PostForm.Get(page.FieldPassword)); {
	case err != nil:
		p.Fail(w, r, err)
	case !has:
		p.renderSignIn(w, r, http.StatusForbidden, "", "error.signed-out")
	default:
		if err := p.sessions.Open(r.Context(), w, v); err != nil {
			p.Fail(w, r, err)
			return
		}
		p.logOfMember(v).Info("Profile changed", "part", actionPassword+" again")
		http.Redirect(w, r, PathOf(&v.Person)+savedQuery(r, actionPassword), http.StatusSeeOther)
	}
}
