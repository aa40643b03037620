// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"net/http"

	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/session"
	"github.com/usher-dev/usher/internal/portal/web"
)

// matches reports whether a password is that of a member who is, or was, signed in. Its wrong tries count by themselves: someone who has
// found the browser may try no more often than a stranger. The error is a web.WaitError if there were too many.
func (p *Pages) matches(r *http.Request, v *session.Member, password string) (bool, error) {
	from := web.Source{Known: "session"}
	if wait := p.Tries.Take(targetOf(v), from, p.Now()); wait > 0 {
		return false, web.WaitError(wait)
	}
	right, err := p.Hasher.Matches(r.Context(), credentials.PasswordHash(&v.Credentials), password)
	switch {
	case err != nil:
		p.Tries.GiveBack(targetOf(v), from)
	case right:
		p.Tries.Right(targetOf(v), from)
	}
	return right, err
}

// savePassword writes a new password if the old one is right, and opens a new session. Every other session ends. A password that the
// member has already is not written again: the form was sent a second time, and what it calls the old one is gone.
func (p *Pages) savePassword(w http.ResponseWriter, r *http.Request, v *session.Member, given profileForm) ([]page.Mistake, error) {
	right, err := p.matches(r, v, given.old)
	if err != nil {
		return nil, err
	}
	if !right {
		has, err := p.matches(r, v, given.password.Typed)
		if err != nil || has {
			return nil, err
		}
		return []page.Mistake{{Field: fieldOldPassword, Key: "error.old"}}, nil
	}
	hash, err := p.Hasher.Hash(r.Context(), given.password.Typed)
	if err != nil {
		return nil, err
	}
	if err := p.changeCredentials(r, v, func() { credentials.SetPassword(&v.Credentials, hash, p.Now()) }); err != nil {
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
	if !asksFor(r, v) || session.Standing(&v.Person, p.Now()) != nil {
		p.renderSignIn(w, r, http.StatusForbidden, signInForm{problem: "error.signed-out"})
		return
	}
	switch has, err := p.matches(r, v, r.PostForm.Get(page.FieldPassword)); {
	case err != nil:
		p.Fail(w, r, err)
	case !has:
		p.renderSignIn(w, r, http.StatusForbidden, signInForm{problem: "error.signed-out"})
	default:
		if err := p.sessions.Open(r.Context(), w, v); err != nil {
			p.Fail(w, r, err)
			return
		}
		p.logOfMember(v).Info("Profile changed", "part", actionPassword+" again")
		http.Redirect(w, r, PathOf(&v.Person)+savedQuery(r, actionPassword), http.StatusSeeOther)
	}
}

// signOut ends all sessions of the member, and not only in this browser. Credentials that the API server lets no one change keep theirs,
// for half an hour at most.
func (p *Pages) signOut(w http.ResponseWriter, r *http.Request, v *session.Member) {
	path := PathOf(&v.Person)
	if !credentials.Immutable(&v.Credentials) {
		if err := p.changeCredentials(r, v, func() { credentials.EndSessions(&v.Credentials) }); err != nil && !errors.Is(err, errSignedOut) {
			p.Fail(w, r, err)
			return
		}
	}
	p.sessions.Close(w)
	p.logOfMember(v).Info("Member signed out")
	http.Redirect(w, r, path+web.SwitchedQuery(r), http.StatusSeeOther)
}
