// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reset

import (
	"context"
	"embed"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/session"
	"github.com/usher-dev/usher/internal/portal/web"
	"github.com/usher-dev/usher/internal/store"
)

//go:embed templates/*.html
var templateFiles embed.FS

var templates = page.Templates(templateFiles)

const (
	linkKind = "/p/"
	linkPath = linkKind + page.LinkPath
	// actionReset is the value of the form field "action".
	actionReset = "reset"
)

// Limits of requests: how many come at once, and at which intervals after that, until an hour without one. The longest interval is that
// of the mails, so that an address whose requests are not looked at has been sent a link that works.
const (
	requestsPerClient  = 10
	requestsPerAddress = 4
	firstInterval      = time.Minute
	longestInterval    = membership.ResetPause
	idleInterval       = time.Hour
)

// Options of the pages.
type Options struct {
	// Namespaces whose links are served; any other link is unknown. Default: all.
	Namespaces []string
	// Path of the page where a link is requested.
	Path string
	// DonePath returns where a member signs in who has just set a new password. Its page says so.
	DonePath func(*http.Request, *page.Person) string
}

// Pages serves the pages of new passwords.
type Pages struct {
	*page.Site
	sessions   *session.Sessions
	options    Options
	perClient  web.Backoff[netip.Prefix]
	perAddress web.Backoff[web.Target]
	perMember  *web.Throttle[types.UID]
}

// New returns the pages of a site, with its sessions.
func New(site *page.Site, sessions *session.Sessions, options Options) *Pages {
	keys := site.Limits.RememberedKeys
	return &Pages{
		Site: site, sessions: sessions, options: options,
		perClient: web.Backoff[netip.Prefix]{
			Free: requestsPerClient, First: firstInterval, Most: longestInterval, Idle: idleInterval, Keys: keys,
		},
		perAddress: web.Backoff[web.Target]{
			Free: requestsPerAddress, First: firstInterval, Most: longestInterval, Idle: idleInterval, Keys: keys,
		},
		perMember: web.NewThrottle[types.UID](site.Limits.PostsPerMinute, keys),
	}
}

// Register adds the pages' routes.
func (p *Pages) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET "+p.options.Path, p.showRequest)
	mux.HandleFunc("POST "+p.options.Path, p.answerRequest)
	for _, path := range []string{linkPath, linkPath + page.DressedEnding} {
		mux.HandleFunc("GET "+path, p.show)
		mux.HandleFunc("POST "+path, p.answer)
	}
}

// view is what the template of the page behind a link may show.
type view struct {
	*page.Page
	Expires *metav1.Time
	Secret  []page.Field
}

// show shows the form, or the reason why there is none.
func (p *Pages) show(w http.ResponseWriter, r *http.Request) {
	v, err := p.look(r.Context(), page.LinkOf(r, linkKind))
	switch {
	case err != nil:
		p.Fail(w, r, err)
	case v.link.Undress(w, r, ""):
	case p.refusal(v) != nil:
		p.refuse(w, r, v, *p.refusal(v))
	default:
		p.renderForm(w, r, http.StatusOK, v, nil)
	}
}

func (p *Pages) renderForm(w http.ResponseWriter, r *http.Request, status int, v *visit, mistakes []page.Mistake) {
	form := view{Page: page.New(r, &v.Person, "reset.title"), Expires: &metav1.Time{Time: v.until}}
	if !p.AddMistakes(w, form.Page, mistakes) {
		return
	}
	form.Secret = form.Fields(page.PasswordFields()...)
	p.Render(w, status, templates, "form.html", form)
}

// answer handles a POST.
func (p *Pages) answer(w http.ResponseWriter, r *http.Request) {
	if !p.Post(w, r, web.Foreign) {
		return
	}
	v, err := p.look(r.Context(), page.LinkOf(r, linkKind))
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	if notice := p.refusal(v); notice != nil {
		p.refuse(w, r, v, *notice)
		return
	}
	// Count only now, so that only holders of the link use up its tries.
	if wait := p.perMember.Take(v.Member.UID, p.Now()); wait > 0 {
		p.RenderNotice(w, r, &v.Person, page.NoticeTooMany, web.Seconds(wait))
		return
	}
	if r.PostForm.Get("action") != actionReset {
		p.RenderNotice(w, r, &v.Person, page.NoticeMalformed, 0)
		return
	}
	given := page.Password{Typed: r.PostForm.Get(page.FieldPassword), Confirm: r.PostForm.Get(page.FieldConfirm)}
	if mistakes := given.Mistakes(&v.Person, credentials.Known(&v.Member.Spec, &v.Credentials)); len(mistakes) > 0 {
		p.renderForm(w, r, http.StatusUnprocessableEntity, v, mistakes)
		return
	}
	switch notice, err := p.set(r.Context(), v, given.Typed); {
	case err != nil:
		p.Fail(w, r, err)
	case notice != nil:
		p.refuse(w, r, v, *notice)
	default:
		p.conclude(w, r, v)
	}
}

// set gives the visit's member another password. It returns a notice if the link does not allow that any more.
func (p *Pages) set(ctx context.Context, v *visit, password string) (*page.Notice, error) {
	hash, err := p.Hasher.Hash(ctx, password)
	if err != nil {
		return nil, err
	}
	// Finish even if the client goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), web.SettleTimeout)
	defer cancel()
	for range web.WriteTries {
		if notice := p.refusal(v); notice != nil { // hashing takes time
			return notice, nil
		}
		secret := v.Credentials.DeepCopy()
		credentials.Reset(secret, hash, invite.Confirmation(v.link.Token), p.Now())
		err := store.Update(ctx, p.Client, secret)
		switch {
		case err == nil:
			return nil, nil
		case !apierrors.IsConflict(err) && !apierrors.IsNotFound(err):
			return nil, err
		}
		again, err := p.look(ctx, v.link)
		if err != nil {
			return nil, err
		}
		*v = *again
	}
	return nil, web.ErrBusy
}

// conclude answers a visit that has set a password: with the sign-in page. The browser is known from now on, and wrong passwords of before
// do not hold the member up.
func (p *Pages) conclude(w http.ResponseWriter, r *http.Request, v *visit) {
	p.logOf(&v.Person).Info("Password set by a mailed link")
	from := web.Source{Client: p.Proxies.CountedFor(r)}
	for _, name := range []string{string(v.Member.UID), v.Member.EmailInUse().Key()} {
		p.Tries.Right(web.TargetOf(name), from)
	}
	if err := p.sessions.Remember(r.Context(), w, &session.Member{Person: v.Person}); err != nil {
		p.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, p.options.DonePath(r, &v.Person), http.StatusSeeOther)
}

// refuse shows why a genuine link does not set a password.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, v *visit, n page.Notice) {
	p.logOf(&v.Person).V(1).Info("Visit refused", "notice", n.Name)
	p.RenderNotice(w, r, &v.Person, n, 0)
}

// logOf returns the logger of a member who was found. It names no address, and never the token.
func (p *Pages) logOf(who *page.Person) logr.Logger {
	return p.Log.WithValues("namespace", who.Member.Namespace, "member", who.Member.Name)
}
