// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/session"
	"github.com/usher-dev/usher/internal/portal/web"
	"github.com/usher-dev/usher/internal/reason"
	"github.com/usher-dev/usher/internal/undecodable"
)

// maxNamesakes is how many members with one address are read when one of them signs in.
const maxNamesakes = 8

// signInReads is how many times longer than the reads of a link the reads of a sign-in may take, with a margin.
const signInReads = 4

// addressDigest is an e-mail address, however it is spelled, in bounded memory.
type addressDigest [sha256.Size]byte

func digestOf(email string) addressDigest {
	return sha256.Sum256([]byte(usherv1.EmailAddress(email).Key()))
}

// signIn checks an address and a password. If they are wrong, the answer and its cost are the same whether or not there is such a
// member, with or without a password, disabled or not.
func (p *Pages) signIn(w http.ResponseWriter, r *http.Request) {
	email, password := strings.TrimSpace(r.PostForm.Get(fieldEmail)), r.PostForm.Get(page.FieldPassword)
	if wait := p.perMember.Take(digestOf(email), p.Now()); wait > 0 {
		p.RenderNotice(w, r, nil, page.NoticeTooMany, web.Seconds(wait))
		return
	}
	v, err := p.find(r.Context(), email, r.PathValue("namespace"), r.PathValue("account"))
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	web.AtLeast(r.Context(), signInReads*p.Limits.EvenTime)
	var hash []byte
	if v != nil {
		hash = credentials.PasswordHash(&v.Credentials)
	}
	switch right, err := p.Hasher.Matches(r.Context(), hash, password); {
	case err != nil:
		p.Fail(w, r, err)
	case !right:
		p.renderSignIn(w, r, http.StatusUnprocessableEntity, email, "error.sign-in")
	case standing(v, p.Now()) != nil:
		p.RenderNotice(w, r, &v.Person, *standing(v, p.Now()), 0)
	default:
		if err := p.sessions.Open(r.Context(), w, v); err != nil {
			p.Fail(w, r, err)
			return
		}
		p.logOfMember(v).Info("Member signed in")
		http.Redirect(w, r, PathOf(&v.Person)+web.SwitchedQuery(r), http.StatusSeeOther)
	}
}

// find returns the one member with an address and a password, of the account if one is named; nil if there is none, or
// if there are several: then it is unknown whose password is meant.
func (p *Pages) find(ctx context.Context, email, namespace, account string) (*session.Member, error) {
	names, err := p.options.MembersAt(ctx, email)
	if err != nil {
		return nil, err
	}
	if namespace != "" {
		names = slices.DeleteFunc(names, func(n types.NamespacedName) bool { return n.Namespace != namespace })
	}
	var found *session.Member
	for _, name := range names[:min(len(names), maxNamesakes)] {
		v, err := p.sessions.Read(ctx, name)
		if undecodable.Ignore(err) != nil {
			return nil, err
		}
		if err != nil {
			p.Log.Error(err, "a member cannot sign in", "namespace", name.Namespace, "member", name.Name)
			continue // another member with the address can sign in all the same
		}
		if v == nil || !v.Member.EmailInUse().SameAs(usherv1.EmailAddress(email)) || account != "" && v.Account.Name != account {
			continue
		}
		if reason.OfMember(&v.Member).Duplicate {
			continue // another member has the address, and the right to it
		}
		if found != nil {
			return nil, nil
		}
		found = v
	}
	return found, nil
}

// standing returns the notice for a member who is not Active; nil for one who is. The spec counts at once, whatever the status still
// says.
func standing(v *session.Member, now time.Time) *page.Notice {
	switch {
	case v.Member.Spec.State == usherv1.StateDisabled || v.Member.Spec.Ended(now):
		return &noticeProfileDisabled
	case v.Account.Spec.State == usherv1.StateDisabled:
		return &noticeProfileAccountDisabled
	case v.Member.Status.State != usherv1.ObservedActive:
		return &noticeProfileWaiting
	}
	return nil
}

// PathOf returns the path of a member's profile. It names the account, because one address may be in several.
func PathOf(who *page.Person) string {
	return profilePath + "/" + url.PathEscape(who.Member.Namespace) + "/" + url.PathEscape(who.Account.Name)
}
