// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"golang.org/x/crypto/bcrypt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal"
)

const (
	titleForgot       = "Forgotten your password?"
	titleForgotSent   = "Check your mailbox"
	titleReset        = "Choose a new password"
	titleResetExpired = "This link has expired"
	titleResetUsed    = "This link has already been used"
)

// resetLink is the path of the link that the manager would mail now, which works for so long.
func (w *world) resetLink(life time.Duration) string {
	w.t.Helper()
	return w.resetLinkOf(w.member, life)
}

func (w *world) resetLinkOf(m *usherv1.Member, life time.Duration) string {
	w.t.Helper()
	secret := &corev1.Secret{}
	w.Expect(w.api.Get(w.ctx, client.ObjectKey{Namespace: m.Namespace, Name: credentials.Name(m.Name)}, secret)).To(Succeed())
	link, err := w.keys.ResetPath(m, invite.PasswordReset{
		Member: m.UID, Email: usherv1.EmailAddress(secret.Data["email"]), PasswordHash: secret.Data["password-hash"],
	}, time.Unix(w.clock.Load(), 0).Add(life))
	w.Expect(err).NotTo(HaveOccurred())
	return link
}

func newPasswordForm(password string) url.Values {
	return url.Values{"action": {"reset"}, "password": {password}, "password_confirm": {password}}
}

func forgot(email string) url.Values { return url.Values{"action": {"request"}, "email": {email}} }

// requested returns when the member's credentials last asked for a link; empty if they never did.
func (w *world) requested() string {
	w.t.Helper()
	return w.credentials().Annotations[usherv1.PasswordResetRequestedAnnotation]
}

