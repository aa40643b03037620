// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package emailchange

import (
	"context"
	"embed"
	"net/http"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/web"
)

//go:embed templates/*.html
var templateFiles embed.FS

var templates = page.Templates(templateFiles)

const (
	linkKind = "/e/"
	linkPath = linkKind + page.LinkPath
	// doneEnding is what a POST redirects to after the link, so that reloading the page sends nothing again.
	doneEnding = "/done"
	// actionConfirm is the value of the form field "action".
	actionConfirm = "confirm"
)

// Options of the pages of changes of address.
type Options struct {
	// Namespaces whose links are served; any other link is unknown. Default: all.
	Namespaces []string
	// MembersAt finds the members, of any account, that have or want an e-mail address, without regard to case; nil if nothing does.
	MembersAt func(ctx context.Context, email string) ([]types.NamespacedName, error)
	// ProfilePath returns the path of a member's profile; nil if there are no profiles.
	ProfilePath func(*page.Person) string
}

// Pages serves the pages of changes of address.
type Pages struct {
	*page.Site
	options   Options
	perMember *web.Throttle[types.UID]
}

// New returns the pages of a site.
func New(site *page.Site, options Options) *Pages {
	return &Pages{
		Site: site, options: options,
		perMember: web.NewThrottle[types.UID](site.Limits.PostsPerMinute, site.Limits.RememberedKeys),
	}
}

// Register adds the pages' routes.
func (p *Pages) Register(mux *http.ServeMux) {
	for _, path := range []string{linkPath, linkPath + page.DressedEnding} {
		mux.HandleFunc("GET "+path, p.show)
		mux.HandleFunc("POST "+path, p.answer)
	}
	mux.HandleFunc("GET "+linkPath+doneEnding, p.showDone)
}

// open returns what the link of a GET leads to; ending is what follows the link. It answers the request and returns nil if the link leads
// nowhere, or was dressed.
func (p *Pages) open(w http.ResponseWriter, r *http.Request, ending string) *visit {
	v, err := p.look(r.Context(), page.LinkOf(r, linkKind))
	if err != nil {
		p.Fail(w, r, err)
		return nil
	}
	if v.link.Undress(w, r, ending) {
		return nil
	}
	return v
}

// view is what the template of the page may show.
type view struct {
	*page.Page
	Expires *metav1.Time
}

// show shows what the link confirms, or the reason why it cannot be confirmed.
func (p *Pages) show(w http.ResponseWriter, r *http.Request) {
	v := p.open(w, r, "")
	if v == nil {
		return
	}
	if v.confirmed {
		p.redirect(w, r, v, doneEnding)
		return
	}
	switch n, err := p.refusal(r.Context(), v, p.Now()); {
	case err != nil:
		p.Fail(w, r, err)
	case n != nil:
		p.refuse(w, r, v, *n)
	default:
		p.renderForm(w, r, v)
	}
}

func (p *Pages) renderForm(w http.ResponseWriter, r *http.Request, v *visit) {
	form := view{Page: page.New(r, &v.Person, "change.title"), Expires: v.Member.Status.EmailChange.ExpiresAt}
	form.Email = string(v.change.Wanted)
	p.Render(w, http.StatusOK, templates, "form.html", form)
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
	// Count only now, so that only holders of the link use up its tries.
	if wait := p.perMember.Take(v.Member.UID, p.Now()); wait > 0 {
		p.RenderNotice(w, r, &v.Person, page.NoticeTooMany, web.Seconds(wait))
		return
	}
	if r.PostForm.Get("action") != actionConfirm {
		p.RenderNotice(w, r, &v.Person, page.NoticeMalformed, 0)
		return
	}
	switch n, err := p.confirm(r.Context(), v); {
	case err != nil:
		p.Fail(w, r, err)
	case n != nil:
		p.refuse(w, r, v, *n)
	default:
		p.logOf(v).Info("New address confirmed")
		p.redirect(w, r, v, doneEnding)
	}
}

// showDone shows the end of a change of address, however often it is opened.
func (p *Pages) showDone(w http.ResponseWriter, r *http.Request) {
	v := p.open(w, r, doneEnding)
	switch {
	case v == nil:
	case !v.confirmed:
		p.redirect(w, r, v, "") // the link itself shows the present state
	default:
		p.renderDone(w, r, v)
	}
}

func (p *Pages) renderDone(w http.ResponseWriter, r *http.Request, v *visit) {
	// A member who has been disabled since is not welcomed.
	if refused := invite.AdmitChange(&v.Member, &v.Account, p.Now()); refused != invite.Admitted && refused != invite.RefusedExpired {
		p.refuse(w, r, v, noticeOfRefusal[refused])
		return
	}
	notice, who := noticeDone, v.Person
	if p.options.ProfilePath != nil {
		notice.ProfilePath = p.options.ProfilePath(&who)
	}
	// The status names the former address until the member controller has seen the credentials.
	who.Member.Status.Email = string(v.address())
	p.RenderNotice(w, r, &who, notice, 0)
}

func (p *Pages) redirect(w http.ResponseWriter, r *http.Request, v *visit, ending string) {
	http.Redirect(w, r, v.link.Path()+ending+web.SwitchedQuery(r), http.StatusSeeOther)
}

// refuse shows why a genuine link cannot be confirmed.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, v *visit, n page.Notice) {
	p.logOf(v).V(1).Info("Visit refused", "notice", n.Name)
	p.RenderNotice(w, r, &v.Person, n, 0)
}

// logOf returns the logger of a genuine visit. It names no address, and never the token.
func (p *Pages) logOf(v *visit) logr.Logger {
	return p.Log.WithValues("namespace", v.Member.Namespace, "member", v.Member.Name)
}
