// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/session"
	"github.com/usher-dev/usher/internal/portal/web"
	"github.com/usher-dev/usher/internal/store"
)

const (
	// profilePath is the page where members see and change what they said of themselves. Below it, /{namespace}/{account} is that of
	// one account.
	profilePath = "/me"
	// ForgotPath is where members request a link that sets a new password.
	ForgotPath = profilePath + "/forgot"
)

// Values of the field "action" on the profile page, which are also what its query says was saved.
const (
	actionSignIn   = "sign-in"
	actionSignOut  = "sign-out"
	actionDetails  = "details"
	actionPassword = "password"
	actionCompany  = "company"
)

const (
	// savedParameter of a page's address is what was saved a moment ago.
	savedParameter = "saved"
	// savedReset says that a password was set by a mailed link.
	savedReset = "reset"
)

// errSignedOut is the error of a change whose session has ended meanwhile.
var errSignedOut = errors.New("the session has ended")

// errForeignCompany is the error of a change of the company's contact where a Secret that Usher did not make has the name of its Secret.
const errForeignCompany = page.PlainError(
	"Usher did not make the Secret that has the name of the company's profile, and leaves it alone; rename or delete it")

// Pages serves the profile.
type Pages struct {
	*page.Site
	sessions *session.Sessions
}

// New returns the pages of a site, with its sessions.
func New(site *page.Site, sessions *session.Sessions) *Pages {
	return &Pages{Site: site, sessions: sessions}
}

// Register adds the pages' routes.
func (p *Pages) Register(mux *http.ServeMux) {
	for _, path := range []string{profilePath, profilePath + "/{namespace}/{account}"} {
		mux.HandleFunc("GET "+path, p.showProfile)
		mux.HandleFunc("POST "+path, p.answerProfile)
	}
}

// showProfile shows the profile to its member, and the sign-in page to anyone else.
func (p *Pages) showProfile(w http.ResponseWriter, r *http.Request) {
	sameOriginReferrer(w)
	v, err := p.signedIn(r)
	switch {
	case err != nil:
		p.Fail(w, r, err)
	case v == nil:
		p.renderSignIn(w, r, http.StatusOK, signInForm{saved: r.URL.Query().Get(savedParameter) == savedReset})
	case session.Standing(&v.Person, p.Now()) != nil:
		p.sessions.Close(w)
		p.RenderNotice(w, r, &v.Person, *session.Standing(&v.Person, p.Now()), 0)
	default:
		p.renderProfile(w, r, http.StatusOK, v, profileAnswers(v), nil)
	}
}

// answerProfile handles a POST of any action.
func (p *Pages) answerProfile(w http.ResponseWriter, r *http.Request) {
	sameOriginReferrer(w)
	if !p.Post(w, r, web.NotOwn) {
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
		p.Fail(w, r, err)
	case v == nil && action == actionSignOut:
		p.sessions.Close(w)
		http.Redirect(w, r, r.URL.EscapedPath()+web.SwitchedQuery(r), http.StatusSeeOther)
	case v == nil && action == actionPassword:
		p.changePasswordAgain(w, r)
	case v == nil:
		p.renderSignIn(w, r, http.StatusForbidden, signInForm{problem: "error.signed-out"})
	case action == actionSignOut:
		p.signOut(w, r, v)
	case session.Standing(&v.Person, p.Now()) != nil:
		p.sessions.Close(w)
		p.RenderNotice(w, r, &v.Person, *session.Standing(&v.Person, p.Now()), 0)
	default:
		p.changeProfile(w, r, v, action)
	}
}

// signedIn returns the member whose session the request carries and whose page it asks for; nil if there is none.
func (p *Pages) signedIn(r *http.Request) (*session.Member, error) {
	v, err := p.sessions.Resume(r)
	if err != nil || !asksFor(r, v) {
		return nil, err
	}
	return v, nil
}

// asksFor reports whether there is a member and the request is for its page.
func asksFor(r *http.Request, v *session.Member) bool {
	account := r.PathValue("account")
	return v != nil && (account == "" || account == v.Account.Name && r.PathValue("namespace") == v.Account.Namespace)
}

