// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"golang.org/x/crypto/bcrypt"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/portal"
)

var anotherPassword = url.Values{"password": {newPassword}, "password_confirm": {newPassword}}

// A browser shows the answer to the second click only.
func TestASecondClickOnAcceptLeadsToTheWelcome(t *testing.T) {
	w := newWorld(t)
	w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
	w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
	updateStatus(w, w.invitation, func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationAccepted })
	w.activate(w.member)
	before := w.credentials()
	// Back, and sent again with something changed: what counts is whose password it is.
	w.expectDone(w.post(w.link()+"?lang=en-US", acceptance(url.Values{"family_name": {"King"}, "terms": nil})), titleWelcome)
	for _, path := range []string{w.link(), w.link() + "."} { // and with a dressed link
		w.expectDone(w.post(path, acceptance()), titleWelcome)
	}
	for _, form := range []url.Values{
		acceptance(anotherPassword), acceptance(url.Values{"password": {""}}), acceptance(url.Values{"password": nil}),
		acceptance(url.Values{"password": {goodPassword + strings.Repeat("x", 72)}}), {"action": {"accept"}}, declination, {},
	} {
		w.expectPage(w.post(w.link(), form, elsewhere()), http.StatusGone, titleUsed)
		w.clock.Add(6) // so that tries are left
	}
	w.Expect(w.credentials()).To(Equal(before))
	w.Expect(w.wire.mutations.Load()).To(BeEquivalentTo(1))
	w.expectNoSecretsInLogs()
}

// A keyboard may compose letters at one time and not at another, and so may the browser that sends a form again.
func TestASecondClickOfAnotherKeyboard(t *testing.T) {
	w := newWorld(t)
	const set, typed = "mot de passe \u00e9l\u00e9gant", "mot\u00a0de passe e\u0301le\u0301gant"
	forms := func(one, two string) url.Values { return url.Values{"password": {one}, "password_confirm": {two}} }
	w.expectDone(w.post(w.link(), acceptance(forms(set, typed))), titleWaiting)
	w.expectDone(w.post(w.link(), acceptance(forms(typed, typed))), titleWaiting)
	w.Expect(bcrypt.CompareHashAndPassword(w.credentials().Data["password-hash"], []byte(set))).To(Succeed())
	w.activate(w.member)
	for _, password := range []string{set, typed} {
		w.Expect(w.post("/me", signIn("ada@acme.example", password), elsewhere()).Code).To(Equal(http.StatusSeeOther))
	}

	// A change: the old password as it is typed now, and the new one, which another keyboard sends again.
	cookie := cookieOf(w, w.post("/me", signIn("ada@acme.example", typed), elsewhere()))
	next := url.Values{"action": {"password"}, "old_password": {typed}, "password": {"une autre phrase cach\u00e9e"}, "password_confirm": {"une autre phrase cache\u0301e"}}
	w.Expect(w.post(w.profile(), next, cookie, elsewhere()).Code).To(Equal(http.StatusSeeOther))
	next["password"] = next["password_confirm"]
	w.Expect(w.post(w.profile(), next, cookie, elsewhere()).Code).To(Equal(http.StatusSeeOther), "a second click")
	w.Expect(w.post("/me", signIn("ada@acme.example", next.Get("password")), elsewhere()).Code).To(Equal(http.StatusSeeOther))
}

// The page that a second click leads to shows the present state.
func TestASecondClickAfterAChange(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		title  string
		change func(*world)
	}{
		"disabled": {http.StatusGone, titleMemberDisabled, func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
		}},
		"account disabled": {http.StatusGone, titleAccountDisabled, func(w *world) {
			update(w, w.account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		}},
		"revoked before it was recorded": {http.StatusGone, titleRevoked, func(w *world) {
			update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
		}},
		"revoked, but recorded": {http.StatusOK, titleWaiting, func(w *world) {
			update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
			updateStatus(w, w.invitation, func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationAccepted })
		}},
		"disabled after it was recorded": {http.StatusGone, titleMemberDisabled, func(w *world) {
			updateStatus(w, w.invitation, func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationAccepted })
			w.disable()
		}},
		"after the link's time": {http.StatusOK, titleWaiting, func(w *world) { w.clock.Add(8 * 24 * 3600) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
			c.change(w)
			answer := w.post(w.link(), acceptance())
			if answer.Code == http.StatusSeeOther {
				answer = w.get(answer.Header().Get("Location"))
			}
			w.expectPage(answer, c.status, c.title)
		})
	}
}

