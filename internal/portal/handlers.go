// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"net/http"

	"github.com/usher-dev/usher/internal/invite"
)

// Paths. Those after a link's token are where a POST redirects to, so that reloading the page sends nothing again.
const (
	linkPath       = "/i/{namespace}/{invitation}/{token}"
	welcomeEnding  = "/welcome"
	declinedEnding = "/declined"
	// declineEnding is where somebody who is about to decline is asked once more.
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
	mux.HandleFunc("GET "+accentPath, accentStylesheet)
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

// showForm shows the form, or why there is none.
func (p *Portal) showForm(w http.ResponseWriter, r *http.Request) {
	if v := p.admit(w, r); v != nil {
		p.renderForm(w, r, http.StatusOK, v, prefilled(&v.member), nil)
	}
}

// askDecline asks whether the invitation is really to be declined.
func (p *Portal) askDecline(w http.ResponseWriter, r *http.Request) {
	if v := p.admit(w, r); v != nil {
		p.render(w, http.StatusOK, newPage(r, v, "decline"), "decline.html")
	}
}

// admit returns what the request's link leads to, or shows why it leads nowhere and returns nil.
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

// answer takes a POST of either action.
func (p *Portal) answer(w http.ResponseWriter, r *http.Request) {
	if wait := p.perClient.take(p.countedFor(r), p.now()); wait > 0 {
		p.renderNotice(w, r, nil, noticeTooMany, seconds(wait))
		return
	}
	if p.foreign(r) {
		p.renderNotice(w, r, nil, noticeForeign, 0)
		return
	}
	if err := readForm(w, r); err != nil {
		p.renderNotice(w, r, nil, noticeOfForm(err), 0)
		return
	}
	v := p.admit(w, r)
	if v == nil {
		return
	}
	// Counted only now, so that nobody without the link can use up the tries of the one who has it.
	if wait := p.perInvitation.take(v.invitation.UID, p.now()); wait > 0 {
		p.renderNotice(w, r, v, noticeTooMany, seconds(wait))
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

// conclude tells how a POST came out: the page at ending, or why not.
func (p *Portal) conclude(
	w http.ResponseWriter, r *http.Request, v *visit, refusal invite.Refusal, err error, done, ending string,
) {
	switch {
	case err != nil:
		p.fail(w, r, err)
	case refusal != invite.Admitted:
		p.refuse(w, r, v, refusal)
	default:
		p.logOf(v).Info("invitation answered", "answer", done)
		http.Redirect(w, r, v.link.path()+ending+switchedQuery(r), http.StatusSeeOther)
	}
}

// showWelcome is where an accepted invitation ends, and where it may be looked at again.
func (p *Portal) showWelcome(w http.ResponseWriter, r *http.Request) {
	v, err := p.look(r.Context(), linkOf(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if !v.acceptance.Counts() {
		// Not true, or not any more; the link itself says what is.
		http.Redirect(w, r, v.link.path()+switchedQuery(r), http.StatusSeeOther)
		return
	}
	// As if there were no acceptance: whoever was disabled since is told so instead of being welcomed.
	switch refusal := invite.Admit(&v.invitation, &v.member, &v.account, false, p.now()); {
	case refusal == invite.RefusedMemberDisabled || refusal == invite.RefusedAccountDisabled:
		p.refuse(w, r, v, refusal)
	case awaitsSeat(&v.member):
		p.renderNotice(w, r, v, noticeWaiting, 0)
	default:
		p.renderNotice(w, r, v, noticeWelcome, 0)
	}
}

// showDeclined is where a declined invitation ends.
func (p *Portal) showDeclined(w http.ResponseWriter, r *http.Request) {
	v, err := p.look(r.Context(), linkOf(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if v.refusal(p.now()) != invite.RefusedDeclined {
		http.Redirect(w, r, v.link.path()+switchedQuery(r), http.StatusSeeOther)
		return
	}
	p.renderNotice(w, r, v, noticeFarewell, 0)
}

// refuse shows why a genuine link cannot be answered.
func (p *Portal) refuse(w http.ResponseWriter, r *http.Request, v *visit, refusal invite.Refusal) {
	p.logOf(v).V(1).Info("visit refused", "refusal", string(refusal))
	p.renderNotice(w, r, v, noticeOfRefusal[refusal], 0)
}