func TestAForgottenPassword(t *testing.T) {
	w := newWorld(t)
	w.join()
	w.Expect(w.get("/me").Body.String()).To(ContainSubstring(`<a href="/me/forgot">Forgotten your password?</a>`))
	page := w.get("/me/forgot")
	w.expectPage(page, http.StatusOK, titleForgot)
	w.Expect(page.Header().Get("Referrer-Policy")).To(Equal("same-origin"))
	answer := w.post("/me/forgot?lang=fr", forgot(" ADA@acme.example "), elsewhere())
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther), answer.Body.String())
	w.Expect(answer.Header().Get("Location")).To(Equal("/me/forgot?lang=fr&sent="))
	w.expectPage(w.get("/me/forgot?sent="), http.StatusOK, titleForgotSent)
	w.Eventually(w.requested).Should(Equal("2026-11-27T12:00:00Z"))
	w.Expect(w.credentials().Data).NotTo(HaveKey("session-generation"))

	session := w.signInAsMember()
	link := w.resetLink(30 * time.Minute)
	page = w.get(link)
	w.expectPage(page, http.StatusOK, titleReset)
	w.Expect(page.Body.String()).To(And(
		ContainSubstring("Ada@acme.example"), ContainSubstring("Friday 27 November 2026, 12:30 UTC"), ContainSubstring(`autocomplete="new-password"`),
		ContainSubstring(`autocomplete="username"`),
	))
	w.Expect(page.Header().Get("Referrer-Policy")).To(Equal("no-referrer"))
	w.expectPage(w.post(link, newPasswordForm("short"), elsewhere()), http.StatusUnprocessableEntity, titleReset)
	w.expectPage(w.post(link, url.Values{"action": {"else"}}, elsewhere()), http.StatusBadRequest, titleMalformed)

	answer = w.post(link, newPasswordForm(newPassword), elsewhere())
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther), answer.Body.String())
	w.Expect(answer.Header().Get("Location")).To(Equal(w.profile() + "?saved=reset"))
	w.Expect(cookieNames(answer)).To(ConsistOf("usher-known"), "and no session")
	page = w.get(answer.Header().Get("Location"))
	w.expectPage(page, http.StatusOK, titleSignIn)
	w.Expect(page.Body.String()).To(ContainSubstring("Now sign in with it."))
	w.expectPage(w.get("/me", session), http.StatusOK, titleSignIn)
	secret := w.credentials()
	w.Expect(bcrypt.CompareHashAndPassword(secret.Data["password-hash"], []byte(newPassword))).To(Succeed())
	w.Expect(secret.Annotations).To(HaveKeyWithValue(usherv1.PasswordChangedAnnotation, "2026-11-27T12:00:00Z"))
	w.Expect(w.requested()).To(BeEmpty())
	w.Expect(w.post("/me", signIn("ada@acme.example", newPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.expectPage(w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere()), http.StatusUnprocessableEntity, titleSignIn)

	for range 2 {
		page = w.get(link)
		w.expectPage(page, http.StatusGone, titleResetUsed)
		w.Expect(page.Body.String()).To(ContainSubstring(`href="/me/forgot"`))
		w.expectPage(w.post(link, newPasswordForm("a third password, why not"), elsewhere()), http.StatusGone, titleResetUsed)
	}
	w.Expect(w.credentials().ResourceVersion).To(Equal(secret.ResourceVersion))
	w.expectNoSecretsInLogs()
	w.Expect(w.logs.String()).NotTo(Or(ContainSubstring(newPassword), ContainSubstring(link[strings.LastIndexByte(link, '/')+1:])))
}

func cookieNames(answer *httptest.ResponseRecorder) (names []string) {
	for _, c := range answer.Result().Cookies() {
		names = append(names, c.Name)
	}
	return names
}

// A mail scanner opens every link, and a mail program adds to it.
func TestAttackAScannerUsesALinkUp(t *testing.T) {
	w := newWorld(t)
	w.join()
	link, wrote := w.resetLink(30*time.Minute), w.wire.mutations.Load()
	for range 20 {
		w.expectPage(w.get(link), http.StatusOK, titleReset)
		w.do(w.portal, httptest.NewRequestWithContext(w.ctx, http.MethodHead, link, nil))
	}
	for _, dressed := range []string{link + ".", link + "%3E", link + "/", link + "/x?y=z"} {
		w.Expect(w.get(dressed).Header().Get("Location")).To(Equal(link), dressed)
	}
	w.Expect(w.wire.mutations.Load()).To(Equal(wrote))
	w.Expect(w.post(link+")", newPasswordForm(newPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther))
}

// Of all ways to use a link that is not, or no longer, good, none sets a password.
func TestAttackALinkThatIsNotGood(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		title  string
		change func(w *world, link string) string
	}{
		"at its end":                   {http.StatusGone, titleResetExpired, func(w *world, link string) string { w.clock.Add(30 * 60); return link }},
		"a day later":                  {http.StatusGone, titleResetExpired, func(w *world, link string) string { w.clock.Add(24 * 60 * 60); return link }},
		"another password":             {http.StatusNotFound, titleUnknown, func(w *world, link string) string { w.setPassword(newPassword); return link }},
		"the same password, set again": {http.StatusNotFound, titleUnknown, func(w *world, link string) string { w.setPassword(goodPassword); return link }},
		"no password":                  {http.StatusNotFound, titleUnknown, func(w *world, link string) string { w.setPassword(""); return link }},
		"another address": {http.StatusNotFound, titleUnknown, func(w *world, link string) string {
			secret := w.credentials()
			secret.Data["email"] = []byte("countess@acme.example")
			w.Expect(w.api.Update(w.ctx, w.sign(secret))).To(Succeed())
			return link
		}},
		"another member of the name": {http.StatusNotFound, titleUnknown, func(w *world, link string) string {
			w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed())
			again := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: w.member.Namespace, Name: "ada"}, Spec: w.member.Spec}
			w.Expect(w.api.Create(w.ctx, again)).To(Succeed())
			return link
		}},
		"credentials deleted": {http.StatusNotFound, titleUnknown, func(w *world, link string) string {
			w.Expect(w.api.Delete(w.ctx, w.credentials())).To(Succeed())
			return link
		}},
		"signature lost": {http.StatusNotFound, titleUnknown, func(w *world, link string) string {
			update(w, w.credentials(), func(s *corev1.Secret) { delete(s.Data, "signature") })
			return link
		}},
		"account deleted": {http.StatusNotFound, titleUnknown, func(w *world, link string) string {
			w.Expect(w.api.Delete(w.ctx, w.account)).To(Succeed())
			return link
		}},
		"other keys": {http.StatusNotFound, titleUnknown, func(w *world, link string) string { w.keys = otherKeys(w); return link }},
		"disabled":   {http.StatusForbidden, titleMemberDisabled, func(w *world, link string) string { w.disable(); return link }},
		"account disabled": {http.StatusForbidden, titleAccountDisabled, func(w *world, link string) string {
			update(w, w.account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
			return link
		}},
		"of another member": {http.StatusNotFound, titleUnknown, func(w *world, link string) string {
			return strings.Replace(link, "/ada/", "/bob/", 1)
		}},
		"a later end": {http.StatusNotFound, titleUnknown, func(w *world, link string) string {
			at, later := strings.LastIndexByte(link, '/')+1, w.resetLink(24*time.Hour)
			return link[:at] + later[at:at+6] + link[at+6:]
		}},
		"the link of the invitation": {http.StatusNotFound, titleUnknown, func(w *world, link string) string {
			return link[:strings.LastIndexByte(link, '/')+1] + w.token()
		}},
		"good": {http.StatusOK, titleReset, func(w *world, link string) string { w.clock.Add(30*60 - 1); return link }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.join()
			link := c.change(w, w.resetLink(30*time.Minute))
			wrote := w.wire.mutations.Load()
			w.expectPage(w.get(link), c.status, c.title)
			if c.status == http.StatusOK {
				return
			}
			w.expectPage(w.post(link, newPasswordForm(newPassword+newPassword[:9]), elsewhere()), c.status, c.title)
			w.Expect(w.wire.mutations.Load()).To(Equal(wrote))
		})
	}
}