// Credentials that are gone again, or without a password, prove nothing.
func TestASecondClickWithoutCredentials(t *testing.T) {
	w := newWorld(t, func(w *world) { w.invitation.Status.State = usherv1.InvitationAccepted })
	w.expectPage(w.post(w.link(), acceptance()), http.StatusGone, titleUsed)
	w.expectPage(w.post(w.link(), acceptance(url.Values{"password": {""}})), http.StatusGone, titleUsed)
}

func TestASecondClickIsLimited(t *testing.T) {
	w := newWorld(t)
	w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
	for range 9 { // one of ten is used up
		w.expectPage(w.post(w.link(), acceptance(anotherPassword), elsewhere()), http.StatusGone, titleUsed)
	}
	w.expectPage(w.post(w.link(), acceptance(), elsewhere()), http.StatusTooManyRequests, titleTooMany)
}

// A hash is spent on the answer whether or not there is one to compare with, so that its time does not reveal which.
func TestASecondClickSpendsAHash(t *testing.T) {
	accepted, recorded := newWorld(t), newWorld(t, func(w *world) { w.invitation.Status.State = usherv1.InvitationAccepted })
	accepted.expectDone(accepted.post(accepted.link(), acceptance()), titleWaiting)
	for _, w := range []*world{accepted, recorded} {
		w.portal = w.newPortal(func(o *portal.Options) { o.Limits.ConcurrentHashes = 1 })
		w.Expect(portal.ComparisonsOf(w.portal).Acquire(w.ctx)).To(Succeed())
		answered := make(chan *httptest.ResponseRecorder, 1)
		go func() { answered <- w.post(w.link(), acceptance(anotherPassword)) }()
		w.Consistently(answered, "300ms").ShouldNot(Receive())
		portal.ComparisonsOf(w.portal).Release()
		var answer *httptest.ResponseRecorder
		w.Eventually(answered, time.Minute).Should(Receive(&answer))
		w.expectPage(answer, http.StatusGone, titleUsed)
	}
}

// Both clicks are admitted before either has accepted.
func TestTwoClicksOnAcceptAtOnceBothLeadToTheWelcome(t *testing.T) {
	w := newWorld(t)
	var bothAreHere sync.WaitGroup
	bothAreHere.Add(2)
	w.wire.create = func(_ client.Object, create func() error) error {
		bothAreHere.Done()
		bothAreHere.Wait()
		return create()
	}
	answers := make([]*httptest.ResponseRecorder, 2)
	var answered sync.WaitGroup
	for i, replica := range []*portal.Portal{w.portal, w.newPortal()} {
		answered.Go(func() { answers[i] = w.postTo(replica, w.link(), acceptance()) })
	}
	answered.Wait()
	for _, answer := range answers {
		w.expectDone(answer, titleWaiting)
	}
	w.Expect(w.wire.mutations.Load()).To(BeEquivalentTo(2), "one of them refused by the API server")
}

// The first of two clicks was taken back, because the invitation was revoked meanwhile: the second is told why, and not that someone
// else accepted.
func TestTheSecondOfTwoClicksIsToldWhatHappenedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		title  string
		change func(*world)
	}{
		"revoked": {http.StatusGone, titleRevoked, func(w *world) {
			update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
		}},
		"deleted": {http.StatusNotFound, titleUnknown, func(w *world) { w.Expect(w.api.Delete(w.ctx, w.invitation)).To(Succeed()) }},
		"nothing": {http.StatusServiceUnavailable, titleUnavailable, func(*world) {}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			link := w.link()
			overtaken := false
			w.wire.create = func(_ client.Object, create func() error) error {
				w.wire.create = nil
				w.Expect(w.postTo(w.newPortal(), link, acceptance()).Code).To(Equal(http.StatusSeeOther))
				overtaken = true
				return create()
			}
			w.wire.beforeGet = func(_ client.ObjectKey, object client.Object) error {
				if overtaken && kindOf(w, object) == "Invitation" {
					overtaken = false
					w.Expect(w.api.Delete(w.ctx, w.credentials())).To(Succeed()) // as the first does after the change
					c.change(w)
				}
				return nil
			}
			w.expectPage(w.post(link, acceptance()), c.status, c.title)
			w.Expect(w.credentials()).To(BeNil())
		})
	}
}

