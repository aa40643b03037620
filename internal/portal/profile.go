// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/web"
)

// profilePath is the page where members see and change what they said of themselves. Below it, /{namespace}/{account} is that of
// one account.
const profilePath = "/me"

// Values of the field "action" on the profile page, which are also what its query says was saved.
const (
	actionSignIn   = "sign-in"
	actionSignOut  = "sign-out"
	actionDetails  = "details"
	actionPassword = "password"
	actionCompany  = "company"
)

// errSignedOut is the error of a change whose session has ended meanwhile.
var errSignedOut = errors.New("the session has ended")

// showProfile shows the profile to its member, and the sign-in page to anyone else.
func (p *Portal) showProfile(w http.ResponseWriter, r *http.Request) {
	sameOriginReferrer(w)
	v, err := p.signedIn(r)
	switch {
	case err != nil:
		p.fail(w, r, err)
	case v == nil:
		p.renderSignIn(w, r, http.StatusOK, "", "")
	case standing(v, p.now()) != nil:
		p.setCookie(w, "", -1)
		p.renderNotice(w, r, v, *standing(v, p.now()), 0)
	default:
		p.renderProfile(w, r, http.StatusOK, v, profileAnswers(v), nil)
	}
}

// answerProfile handles a POST of any action.
func (p *Portal) answerProfile(w http.ResponseWriter, r *http.Request) {
	sameOriginReferrer(w)
	if wait := p.perClient.Take(p.proxies.CountedFor(r), p.now()); wait > 0 {
		p.renderNotice(w, r, nil, noticeTooMany, web.Seconds(wait))
		return
	}
	// Another site could use the cookie, so only requests from this very site are accepted.
	if p.origin.Check(r) != nil {
		p.renderNotice(w, r, nil, noticeForeign, 0)
		return
	}
	if err := web.ReadForm(w, r); err != nil {
		p.renderNotice(w, r, nil, noticeOfForm(err), 0)
		return
	}
	action := r.PostForm.Get("action")
	if action == actionSignIn {
		p.signIn(w, r)
		return
	}
	v, err := p.signedIn(r)
	switch {
	case err != nil:
		p.fail(w, r, err)
	case v == nil:
		p.renderSignIn(w, r, http.StatusForbidden, "", "error.signed-out")
	case standing(v, p.now()) != nil:
		p.setCookie(w, "", -1)
		p.renderNotice(w, r, v, *standing(v, p.now()), 0)
	case action == actionSignOut:
		p.setCookie(w, "", -1)
		http.Redirect(w, r, profileOf(v)+web.SwitchedQuery(r), http.StatusSeeOther)
	default:
		p.changeProfile(w, r, v, action)
	}
}

// signedIn returns the member whose session the request carries and whose page it asks for; nil if there is none.
func (p *Portal) signedIn(r *http.Request) (*visit, error) {
	v, err := p.resume(r)
	if v == nil || err != nil {
		return nil, err
	}
	if account := r.PathValue("account"); account != "" &&
		(account != v.account.Name || r.PathValue("namespace") != v.account.Namespace) {
		return nil, nil
	}
	return v, nil
}

// changeProfile does what a signed-in member asks for.
func (p *Portal) changeProfile(w http.ResponseWriter, r *http.Request, v *visit, action string) {
	given := profileAnswersOf(r.PostForm, v, action)
	var mistakes []mistake
	var err error
	switch {
	case action == actionDetails:
		if mistakes = mistakesInPersonal(given.personal); len(mistakes) == 0 {
			err = p.saveDetails(r, v, given)
		}
	case action == actionPassword:
		if wait := p.perMember.Take(digestOf(string(v.member.Spec.Email)), p.now()); wait > 0 {
			p.renderNotice(w, r, v, noticeTooMany, web.Seconds(wait))
			return
		}
		if mistakes = given.mistakesOfPassword(v); len(mistakes) == 0 {
			mistakes, err = p.savePassword(w, r, v, given)
		}
	case action == actionCompany && v.administers:
		if mistakes = given.mistakesOfCompany(); len(mistakes) == 0 {
			err = p.saveCompany(r.Context(), v, given)
		}
	default:
		p.renderNotice(w, r, v, noticeMalformed, 0)
		return
	}
	switch {
	case errors.Is(err, errSignedOut):
		p.renderSignIn(w, r, http.StatusForbidden, "", "error.signed-out")
	case err != nil:
		p.fail(w, r, err)
	case len(mistakes) > 0:
		p.renderProfile(w, r, http.StatusUnprocessableEntity, v, given, mistakes)
	default:
		p.logOfMember(v).Info("Profile changed", "part", action)
		http.Redirect(w, r, profileOf(v)+savedQuery(r, action), http.StatusSeeOther)
	}
}

