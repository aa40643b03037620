// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"net/http"

	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Paths. A POST redirects to one of those after a link's token, so that reloading the page sends nothing again.
const (
	linkPath       = "/i/{namespace}/{invitation}/{token}"
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

func (p *Portal) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET "+stylesheetPath, stylesheet)
	mux.HandleFunc("GET "+linkPath, p.showForm)
	mux.HandleFunc("POST "+linkPath, p.answer)
	mux.HandleFunc("GET "+web.AccentPath, web.AccentStylesheet)
	mux.HandleFunc("GET "+linkPath+declineEnding, p.askDecline)
	mux.HandleFunc("GET "+linkPath+welcomeEnding, p.showWelcome)
	mux.HandleFunc("GET "+linkPath+declinedEnding, p.showDeclined)
	if p.membersAt != nil {
		for _, path := range []string{profilePath, profilePath + "/{namespace}/{account}"} {
			mux.HandleFunc("GET "+path, p.showProfile)
			mux.HandleFunc("POST "+path, p.answerProfile)
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { p.fail(w, r, errUnknown) })
	return mux
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// showForm shows the form, or the reason why there is none.
func (p *Portal) showForm(w http.ResponseWriter, r *http.Request) {
	if v := p.admit(w, r); v != nil {
		p.renderForm(w, r, http.StatusOK, v, prefilled(&v.member), nil)
	}
}

// askDecline asks the invitee to confirm that they decline.
func (p *Portal) askDecline(w http.ResponseWriter, r *http.Request) {
	if v := p.admit(w, r); v != nil {
		p.render(w, http.StatusOK, newPage(r, v, "decline"), "decline.html")
	}
}

// admit returns what the request's link leads to. If it leads nowhere, admit shows why and returns nil.
func (p *Portal) admit(w http.ResponseWriter, r *http.Request) *visit {
	v, err := p.look(r.Context(), linkOf(r))
	if err != nil {
		p.fail(w, r, err)
		return nil
	}
	if refusal := v.refusal(p.now()); refusal != invite.Admitted {
		p.refuse(w, r, v, refusal)
		return nil
	}
	return v
}

// answer handles a POST of either action.
func (p *Portal) answer(w http.ResponseWriter, r *http.Request) {
	if wait := p.perClient.Take(p.proxies.CountedFor(r), p.now()); wait > 0 {
		p.renderNotice(w, r, nil, noticeTooMany, web.Seconds(wait))
		return
	}
	if web.Foreign(p.origin, r) {
		p.renderNotice(w, r, nil, noticeForeign, 0)
		return
	}
	if err := web.ReadForm(w, r); err != nil {
		p.renderNotice(w, r, nil, noticeOfForm(err), 0)
		return
	}
	v := p.admit(w, r)
	if v == nil {
		return
	}
	// Count only now, so that only holders of the link use up its tries.
	if wait := p.perInvitation.Take(v.invitation.UID, p.now()); wait > 0 {
		p.renderNotice(w, r, v, noticeTooMany, web.Seconds(wait))
		return
	}
	switch r.PostForm.Get("action") {
	case actionAccept:
		p.answerAccept(w, r, v)
	case actionDecline:
		p.answerDecline(w, r, v)
	default:
		p.renderNotice(w, r, v, noticeMalformed, 0)
	}
}

func (p *Portal) answerAccept(w http.ResponseWriter, r *http.Request, v *visit) {
	given := answersOf(r.PostForm, &v.member)
	if mistakes := given.mistakes(v); len(mistakes) > 0 {
		p.renderForm(w, r, http.StatusUnprocessableEntity, v, given, mistakes)
		return
	}
	refusal, err := p.accept(r.Context(), v, given)
	p.conclude(w, r, v, refusal, err, "accepted", welcomeEnding)
}

func (p *Portal) answerDecline(w http.ResponseWriter, r *http.Request, v *visit) {
	refusal, err := p.decline(r.Context(), v)
	p.conclude(w, r, v, refusal, err, "declined", declinedEnding)
}

// conclude answers a POST: with the page at ending, or with the reason why not.
func (p *Portal) conclude(
	w http.ResponseWriter, r *http.Request, v *visit, refusal invite.Refusal, err error, done, ending string,
) {
	switch {
	case err != nil:
		p.fail(w, r, err)
	case refusal != invite.Admitted:
		p.refuse(w, r, v, refusal)
	default:
		p.logOf(v).Info("Invitation answered", "answer", done)
		http.Redirect(w, r, v.link.path()+ending+web.SwitchedQuery(r), http.StatusSeeOther)
	}
}

// showWelcome shows the end of an accepted invitation, however often it is opened.
func (p *Portal) showWelcome(w http.ResponseWriter, r *http.Request) {
	v, err := p.look(r.Context(), linkOf(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if !v.acceptance.Counts() {
		// Not accepted, or not any more; the link itself shows the present state.
		http.Redirect(w, r, v.link.path()+web.SwitchedQuery(r), http.StatusSeeOther)
		return
	}
	// Admit without the acceptance, so that a member who has been disabled since is not welcomed.
	switch refusal := invite.Admit(&v.invitation, &v.member, &v.account, false, p.now()); {
	case refusal == invite.RefusedMemberDisabled || refusal == invite.RefusedAccountDisabled:
		p.refuse(w, r, v, refusal)
	case awaitsSeat(&v.member):
		p.renderNotice(w, r, v, noticeWaiting, 0)
	default:
		p.renderNotice(w, r, v, noticeWelcome, 0)
	}
}

// showDeclined shows the end of a declined invitation.
func (p *Portal) showDeclined(w http.ResponseWriter, r *http.Request) {
	v, err := p.look(r.Context(), linkOf(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if v.refusal(p.now()) != invite.RefusedDeclined {
		http.Redirect(w, r, v.link.path()+web.SwitchedQuery(r), http.StatusSeeOther)
		return
	}
	p.renderNotice(w, r, v, noticeFarewell, 0)
}

// refuse shows why a genuine link cannot be answered.
func (p *Portal) refuse(w http.ResponseWriter, r *http.Request, v *visit, refusal invite.Refusal) {
	p.logOf(v).V(1).Info("Visit refused", "refusal", string(refusal))
	p.renderNotice(w, r, v, noticeOfRefusal[refusal], 0)
}
