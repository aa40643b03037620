// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

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
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/portal/web"
)

// maxNamesakes is how many members with one address are read when one of them signs in.
const maxNamesakes = 8

// signInReads is how many times longer than the reads of a link the reads of a sign-in may take, with a margin.
const signInReads = 4

// addressDigest is an e-mail address, without regard to case, in bounded memory.
type addressDigest [sha256.Size]byte

func digestOf(email string) addressDigest {
	return sha256.Sum256([]byte(usherv1.EmailAddress(email).Key()))
}

// signIn checks an address and a password. If they are wrong, the answer and its cost are the same whether or not there is such a
// member, with or without a password, disabled or not.
func (p *Portal) signIn(w http.ResponseWriter, r *http.Request) {
	email, password := strings.TrimSpace(r.PostForm.Get(fieldEmail)), r.PostForm.Get(fieldPassword)
	if wait := p.perMember.Take(digestOf(email), p.now()); wait > 0 {
		p.renderNotice(w, r, nil, noticeTooMany, web.Seconds(wait))
		return
	}
	v, err := p.find(r.Context(), email, r.PathValue("namespace"), r.PathValue("account"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	web.AtLeast(r.Context(), signInReads*p.evenTime)
	var hash []byte
	if v != nil {
		hash = v.credentials.Data[credentials.KeyPasswordHash]
	}
	switch right, err := p.hasher.Matches(r.Context(), hash, password); {
	case err != nil:
		p.fail(w, r, err)
	case !right:
		p.renderSignIn(w, r, http.StatusUnprocessableEntity, email, "error.sign-in")
	case standing(v, p.now()) != nil:
		p.renderNotice(w, r, v, *standing(v, p.now()), 0)
	default:
		if err := p.open(r.Context(), w, v); err != nil {
			p.fail(w, r, err)
			return
		}
		p.logOfMember(v).Info("Member signed in")
		http.Redirect(w, r, profileOf(v)+web.SwitchedQuery(r), http.StatusSeeOther)
	}
}

// find returns the one member with an address and a password, of the account if one is named; nil if there is none, or
// if there are several: then it is unknown whose password is meant.
func (p *Portal) find(ctx context.Context, email, namespace, account string) (*visit, error) {
	names, err := p.membersAt(ctx, email)
	if err != nil {
		return nil, err
	}
	if namespace != "" {
		names = slices.DeleteFunc(names, func(n types.NamespacedName) bool { return n.Namespace != namespace })
	}
	var found *visit
	for _, name := range names[:min(len(names), maxNamesakes)] {
		v, err := p.readMember(ctx, name)
		if err != nil {
			return nil, err
		}
		if v == nil || !v.member.Spec.Email.SameAs(usherv1.EmailAddress(email)) || account != "" && v.account.Name != account {
			continue
		}
		if found != nil {
			return nil, nil
		}
		found = v
	}
	return found, nil
}

// readMember reads a member whose credentials have a password and are for its present address; nil if there is no such member.
func (p *Portal) readMember(ctx context.Context, name types.NamespacedName) (*visit, error) {
	v := &visit{}
	if found, err := p.read(ctx, name, &v.member); !found {
		return nil, err
	}
	if found, err := p.readAround(ctx, v); !found {
		return nil, err
	}
	var err error
	if v.administers, err = p.administers(ctx, v); err != nil {
		return nil, err
	}
	if v.acceptance != credentials.Accepted || len(v.credentials.Data[credentials.KeyEmail]) == 0 ||
		len(v.credentials.Data[credentials.KeyPasswordHash]) == 0 {
		return nil, nil
	}
	return v, nil
}

// standing returns the notice for a member who is not Active; nil for one who is. The spec counts at once, whatever the status still
// says.
func standing(v *visit, now time.Time) *notice {
	switch {
	case v.member.Spec.State == usherv1.StateDisabled || v.member.Spec.Ended(now):
		return &noticeProfileDisabled
	case v.account.Spec.State == usherv1.StateDisabled:
		return &noticeProfileAccountDisabled
	case v.member.Status.State != usherv1.ObservedActive:
		return &noticeProfileWaiting
	}
	return nil
}

// administers reports whether the visit's member may speak for the whole company: whether the present plan makes its role one of the
// account's admins.
func (p *Portal) administers(ctx context.Context, v *visit) (bool, error) {
	var named *usherv1.Plan
	if ref := v.account.Spec.PlanRef; ref != nil {
		named = &usherv1.Plan{}
		if found, err := p.read(ctx, types.NamespacedName{Name: ref.Name}, named); err != nil {
			return false, err
		} else if !found {
			named = nil
		}
	}
	return plan.For(&v.account, named).Admin(v.member.Status.Role), nil
}

// profileOf returns the path of the profile of the visit's member. It names the account, because one address may be in several.
func profileOf(v *visit) string {
	return profilePath + "/" + url.PathEscape(v.member.Namespace) + "/" + url.PathEscape(v.account.Name)
}
