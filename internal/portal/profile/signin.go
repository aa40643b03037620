// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/session"
	"github.com/usher-dev/usher/internal/portal/web"
)

const (
	// triedMembers is how many members with one address a password is compared with. A wrong password always costs that many comparisons where
	// the path does not name an account, so that the time does not show how many there are.
	triedMembers = 3
	// signInReads is how many times longer than the reads of a link the reads of a sign-in may take, with a margin.
	signInReads = 4
)

// signIn checks an address and a password. If they are wrong, the answer and its cost are the same whether or not there is such a
// member, with or without a password, disabled or not.
func (p *Pages) signIn(w http.ResponseWriter, r *http.Request) {
	email, password := strings.TrimSpace(r.PostForm.Get(fieldEmail)), r.PostForm.Get(page.FieldPassword)
	browser, err := p.sessions.Known(r, email)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	where := session.Where{
		Namespace: r.PathValue("namespace"), Account: r.PathValue("account"), Company: r.PostForm.Get(fieldCompany), First: browser.Member,
	}
	most := triedMembers
	if where.Account != "" {
		most = 1 // of an account, one member at most has the address
	}
	found, err := p.sessions.Find(r.Context(), email, where, most)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	web.AtLeast(r.Context(), signInReads*p.Limits.EvenTime)
	from := web.Source{Client: p.Proxies.CountedFor(r), Known: browser.ID}
	v, wait, err := p.whose(r.Context(), tried{email: email, password: password, found: found, from: from, most: most})
	switch {
	case err != nil:
		p.Fail(w, r, err)
	case wait > 0:
		p.RenderNotice(w, r, nil, noticeWait, web.Seconds(wait))
	case v == nil:
		p.renderSignIn(w, r, http.StatusUnprocessableEntity, signInForm{
			email: email, company: r.PostForm.Get(fieldCompany), problem: p.notTogether(r),
		})
	case session.Standing(&v.Person, p.Now()) != nil:
		p.RenderNotice(w, r, &v.Person, *session.Standing(&v.Person, p.Now()), 0)
	default:
		p.welcome(w, r, v)
	}
}

// welcome opens a session of a member who has given the password.
func (p *Pages) welcome(w http.ResponseWriter, r *http.Request, v *session.Member) {
	if err := p.sessions.Remember(r.Context(), w, v); err != nil {
		p.Fail(w, r, err)
		return
	}
	if err := p.sessions.Open(r.Context(), w, v); err != nil {
		p.Fail(w, r, err)
		return
	}
	p.logOfMember(v).Info("Member signed in")
	http.Redirect(w, r, PathOf(&v.Person)+web.SwitchedQuery(r), http.StatusSeeOther)
}

// notTogether is the catalogue's key of what is said to a wrong password: where the path does not name an account, a member of several
// may have to say which one is meant.
func (p *Pages) notTogether(r *http.Request) string {
	if r.PathValue("account") != "" {
		return "error.sign-in"
	}
	return "error.sign-in.company"
}

// tried is a password that is tried for an address.
type tried struct {
	email, password string
	// found are the members that it may be the password of.
	found []*session.Member
	from  web.Source
	// most is how many members there may be.
	most int
}

// whose returns the first of the members whose password it is; nil if it is no one's. If it may not be tried now, whose returns how long
// that takes.
//
// A wrong password counts for the address, so that it does not show which members there are, and for each member that it was compared with,
// so that another member of the address, whom a tenant has made, does not clear it by signing in.
func (p *Pages) whose(ctx context.Context, t tried) (v *session.Member, wait time.Duration, err error) {
	now, compared, address := p.Now(), 0, addressOf(t.email)
	if wait := p.Tries.Take(address, t.from, now); wait > 0 {
		return nil, wait, nil
	}
	for _, v := range t.found {
		if wait = p.Tries.Take(targetOf(v), t.from, now); wait > 0 {
			continue
		}
		right, err := p.Hasher.Matches(ctx, credentials.PasswordHash(&v.Credentials), t.password)
		switch {
		case err != nil:
			p.Tries.GiveBack(targetOf(v), t.from)
			p.Tries.GiveBack(address, t.from)
			return nil, 0, err
		case right:
			p.Tries.Right(targetOf(v), t.from)
			p.Tries.Right(address, t.from)
			return v, 0, nil
		}
		compared++
	}
	if compared == 0 && wait > 0 {
		return nil, wait, nil
	}
	for ; compared < t.most; compared++ {
		if _, err := p.Hasher.Matches(ctx, nil, t.password); err != nil {
			p.Tries.GiveBack(address, t.from)
			return nil, 0, err
		}
	}
	return nil, 0, nil
}

// addressOf returns what tries of an address are counted by, however it is spelled.
func addressOf(email string) web.Target { return web.TargetOf(usherv1.EmailAddress(email).Key()) }

// targetOf returns what tries of a member's password are counted by.
func targetOf(v *session.Member) web.Target { return web.TargetOf(string(v.Member.UID)) }

// PathOf returns the path of a member's profile. It names the account, because one address may be in several.
func PathOf(who *page.Person) string {
	return profilePath + "/" + url.PathEscape(who.Member.Namespace) + "/" + url.PathEscape(who.Account.Name)
}
