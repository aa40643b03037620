// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invitation

import (
	"net/http"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Paths. A POST redirects to one of those after a link's token, so that reloading the page sends nothing again.
const (
	linkKind       = "/i/"
	linkPath       = linkKind + page.LinkPath
	welcomeEnding  = "/welcome"
	declinedEnding = "/declined"
	// declineEnding asks for confirmation before declining.
	declineEnding = "/decline"
)

// Values of the form field "action".
const (
	actionAccept  = "accept"
	actionDecline = "decline"
)

// Options of the pages of invitations.
type Options struct {
	// Namespaces whose links are served; any other link is unknown. Default: all.
	Namespaces []string
	// ProfilePath returns the path of a member's profile; nil if there are no profiles.
	ProfilePath func(*page.Person) string
}

// Pages serves the pages of invitations.
type Pages struct {
	*page.Site
	options       Options
	perInvitation *web.Throttle[types.UID]
}

// New returns the pages of a site.
func New(site *page.Site, options Options) *Pages {
	return &Pages{
		Site: site, options: options,
		perInvitation: web.NewThrottle[types.UID](site.Limits.PostsPerMinute, site.Limits.RememberedKeys),
	}
}

// Register adds the pages' routes.
func (p *Pages) Register(mux *http.ServeMux) {
	for _, path := range []string{linkPath, linkPath + page.DressedEnding} {
		mux.HandleFunc("GET "+path, p.showForm)
		mux.HandleFunc("POST "+path, p.answer)
	}
	mux.HandleFunc("GET "+linkPath+declineEnding, p.askDecline)
	mux.HandleFunc("GET "+linkPath+welcomeEnding, p.showWelcome)
	mux.HandleFunc("GET "+linkPath+declinedEnding, p.showDeclined)
}

// showForm shows the form, or the reason why there is none.
func (p *Pages) showForm(w http.ResponseWriter, r *http.Request) {
	if v := p.admit(w, r, ""); v != nil {
		p.renderForm(w, r, http.StatusOK, v, prefilled(&v.Member), nil)
	}
}

// askDecline asks the invitee to confirm that they decline.
func (p *Pages) askDecline(w http.ResponseWriter, r *http.Request) {
	if v := p.admit(w, r, declineEnding); v != nil {
		p.renderDecline(w, r, v)
	}
}

// admit returns what the link of a GET leads to. If it cannot be answered, admit shows why and returns nil.
func (p *Pages) admit(w http.ResponseWriter, r *http.Request, ending string) *visit {
	v := p.open(w, r, ending)
	if v == nil {
		return nil
	}
	if refusal := v.refusal(p.Now()); refusal != invite.Admitted {
		p.refuse(w, r, v, refusal)
		return nil
	}
	return v
}

// open returns what the link of a GET leads to; ending is what follows the link. It answers the request and returns nil if the link leads
// nowhere, or was dressed: then the answer is the same page without what was added to its address.
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

// answer handles a POST of either action.
func (p *Pages) answer(w http.ResponseWriter, r *http.Request) {
	if !p.Post(w, r, web.Foreign) {
		return
	}
	v, err := p.look(r.Context(), page.LinkOf(r, linkKind))
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	v.from = web.Source{Client: p.Proxies.CountedFor(r)}
	action := r.PostForm.Get("action")
	refusal := v.refusal(p.Now())
	if refusal != invite.Admitted && !mayRepeat(action, refusal) {
		p.refuse(w, r, v, refusal)
		return
	}
	// Count only now, so that only holders of the link use up its tries.
	if wait := p.perInvitation.Take(v.invitation.UID, p.Now()); wait > 0 {
		p.RenderNotice(w, r, &v.Person, page.NoticeTooMany, web.Seconds(wait))
		return
	}
	switch action {
	case actionAccept:
		p.answerAccept(w, r, v, refusal)
	case actionDecline:
		p.answerDecline(w, r, v)
	default:
		p.RenderNotice(w, r, &v.Person, page.NoticeMalformed, 0)
	}
}

func (p *Pages) answerAccept(w http.ResponseWriter, r *http.Request, v *visit, refusal invite.Refusal) {
	given := answersOf(r.PostForm, &v.Member)
	if refusal == invite.RefusedUsed {
		refusal, err := p.repeated(r.Context(), v, given.password.Typed)
		p.conclude(w, r, v, refusal, err, "accepted again", welcomeEnding)
		return
	}
	if mistakes := given.mistakes(v); len(mistakes) > 0 {
		p.renderForm(w, r, http.StatusUnprocessableEntity, v, given, mistakes)
		return
	}
	refusal, err := p.accept(r.Context(), v, given)
	p.conclude(w, r, v, refusal, err, "accepted", welcomeEnding)
}

func (p *Pages) answerDecline(w http.ResponseWriter, r *http.Request, v *visit) {
	refusal, err := p.decline(r.Context(), v)
	p.conclude(w, r, v, refusal, err, "declined", declinedEnding)
}

// conclude answers a POST: with the page at ending, or with the reason why not.
func (p *Pages) conclude(
	w http.ResponseWriter, r *http.Request, v *visit, refusal invite.Refusal, err error, done, ending string,
) {
	switch {
	case err != nil:
		p.Fail(w, r, err)
	case refusal != invite.Admitted:
		p.refuse(w, r, v, refusal)
	default:
		p.logOf(v).Info("Invitation answered", "answer", done)
		http.Redirect(w, r, v.link.Path()+ending+web.SwitchedQuery(r), http.StatusSeeOther)
	}
}

// showWelcome shows the end of an accepted invitation, however often it is opened.
func (p *Pages) showWelcome(w http.ResponseWriter, r *http.Request) {
	v := p.open(w, r, welcomeEnding)
	if v == nil {
		return
	}
	if !v.Acceptance.Counts() {
		// Not accepted, or not any more; the link itself shows the present state.
		http.Redirect(w, r, v.link.Path()+web.SwitchedQuery(r), http.StatusSeeOther)
		return
	}
	// A member who has been disabled since is not welcomed.
	switch refusal := v.disabled(p.Now()); {
	case refusal != invite.Admitted:
		p.refuse(w, r, v, refusal)
	case awaitsSeat(&v.Member):
		p.RenderNotice(w, r, &v.Person, noticeWaiting, 0)
	default:
		notice := noticeWelcome
		if p.options.ProfilePath != nil {
			notice.ProfilePath = p.options.ProfilePath(&v.Person)
		}
		p.RenderNotice(w, r, &v.Person, notice, 0)
	}
}

// showDeclined shows the end of a declined invitation.
func (p *Pages) showDeclined(w http.ResponseWriter, r *http.Request) {
	v := p.open(w, r, declinedEnding)
	if v == nil {
		return
	}
	if v.refusal(p.Now()) != invite.RefusedDeclined {
		http.Redirect(w, r, v.link.Path()+web.SwitchedQuery(r), http.StatusSeeOther)
		return
	}
	p.RenderNotice(w, r, &v.Person, noticeFarewell, 0)
}

// refuse shows why a genuine link cannot be answered.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, v *visit, refusal invite.Refusal) {
	p.logOf(v).V(1).Info("Visit refused", "refusal", string(refusal))
	p.RenderNotice(w, r, &v.Person, noticeOfRefusal[refusal], 0)
}

// logOf returns the logger of a genuine visit. It names no address, and never the token.
func (p *Pages) logOf(v *visit) logr.Logger {
	return p.Log.WithValues("namespace", v.invitation.Namespace, "invitation", v.invitation.Name)
}