// changeProfile does what a signed-in member asks for.
func (p *Pages) changeProfile(w http.ResponseWriter, r *http.Request, v *session.Member, action string) {
	given := profileAnswersOf(r.PostForm, v, action)
	var mistakes []page.Mistake
	var err error
	switch {
	case action == actionDetails:
		if mistakes = page.MistakesInPersonal(given.personal); len(mistakes) == 0 {
			err = p.saveDetails(r, v, given)
		}
	case action == actionPassword:
		if mistakes = given.password.Mistakes(&v.Person, given.personal); len(mistakes) == 0 {
			mistakes, err = p.savePassword(w, r, v, given)
		}
	case action == actionCompany && v.Administers:
		if mistakes = given.mistakesOfCompany(v.Account.Spec.Contact); len(mistakes) == 0 {
			err = p.saveCompany(r.Context(), v, given)
		}
	default:
		p.RenderNotice(w, r, &v.Person, page.NoticeMalformed, 0)
		return
	}
	switch {
	case errors.Is(err, errSignedOut) && action == actionPassword:
		p.changePasswordAgain(w, r)
	case errors.Is(err, errSignedOut):
		p.renderSignIn(w, r, http.StatusForbidden, signInForm{problem: "error.signed-out"})
	case err != nil:
		p.Fail(w, r, err)
	case len(mistakes) > 0:
		p.renderProfile(w, r, http.StatusUnprocessableEntity, v, given, mistakes)
	default:
		p.logOfMember(v).Info("Profile changed", "part", action)
		http.Redirect(w, r, PathOf(&v.Person)+savedQuery(r, action), http.StatusSeeOther)
	}
}

// saveDetails writes what the member says of themselves. Where the spec says something, the member's earlier value is kept.
func (p *Pages) saveDetails(r *http.Request, v *session.Member, given profileForm) error {
	return p.changeCredentials(r, v, func() {
		said := credentials.Said(&v.Credentials)
		for _, f := range credentials.Fields {
			if f.OfSpec(&v.Member.Spec) == "" {
				said.Set(f.Key, given.personal[f.Key])
			}
		}
		credentials.SetProfile(&v.Credentials, said)
	})
}

// changeCredentials changes the credentials of v, which was read a moment ago, and writes them. After a conflict it reads and
// changes them again, as long as the session is valid: another password in between ends it.
func (p *Pages) changeCredentials(r *http.Request, v *session.Member, change func()) error {
	for range web.WriteTries {
		change()
		err := store.Update(r.Context(), p.Client, &v.Credentials)
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
		if again == nil || session.Standing(&again.Person, p.Now()) != nil {
			return errSignedOut
		}
		*v = *again
	}
	return web.ErrBusy
}

// saveCompany writes how the company is reached.
func (p *Pages) saveCompany(ctx context.Context, v *session.Member, given profileForm) error {
	for range web.WriteTries {
		secret := &corev1.Secret{}
		found, err := p.Read(ctx, credentials.CompanyKey(&v.Account), secret)
		switch {
		case err != nil:
			return err
		case !found:
			secret = credentials.NewCompany(&v.Account)
		case !credentials.IsCompany(secret, client.ObjectKeyFromObject(&v.Account)):
			return errForeignCompany
		}
		credentials.SetContact(secret, contactOf(credentials.SaidOfCompany(secret), v.Account.Spec.Contact, given))
		write := func() error { return store.Create(ctx, p.Client, secret) }
		if found {
			write = func() error { return store.Update(ctx, p.Client, secret) }
		}
		if err := write(); err == nil || !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return web.ErrBusy
}

// contactOf returns how the company is reached: said is what its admins said before, and given what one of them says now. What the spec
// says is not theirs to change.
func contactOf(said usherv1.AccountContact, spec *usherv1.AccountContact, given profileForm) usherv1.AccountContact {
	if spec == nil || spec.Email == "" {
		said.Email = usherv1.EmailAddress(given.contactEmail)
	}
	if spec == nil || spec.Phone == "" {
		said.Phone = usherv1.Line(given.contactPhone)
	}
	if spec == nil || spec.Address == "" {
		said.Address = given.contactAddress
	}
	return said
}

// SavedQuery returns the query that makes the next page say that a password was set by a mailed link, in the language of this one.
func SavedQuery(r *http.Request) string { return savedQuery(r, savedReset) }

// savedQuery returns the query that makes the next page say what was saved, in the language of this one.
func savedQuery(r *http.Request, action string) string {
	query := url.Values{savedParameter: {action}}
	if switched := web.Spoken.Switched(r); switched != nil {
		query.Set(web.LanguageParameter, string(switched.Tag))
	}
	return "?" + query.Encode()
}

// sameOriginReferrer makes browsers tell this site where a form comes from: the path of a profile is no secret.
func sameOriginReferrer(w http.ResponseWriter) { w.Header().Set("Referrer-Policy", "same-origin") }

// logOfMember returns the logger of a member who has signed in.
func (p *Pages) logOfMember(v *session.Member) logr.Logger {
	return p.Log.WithValues("namespace", v.Member.Namespace, "member", v.Member.Name)
}

// trimmedLines replaces the line breaks that browsers send.
func trimmedLines(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