func TestASecondClickOnDecline(t *testing.T) {
	w := newWorld(t)
	w.expectDone(w.post(w.link(), declination), titleFarewell)
	w.expectDone(w.post(w.link(), declination), titleFarewell)
	w.expectDone(w.post(w.link()+"?lang=en-US", declination), titleFarewell)
	w.expectPage(w.post(w.link(), acceptance()), http.StatusGone, titleDeclined)
	w.Expect(w.wire.mutations.Load()).To(BeEquivalentTo(1))
	update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
	w.expectPage(w.post(w.link(), declination), http.StatusGone, titleRevoked)
}

func TestTwoClicksOnDeclineAtOnceBothDecline(t *testing.T) {
	w := newWorld(t)
	w.wire.beforeStatusUpdate = func(client.Object) {
		w.wire.beforeStatusUpdate = nil
		w.expectDone(w.postTo(w.newPortal(), w.link(), declination), titleFarewell)
	}
	w.expectDone(w.post(w.link(), declination), titleFarewell)
}

// Both pages that a POST leads to can be opened again, for as long as the invitation is there.
func TestTheLastPageCanBeReloaded(t *testing.T) {
	for ending, c := range map[string]struct {
		form  url.Values
		title string
	}{"/welcome": {acceptance(), titleWaiting}, "/declined": {declination, titleFarewell}} {
		w := newWorld(t)
		w.expectDone(w.post(w.link(), c.form), c.title)
		for range 2 {
			w.expectPage(w.get(w.link()+ending), http.StatusOK, c.title)
			w.clock.Add(8 * 24 * 3600) // the link has expired
		}
	}
}

func passwordChange(old string) url.Values {
	return url.Values{"action": {"password"}, "old_password": {old}, "password": {newPassword}, "password_confirm": {newPassword}}
}

// The first click ends the session that the second click still carries.
func TestASecondClickOnANewPasswordStaysSignedIn(t *testing.T) {
	w := newWorld(t)
	w.join()
	cookie := w.signInAsMember()
	first := w.post(w.profile(), passwordChange(goodPassword), cookie, elsewhere())
	w.Expect(first.Code).To(Equal(http.StatusSeeOther))
	hash := w.credentials().Data["password-hash"]
	for name, c := range map[string]request{"with the old cookie": cookie, "with the new cookie": cookieOf(w, first)} {
		answer := w.post(w.profile(), passwordChange(goodPassword), c, elsewhere())
		w.Expect(answer.Code).To(Equal(http.StatusSeeOther), name)
		w.Expect(answer.Header().Get("Location")).To(Equal(first.Header().Get("Location")))
		if len(answer.Result().Cookies()) > 0 {
			c = cookieOf(w, answer)
		}
		w.expectPage(w.get(answer.Header().Get("Location"), c), http.StatusOK, titleProfile)
	}
	w.Expect(w.credentials().Data["password-hash"]).To(Equal(hash), "written once")
	w.expectNoSecretsInLogs()
	w.Expect(w.logs.String()).NotTo(ContainSubstring(newPassword))
}

