// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reset

import (
	"context"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/session"
	"github.com/usher-dev/usher/internal/portal/web"
	"github.com/usher-dev/usher/internal/store"
)

const (
	fieldEmail = "email"
	// sentParameter of the page's address says that a link was requested a moment ago.
	sentParameter = "sent"
	// requestedMembers is for how many members with one address a link is requested at once.
	requestedMembers = 32
)

// requestView is what the template of the request may show.
type requestView struct {
	*page.Page
	Email []page.Field
}

// showRequest asks for an address or, after that, says what happens next.
func (p *Pages) showRequest(w http.ResponseWriter, r *http.Request) {
	sameOriginReferrer(w)
	if r.URL.Query().Has(sentParameter) {
		p.RenderNotice(w, r, nil, noticeSent, 0)
		return
	}
	p.renderRequest(w, r, http.StatusOK, "", nil)
}

func (p *Pages) renderRequest(w http.ResponseWriter, r *http.Request, status int, email string, mistakes []page.Mistake) {
	view := requestView{Page: page.New(r, nil, "forgot.title")}
	if !p.AddMistakes(w, view.Page, mistakes) {
		return
	}
	view.Email = view.Fields(page.Field{Name: fieldEmail, Type: "email", Autocomplete: "username", Value: email, Required: true})
	p.Render(w, status, templates, "request.html", view)
}

// answerRequest requests a link for the members with an address. The answer depends on the address as it is written, and not on whether
// there is one.
func (p *Pages) answerRequest(w http.ResponseWriter, r *http.Request) {
	sameOriginReferrer(w)
	if !p.Post(w, r, web.NotOwn) {
		return
	}
	email := strings.TrimSpace(r.PostForm.Get(fieldEmail))
	if _, err := usherv1.EmailAddress(email).Mailbox(); err != nil {
		p.renderRequest(w, r, http.StatusUnprocessableEntity, email, []page.Mistake{{Field: fieldEmail, Key: "error.email"}})
		return
	}
	if wait := p.perClient.Take(p.Proxies.CountedFor(r), p.Now()); wait > 0 {
		p.RenderNotice(w, r, nil, page.NoticeTooMany, web.Seconds(wait))
		return
	}
	// A request for an address that was requested too often is not looked at: a mail with a link that works was sent a moment ago.
	if p.perAddress.Take(web.TargetOf(usherv1.EmailAddress(email).Key()), p.Now()) == 0 {
		if !p.Background(func(ctx context.Context) { p.request(ctx, email) }) {
			p.Fail(w, r, web.ErrBusy)
			return
		}
	}
	query := web.SwitchedQuery(r)
	if query == "" {
		query = "?"
	} else {
		query += "&"
	}
	http.Redirect(w, r, p.options.Path+query+sentParameter+"=", http.StatusSeeOther)
}

// request records the request for each member who can sign in with an address, and whose access was not withdrawn.
func (p *Pages) request(ctx context.Context, email string) {
	found, err := p.sessions.Find(ctx, email, session.Where{}, requestedMembers)
	if err != nil {
		p.Log.Info("Could not look for who has forgotten a password", "cause", page.Cause(err))
		return
	}
	for _, v := range found {
		if err := p.record(ctx, v); err != nil {
			p.logOf(&v.Person).Info("Could not record that a new password is requested", "cause", page.Cause(err))
		}
	}
}

// record writes into the metadata of a member's credentials that a link is requested, unless one was a moment ago. After a conflict it
// reads them again.
func (p *Pages) record(ctx context.Context, v *session.Member) error {
	for range web.WriteTries {
		if session.Disabled(&v.Person, p.Now()) != nil || credentials.Immutable(&v.Credentials) || v.Account.DeliversByLink() ||
			!membership.MayRequestReset(&v.Credentials, p.Now()) {
			return nil
		}
		credentials.RequestReset(&v.Credentials, p.Now())
		err := store.Update(ctx, p.Client, &v.Credentials)
		switch {
		case err == nil:
			p.logOf(&v.Person).Info("New password requested")
			return nil
		case !apierrors.IsConflict(err):
			return client.IgnoreNotFound(err)
		}
		if v, err = p.sessions.Read(ctx, client.ObjectKeyFromObject(&v.Member)); err != nil || v == nil {
			return err
		}
	}
	return web.ErrBusy
}

// sameOriginReferrer makes browsers tell this site where the form comes from: the path of the request is no secret.
func sameOriginReferrer(w http.ResponseWriter) { w.Header().Set("Referrer-Policy", "same-origin") }