// The form is sent twice at once, with different passwords: one of them is the password, and the other is told.
func TestAttackALinkIsUsedTwiceAtOnce(t *testing.T) {
	w := newWorld(t)
	w.join()
	link := w.resetLink(30 * time.Minute)
	var mu sync.Mutex
	answers := map[string]int{}
	var both sync.WaitGroup
	for i := range 4 {
		password := fmt.Sprint("password of visitor ", i)
		both.Go(func() {
			answer := w.post(link, newPasswordForm(password), elsewhere())
			mu.Lock()
			defer mu.Unlock()
			answers[password] = answer.Code
		})
	}
	both.Wait()
	set := ""
	for password, status := range answers {
		if status == http.StatusSeeOther {
			w.Expect(set).To(BeEmpty(), "two were told that they have set it")
			set = password
		} else {
			w.Expect(status).To(Equal(http.StatusGone))
		}
	}
	w.Expect(bcrypt.CompareHashAndPassword(w.credentials().Data["password-hash"], []byte(set))).To(Succeed())
	w.Expect(string(w.credentials().Data["session-generation"])).To(Equal("1"))
}

// What is written between the visit's read and its write is kept, unless it is another password.
func TestAChangeInBetweenIsKeptByAReset(t *testing.T) {
	w := newWorld(t)
	w.join()
	w.wire.beforeUpdate = func(client.Object) {
		w.wire.beforeUpdate = nil
		update(w, w.credentials(), func(s *corev1.Secret) { s.Data["given-name"] = []byte("Augusta") })
	}
	w.Expect(w.post(w.resetLink(time.Minute), newPasswordForm(newPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.Expect(string(w.credentials().Data["given-name"])).To(Equal("Augusta"))
	w.wire.beforeUpdate = func(client.Object) {
		w.wire.beforeUpdate = nil
		w.setPassword(goodPassword)
	}
	w.expectPage(w.post(w.resetLink(time.Minute), newPasswordForm(newPassword), elsewhere()), http.StatusNotFound, titleUnknown)
	w.Expect(bcrypt.CompareHashAndPassword(w.credentials().Data["password-hash"], []byte(goodPassword))).To(Succeed())
	link := w.resetLink(time.Minute)
	w.wire.beforeUpdate = func(client.Object) {
		w.wire.beforeUpdate = nil
		w.clock.Add(60)
		update(w, w.credentials(), func(s *corev1.Secret) { s.Data["given-name"] = []byte("Ada") })
	}
	w.expectPage(w.post(link, newPasswordForm(newPassword), elsewhere()), http.StatusGone, titleResetExpired)
}

// Nothing that a visitor sees depends on whether there is a member: not the answer, and not the time, even if the API server is slow.
func TestAttackTheRequestShowsWhichMembersExist(t *testing.T) {
	w := newWorld(t)
	w.join()
	var first *httptest.ResponseRecorder
	for _, email := range []string{"no-one@acme.example", "ada@acme.example", "ada@acme.example"} {
		answer := w.post("/me/forgot", forgot(email), elsewhere())
		w.Expect(answer.Code).To(Equal(http.StatusSeeOther))
		if first == nil {
			first = answer
		}
		w.Expect(answer.Header()).To(Equal(first.Header()), email)
		w.Expect(answer.Body.String()).To(Equal(first.Body.String()), email)
	}
	for _, wrong := range []string{"", "ada", "Ada <ada@acme.example>", strings.Repeat("x", 300) + "@acme.example"} {
		page := w.post("/me/forgot", forgot(wrong), elsewhere())
		w.expectPage(page, http.StatusUnprocessableEntity, titleForgot)
		w.Expect(page.Body.String()).To(ContainSubstring("one plain address"))
	}
	slow := make(chan struct{})
	defer close(slow)
	w.wire.beforeGet = func(client.ObjectKey, client.Object) error { <-slow; return nil }
	requests := map[string]func() *http.Request{}
	for _, email := range []string{"ada@acme.example", "no-one@acme.example"} {
		requests[email] = func() *http.Request {
			r := httptest.NewRequestWithContext(w.ctx, http.MethodPost, "/me/forgot", strings.NewReader(forgot(email).Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			elsewhere()(r)
			return r
		}
	}
	w.Expect(difference(t, w.portal, 20, requests)).To(BeNumerically("<", telltale))
}

// However often, and from wherever, a link is requested, it is recorded at intervals, and only for a member who can use it.
func TestAttackAStrangerRequestsManyLinks(t *testing.T) {
	w := newWorld(t)
	w.join()
	var done sync.WaitGroup
	w.portal = w.newPortal(func(o *portal.Options) {
		o.Background = func(work func(context.Context)) bool {
			done.Go(func() { work(w.ctx) })
			return true
		}
	})
	ask := func(who ...request) int {
		code := w.post("/me/forgot", forgot("ada@acme.example"), who...).Code
		done.Wait()
		return code
	}
	wrote := w.wire.mutations.Load()
	for range 30 {
		w.Expect(ask(elsewhere())).To(Equal(http.StatusSeeOther))
	}
	w.Expect(w.wire.mutations.Load() - wrote).To(BeEquivalentTo(1))
	for hour := range 3 {
		for range 60 {
			w.clock.Add(60)
			ask(elsewhere())
		}
		w.Expect(w.wire.mutations.Load()-wrote).To(BeNumerically("<=", 1+4*(hour+1)), "four in an hour")
	}
	w.Expect(w.wire.mutations.Load() - wrote).To(BeNumerically(">=", 10))

	w.clock.Add(2 * 60 * 60)
	refused := 0
	for i := range 30 {
		w.clock.Add(6) // the limit of POSTs
		if w.post("/me/forgot", forgot(fmt.Sprintf("m%d@acme.example", i)), from("192.0.2.66:1")).Code == http.StatusTooManyRequests {
			refused++
		}
	}
	w.Expect(refused).To(BeNumerically(">", 15), "one client")
	w.expectPage(w.post("/me/forgot", forgot("ada@acme.example"), elsewhere(), header("Sec-Fetch-Site", "cross-site")), http.StatusForbidden, titleForeign)
}

func TestWhoCannotRequestALink(t *testing.T) {
	for name, change := range map[string]func(*world){
		"disabled": func(w *world) { w.disable() },
		"access has ended": func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Spec.AccessUntil = &metav1.Time{Time: noon} })
		},
		"account disabled": func(w *world) {
			update(w, w.account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		},
		"without a password": func(w *world) { w.setPassword("") },
		"not signed":         func(w *world) { update(w, w.credentials(), func(s *corev1.Secret) { delete(s.Data, "signature") }) },
		"immutable":          func(w *world) { update(w, w.credentials(), func(s *corev1.Secret) { yes := true; s.Immutable = &yes }) },
		"by link, not by mail": func(w *world) {
			update(w, w.account, func(a *usherv1.Account) { a.Spec.Mail = &usherv1.AccountMail{Delivery: usherv1.DeliveryLink} })
		},
		"a duplicate": func(w *world) {
			updateStatus(w, w.member, func(m *usherv1.Member) {
				m.Status.Conditions = []metav1.Condition{{
					Type: usherv1.ConditionReady, Status: metav1.ConditionFalse, Reason: usherv1.ReasonDuplicateEmail, LastTransitionTime: metav1.Now(),
				}}
			})
		},
		"none of these": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.join()
			if change != nil {
				change(w)
			}
			w.portal = w.newPortal(func(o *portal.Options) {
				o.Background = func(work func(context.Context)) bool { work(w.ctx); return true }
			})
			w.Expect(w.post("/me/forgot", forgot("ada@acme.example"), elsewhere()).Code).To(Equal(http.StatusSeeOther))
			w.Expect(w.requested() != "").To(Equal(change == nil))
		})
	}
	w := newWorld(t)
	w.Expect(w.post("/me/forgot", forgot("ada@acme.example"), elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.Expect(w.credentials()).To(BeNil(), "an invitee who has not answered")
}

// Each membership of an address has a request of its own, and a link that does not concern the other.
func TestAForgottenPasswordOfTwoCompanies(t *testing.T) {
	w := newWorld(t)
	w.join()
	globex := w.tenant("Globex", "ada@acme.example", 1)
	w.everywhere(func(o *portal.Options) {
		o.Background = func(work func(context.Context)) bool { work(w.ctx); return true }
	}, globex)
	w.post("/me/forgot", forgot("ada@acme.example"), elsewhere())
	other := &usherv1.Member{}
	w.Expect(w.api.Get(w.ctx, client.ObjectKey{Namespace: globex, Name: "m0"}, other)).To(Succeed())
	secret := &corev1.Secret{}
	w.Expect(w.api.Get(w.ctx, client.ObjectKey{Namespace: globex, Name: "usher-member-m0"}, secret)).To(Succeed())
	w.Expect(secret.Annotations).To(HaveKey(usherv1.PasswordResetRequestedAnnotation))
	w.Expect(w.requested()).NotTo(BeEmpty())
	w.Expect(w.post(w.resetLinkOf(other, time.Minute), newPasswordForm(newPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.Expect(bcrypt.CompareHashAndPassword(w.credentials().Data["password-hash"], []byte(goodPassword))).To(Succeed())
}

// A request is not lost because the reconcilers write at the same time.
func TestARequestForALinkAfterAConflict(t *testing.T) {
	w := newWorld(t)
	w.join()
	w.portal = w.newPortal(func(o *portal.Options) {
		o.Background = func(work func(context.Context)) bool { work(w.ctx); return true }
	})
	w.wire.beforeUpdate = func(client.Object) {
		w.wire.beforeUpdate = nil
		update(w, w.credentials(), func(s *corev1.Secret) { s.Data["api-token"] = []byte("another") })
	}
	w.post("/me/forgot", forgot("ada@acme.example"), elsewhere())
	w.Expect(w.requested()).NotTo(BeEmpty())
	w.Expect(w.credentials().Data["api-token"]).To(BeEquivalentTo("another"))
}

// No answer reveals which members there are behind links that set passwords.
func TestNoAnswerRevealsWhichPasswordsAreForgotten(t *testing.T) {
	w := newWorld(t)
	w.join()
	token := w.resetLink(time.Minute)
	token = token[strings.LastIndexByte(token, '/')+1:]
	forged := "A" + token[1:]
	base := "/p/" + w.member.Namespace
	requests := w.alike(map[string]string{
		"member": base + "/ada/" + forged, "unknown": base + "/eve/" + token, "malformed": base + "/A%2F/" + token[:7] + "%00",
	})
	w.Expect(difference(t, w.portal, timedRequests/10, requests)).To(BeNumerically("<", telltale))
}

func TestAForgottenPasswordInOtherPlaces(t *testing.T) {
	w := newWorld(t)
	w.join()
	w.portal = w.newPortal(func(o *portal.Options) { o.Namespaces = []string{"elsewhere"} })
	w.expectPage(w.get(w.resetLink(time.Minute)), http.StatusNotFound, titleUnknown)
	w.portal = w.newPortal(func(o *portal.Options) { o.MembersAt = nil })
	w.expectPage(w.get("/me/forgot"), http.StatusNotFound, titleUnknown)
	w.expectPage(w.get(w.resetLink(time.Minute)), http.StatusNotFound, titleUnknown)
	w.portal = w.newPortal(func(o *portal.Options) { o.Background = func(func(context.Context)) bool { return false } })
	w.expectPage(w.post("/me/forgot", forgot("ada@acme.example"), elsewhere()), http.StatusServiceUnavailable, titleUnavailable)
	w.Expect(bytes.Contains(w.get("/me/forgot?lang=de").Body.Bytes(), []byte("Passwort vergessen?"))).To(BeTrue())
}