func TestTwoClicksOnANewPasswordAtOnceBothStaySignedIn(t *testing.T) {
	w := newWorld(t)
	w.join()
	cookie := w.signInAsMember()
	w.wire.beforeUpdate = func(client.Object) {
		w.wire.beforeUpdate = nil
		w.Expect(w.postTo(w.newPortal(), "/me", passwordChange(goodPassword), cookie, elsewhere()).Code).To(Equal(http.StatusSeeOther))
	}
	answer := w.post("/me", passwordChange(goodPassword), cookie, elsewhere())
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther), answer.Body.String())
	w.expectPage(w.get("/me", cookieOf(w, answer)), http.StatusOK, titleProfile)
	w.Expect(bcrypt.CompareHashAndPassword(w.credentials().Data["password-hash"], []byte(newPassword))).To(Succeed())
}

// A session that has ended opens another one only to who knows the present password, and only where a sign-in would.
func TestAnEndedSessionIsNoSession(t *testing.T) {
	for name, c := range map[string]struct {
		path   string
		change func(*world)
	}{
		"another password":      {"/me", func(w *world) { w.setPassword("the password of someone else") }},
		"of another account":    {"/me/elsewhere/acme", func(w *world) { w.setPassword(newPassword) }},
		"without a password":    {"/me", func(w *world) { w.setPassword("") }},
		"disabled since":        {"/me", func(w *world) { w.setPassword(newPassword); w.disable() }},
		"half an hour later":    {"/me", func(w *world) { w.setPassword(newPassword); w.clock.Add(30 * 60) }},
		"keys that are unknown": {"/me", func(w *world) { w.setPassword(newPassword); w.keys = otherKeys(w) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.join()
			cookie := w.signInAsMember()
			c.change(w)
			answer := w.post(c.path, passwordChange(goodPassword), cookie, elsewhere())
			w.expectPage(answer, http.StatusForbidden, titleSignIn)
			w.Expect(answer.Result().Cookies()).To(BeEmpty())
		})
	}
}

// An ended session gives no more tries of a password than the sign-in page.
func TestAnEndedSessionGivesNoMoreTries(t *testing.T) {
	w := newWorld(t)
	w.join()
	cookie := w.signInAsMember()
	w.setPassword("the password of someone else")
	for range 5 {
		w.expectPage(w.post("/me", passwordChange("x"), cookie, elsewhere()), http.StatusForbidden, titleSignIn)
	}
	w.setPassword(newPassword)
	w.expectPage(w.post("/me", passwordChange("x"), cookie, elsewhere()), http.StatusTooManyRequests, titleTooMany)
	w.clock.Add(1)
	w.Expect(w.post("/me", passwordChange("x"), cookie, elsewhere()).Code).To(Equal(http.StatusSeeOther))
}

func TestASecondClickOnTheOtherFormsOfAProfile(t *testing.T) {
	w := newWorld(t, func(w *world) { w.member.Spec.Role = "admin" })
	w.join()
	cookie := w.signInAsMember()
	company := url.Values{"action": {"company"}, "contact_address": {"12 rue de la Paix"}}
	for _, form := range []url.Values{details(), company, signIn("ada@acme.example", goodPassword), {"action": {"sign-out"}}} {
		first := w.post(w.profile(), form, cookie, elsewhere())
		w.Expect(first.Code).To(Equal(http.StatusSeeOther), form.Get("action"))
		again := []request{cookie}
		if form.Get("action") == "sign-out" {
			again = nil // the browser has forgotten the cookie
		}
		second := w.post(w.profile(), form, append(again, elsewhere())...)
		w.Expect(second.Code).To(Equal(http.StatusSeeOther), form.Get("action"))
		w.Expect(second.Header().Get("Location")).To(Equal(first.Header().Get("Location")), form.Get("action"))
	}
	w.Expect(w.post("/me?lang=fr", url.Values{"action": {"sign-out"}}, elsewhere()).Header().Get("Location")).To(Equal("/me?lang=fr"))
}

// setPassword gives the member another password, as from another browser; empty for none.
func (w *world) setPassword(password string) {
	w.t.Helper()
	secret := w.credentials()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	w.Expect(err).NotTo(HaveOccurred())
	if secret.Data["password-hash"] = hash; password == "" {
		delete(secret.Data, "password-hash")
	}
	w.Expect(w.api.Update(w.ctx, secret)).To(Succeed())
}

func (w *world) disable() {
	update(w, w.member, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
}