// saveDetails writes what the member says of themselves. Where the spec says something, the member's earlier value is kept.
func (p *Portal) saveDetails(r *http.Request, v *visit, given profileForm) error {
	return p.changeCredentials(r, v, func() {
		said := credentials.Said(&v.credentials)
		for _, f := range credentials.Fields {
			if f.OfSpec(&v.member.Spec) == "" {
				said.Set(f.Key, given.personal[f.Key])
			}
		}
		credentials.SetProfile(&v.credentials, said)
	})
}

// savePassword writes a new password if the old one is right, and opens a new session. Every other session ends.
func (p *Portal) savePassword(w http.ResponseWriter, r *http.Request, v *visit, given profileForm) ([]mistake, error) {
	right, err := p.hasher.Matches(r.Context(), v.credentials.Data[credentials.KeyPasswordHash], given.old)
	if err != nil {
		return nil, err
	}
	if !right {
		return []mistake{{field: fieldOldPassword, key: "error.old"}}, nil
	}
	hash, err := p.hasher.Hash(r.Context(), given.password)
	if err != nil {
		return nil, err
	}
	if err := p.changeCredentials(r, v, func() { v.credentials.Data[credentials.KeyPasswordHash] = hash }); err != nil {
		return nil, err
	}
	return nil, p.open(r.Context(), w, v)
}

// changeCredentials changes the credentials of v, which was read a moment ago, and writes them. After a conflict it reads and
// changes them again, as long as the session is valid: another password in between ends it.
func (p *Portal) changeCredentials(r *http.Request, v *visit, change func()) error {
	for range writeTries {
		change()
		err := p.client.Update(r.Context(), &v.credentials)
		switch {
		case err == nil:
			return nil
		case apierrors.IsNotFound(err):
			return errSignedOut
		case !apierrors.IsConflict(err):
			return err
		}
		again, err := p.signedIn(r)
		if err != nil {
			return err
		}
		if again == nil || standing(again, p.now()) != nil {
			return errSignedOut
		}
		*v = *again
	}
	return web.ErrBusy
}

// saveCompany writes how the company is reached.
func (p *Portal) saveCompany(ctx context.Context, v *visit, given profileForm) error {
	for range writeTries {
		secret := credentials.NewCompany(&v.account)
		found, err := p.read(ctx, credentials.CompanyKey(&v.account), secret)
		if err != nil {
			return err
		}
		said, spec := credentials.Contact(&usherv1.Account{}, secret), v.account.Spec.Contact
		if spec == nil || spec.Email == "" {
			said.Email = usherv1.EmailAddress(given.contactEmail)
		}
		if spec == nil || spec.Phone == "" {
			said.Phone = usherv1.Line(given.contactPhone)
		}
		if spec == nil || spec.Address == "" {
			said.Address = given.contactAddress
		}
		credentials.SetContact(secret, said)
		write := func() error { return p.client.Create(ctx, secret) }
		if found {
			write = func() error { return p.client.Update(ctx, secret) }
		}
		if err := write(); err == nil || !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return web.ErrBusy
}

// savedQuery returns the query that makes the next page say what was saved, in the language of this one.
func savedQuery(r *http.Request, action string) string {
	query := url.Values{"saved": {action}}
	if switched := web.Spoken.Switched(r); switched != nil {
		query.Set(web.LanguageParameter, string(switched.Tag))
	}
	return "?" + query.Encode()
}

// sameOriginReferrer makes browsers tell this site where a form comes from: the path of a profile is no secret.
func sameOriginReferrer(w http.ResponseWriter) { w.Header().Set("Referrer-Policy", "same-origin") }

// logOfMember returns the logger of a member who has signed in.
func (p *Portal) logOfMember(v *visit) logr.Logger {
	return p.log.WithValues("namespace", v.member.Namespace, "member", v.member.Name)
}

// trimmedLines replaces the line breaks that browsers send.
func trimmedLines(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
