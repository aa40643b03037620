// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal"
)

func TestTheFormShowsWhatTheInvitationIsAbout(t *testing.T) {
	w := newWorld(t)
	answer := w.get(w.link())
	w.expectPage(answer, http.StatusOK, titleForm)
	for _, shown := range []string{
		`<html lang="en-GB" dir="ltr">`, "Ada@acme.example", "salesrep", "Friday 4 December 2026, 12:00 UTC",
		`datetime="2026-12-04T12:00:00Z"`, `href="https://acme.example/terms"`, `href="mailto:it@acme.example"`,
		`href="tel:&#43;33123456789"`, `autocomplete="new-password"`, `autocomplete="username"`, `value="accept"`, `/decline">Decline the invitation</a>`,
	} {
		w.Expect(answer.Body.String()).To(ContainSubstring(shown))
	}
	w.Expect(answer.Body.String()).NotTo(ContainSubstring("<script"))
}

func TestTermsAreAskedForOnlyWhereThereAreSome(t *testing.T) {
	w := newWorld(t, func(w *world) { w.account.Spec.TermsURL = "" })
	w.Expect(w.get(w.link()).Body.String()).NotTo(ContainSubstring(`name="terms"`))
}

func TestWhatTheSpecSaysIsShownAndFixed(t *testing.T) {
	w := newWorld(t, func(w *world) { w.member.Spec.GivenName = "Augusta" })
	body := w.get(w.link()).Body.String()
	w.Expect(body).To(MatchRegexp(`name="given_name"[^>]*value="Augusta" readonly`))
	w.Expect(body).To(MatchRegexp(`name="family_name"[^>]*value=""[^>]*>`))
	w.Expect(body).NotTo(MatchRegexp(`name="family_name"[^>]*readonly`))
	w.Expect(body).To(ContainSubstring("Set by Acme SAS."))
}

func TestWhatUsersWroteIsEscaped(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.account.Spec.DisplayName = `<script>alert(1)</script>"'{email}`
		w.member.Spec.GivenName = `"><img src=x onerror=alert(1)>`
	})
	for _, answer := range []*httptest.ResponseRecorder{
		w.get(w.link()),
		w.post(w.link(), acceptance(map[string][]string{"family_name": {`"><svg onload=alert(1)>` + "\a"}})),
	} {
		w.Expect(answer.Body.String()).To(ContainSubstring("&lt;script&gt;alert(1)&lt;/script&gt;"))
		for _, raw := range []string{"<script", "<img", "<svg onload"} {
			w.Expect(answer.Body.String()).NotTo(ContainSubstring(raw))
		}
		// A gap is filled once: what fills it is not searched for gaps again.
		w.Expect(answer.Body.String()).To(ContainSubstring("{email}"))
	}
}

func TestEachRefusalHasAPageOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		title  string
		change func(*world)
	}{
		{titleUsed, func(w *world) { w.invitation.Status.State = usherv1.InvitationAccepted }},
		{titleDeclined, func(w *world) { w.invitation.Status.State = usherv1.InvitationDeclined }},
		{titleExpired, func(w *world) { w.invitation.Status.State = usherv1.InvitationExpired }},
		{titleExpired, func(w *world) { w.clock.Store(noon.Add(7 * 24 * time.Hour).Unix()) }},
		{titleRevoked, func(w *world) { w.invitation.Spec.State = usherv1.InvitationRevokedWish }},
		{titleRevoked, func(w *world) { w.invitation.Status.State = usherv1.InvitationRevoked }},
		{titleMemberDisabled, func(w *world) { w.member.Spec.State = usherv1.StateDisabled }},
		{titleAccountDisabled, func(w *world) { w.account.Spec.State = usherv1.StateDisabled }},
	} {
		t.Run(c.title, func(t *testing.T) {
			w := newWorld(t, c.change)
			answers := []*httptest.ResponseRecorder{w.get(w.link()), w.get(w.link() + "/decline"), w.post(w.link(), acceptance())}
			if c.title != titleDeclined { // who has declined may do so again
				answers = append(answers, w.post(w.link(), declination))
			}
			for _, answer := range answers {
				w.expectPage(answer, http.StatusGone, c.title)
				w.Expect(answer.Body.String()).To(ContainSubstring("it@acme.example")) // whom to ask
				w.Expect(answer.Body.String()).NotTo(ContainSubstring("<form"))
			}
			w.Expect(w.credentials()).To(BeNil())
			w.Expect(w.wire.mutations.Load()).To(BeZero())
		})
	}
}

func TestALinkWorksUntilTheVeryMomentItExpires(t *testing.T) {
	w := newWorld(t)
	w.clock.Store(noon.Add(7*24*time.Hour - time.Second).Unix())
	w.expectPage(w.get(w.link()), http.StatusOK, titleForm)
}

func TestWhomToAskWithoutAContact(t *testing.T) {
	w := newWorld(t, func(w *world) { w.account.Spec.Contact = nil })
	w.Expect(w.get(w.link()).Body.String()).To(ContainSubstring("Ask the person at Acme SAS who invited you."))
	update(w, w.account, func(a *usherv1.Account) { a.Spec.Mail = &usherv1.AccountMail{ReplyTo: "desk@acme.example"} })
	w.Expect(w.get(w.link()).Body.String()).To(ContainSubstring(`href="mailto:desk@acme.example"`))
}

// A client without a genuine link learns nothing: every such link gets the same answer after the same reads.
func TestLinksThatLeadNowhereAreAllTheSame(t *testing.T) {
	w := newWorld(t)
	genuine, namespace := w.token(), w.invitation.Namespace
	flipped := strings.Map(func(r rune) rune {
		if r == 'A' {
			return 'B'
		}
		return 'A'
	}, genuine)
	oldLink := w.link()
	paths := map[string]string{
		"forged":              "/i/" + namespace + "/ada/" + flipped,
		"truncated":           oldLink[:len(oldLink)-10],
		"truncated, dressed":  oldLink[:len(oldLink)-10] + "%3E",
		"forged, dressed":     "/i/" + namespace + "/ada/" + flipped + "%3E",
		"longer":              oldLink + "A%3E",
		"garbled":             "/i/" + namespace + "/ada/%00%ff",
		"of another":          "/i/" + namespace + "/bob/" + genuine,
		"elsewhere":           "/i/nowhere/ada/" + genuine,
		"impossible name":     "/i/" + namespace + "/A%2F..%2Fb/" + genuine,
		"impossible place":    "/i/..%2F..%2Fsecrets/ada/" + genuine,
		"too long":            "/i/" + strings.Repeat("n", 300) + "/ada/" + genuine,
		"another key's":       "/i/" + namespace + "/ada/" + otherKeys(w).Token(w.invitation.UID, 1, string(w.member.Spec.Email)),
		"of an older sending": "/i/" + namespace + "/ada/" + w.keys.Token(w.invitation.UID, 0, string(w.member.Spec.Email)),
	}
	want := w.get(paths["forged"])
	w.expectPage(want, http.StatusNotFound, titleUnknown)
	for name, path := range paths {
		for method, answer := range map[string]*httptest.ResponseRecorder{
			"GET": w.get(path), "POST": w.post(path, acceptance(), elsewhere()),
			"welcome": w.get(path + "/welcome"), "declined": w.get(path + "/declined"), "decline": w.get(path + "/decline"),
		} {
			w.Expect(answer.Code).To(Equal(want.Code), "%s %s", method, name)
			w.Expect(answer.Body.String()).To(Equal(want.Body.String()), "%s %s", method, name)
			w.Expect(answer.Header()).To(Equal(want.Header()), "%s %s", method, name)
		}
		var reads int
		w.wire.beforeGet = func(client.ObjectKey, client.Object) error { reads++; return nil }
		w.get(path)
		w.wire.beforeGet = nil
		w.Expect(reads).To(Equal(2), name)
	}
	w.Expect(w.get("/no/such/page").Body.String()).To(Equal(want.Body.String()))

	w.Expect(w.get(oldLink).Code).To(Equal(http.StatusOK))
	update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.SendGeneration = 2 })
	w.Expect(w.get(oldLink).Body.String()).To(Equal(want.Body.String()), "replaced by a newer one")
}

func TestALinkDiesWithWhatItWasMadeFor(t *testing.T) {
	for name, change := range map[string]func(*world){
		"address changed":    func(w *world) { update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = "new@acme.example" }) },
		"member deleted":     func(w *world) { w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed()) },
		"invitation deleted": func(w *world) { w.Expect(w.api.Delete(w.ctx, w.invitation)).To(Succeed()) },
		"account deleted":    func(w *world) { w.Expect(w.api.Delete(w.ctx, w.account)).To(Succeed()) },
		"member being deleted": func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Finalizers = []string{usherv1.MemberFinalizer} })
			w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed())
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			link := w.link()
			w.expectPage(w.get(link), http.StatusOK, titleForm)
			change(w)
			w.expectPage(w.get(link), http.StatusNotFound, titleUnknown)
			w.expectPage(w.post(link, acceptance()), http.StatusNotFound, titleUnknown)
			w.Expect(w.credentials()).To(BeNil())
		})
	}
}

func TestLinksOfOtherNamespacesAreUnknown(t *testing.T) {
	w := newWorld(t)
	w.portal = w.newPortal(func(o *portal.Options) { o.Namespaces = []string{"another"} })
	w.expectPage(w.get(w.link()), http.StatusNotFound, titleUnknown)
	w.portal = w.newPortal(func(o *portal.Options) { o.Namespaces = []string{"another", w.invitation.Namespace} })
	w.expectPage(w.get(w.link()), http.StatusOK, titleForm)
}

func TestAGetChangesNothing(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		for _, ending := range []string{"", "/welcome", "/declined", "/decline", "?action=decline", "?action=accept", "?lang=fr"} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				w.do(w.portal, httptest.NewRequestWithContext(w.ctx, method, w.link()+ending, nil))
			}
		}
	}
	w.Expect(w.wire.mutations.Load()).To(BeZero())
	w.Expect(w.credentials()).To(BeNil())
	before := w.invitation.ResourceVersion
	w.reload(w.invitation)
	w.Expect(w.invitation.ResourceVersion).To(Equal(before))
}

func TestAnErrorOfTheAPIServerLosesNoAnswer(t *testing.T) {
	trouble := map[string]error{
		"unreachable": errors.New("dial tcp: connection refused"),
		"too busy":    apierrors.NewTooManyRequests("slow down", 1),
		"forbidden":   apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "x", nil),
		"timeout":     context.DeadlineExceeded,
	}
	for name, failure := range trouble {
		for _, kind := range []string{"Invitation", "Member", "Account", "Secret"} {
			t.Run(name+" at "+kind, func(t *testing.T) {
				w := newWorld(t)
				w.wire.beforeGet = func(_ client.ObjectKey, object client.Object) error {
					if kindOf(w, object) == kind {
						return failure
					}
					return nil
				}
				for _, answer := range []*httptest.ResponseRecorder{w.get(w.link()), w.post(w.link(), acceptance())} {
					w.expectPage(answer, http.StatusServiceUnavailable, titleUnavailable)
					w.Expect(answer.Header().Get("Retry-After")).To(Equal("5"))
				}
				w.wire.beforeGet = nil
				w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
				w.expectNoSecretsInLogs()
			})
		}
	}
}

func TestWithoutAKeyThePortalIsUnavailable(t *testing.T) {
	w := newWorld(t)
	w.portal = w.newPortal(func(o *portal.Options) {
		o.Keys = func(context.Context) (invite.Keyring, error) { return invite.Keyring{}, errors.New("gone") }
	})
	w.expectPage(w.get(w.link()), http.StatusServiceUnavailable, titleUnavailable)
	w.expectPage(w.get("/i/a/b/c"), http.StatusServiceUnavailable, titleUnavailable)
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	w := newWorld(t)
	for name, answer := range map[string]*httptest.ResponseRecorder{
		"form": w.get(w.link()), "unknown": w.get("/"), "mistakes": w.post(w.link(), url.Values{"action": {"accept"}}),
		"healthz": w.get("/healthz"), "stylesheet": w.get("/assets/portal.css"), "colours": w.get("/assets/accent/2d4fc7.css"),
		"too large": w.post(w.link(), url.Values{"x": {strings.Repeat("x", 9000)}}),
		"foreign":   w.post(w.link(), acceptance(), header("Sec-Fetch-Site", "cross-site")),
		"done":      w.post(w.link(), acceptance()), "used": w.get(w.link()),
	} {
		for header, value := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"Referrer-Policy":         "no-referrer",
			"Cache-Control":           "no-store",
			"X-Content-Type-Options":  "nosniff",
		} {
			w.Expect(answer.Header().Get(header)).To(Equal(value), name)
		}
	}
	w.Expect(w.get("/healthz").Code).To(Equal(http.StatusOK))
	w.Expect(w.get("/assets/portal.css").Header().Get("Content-Type")).To(HavePrefix("text/css"))
}

func TestTheMembersLanguageComesFirst(t *testing.T) {
	const english, american, french, german, italian = "Answer before", "Respond by", "Répondre avant le", "Gültig bis", "Scadenza"
	for _, c := range []struct {
		member, account usherv1.Language
		accept, want    string
	}{
		{"fr", "en-GB", "en", french},
		{"en-GB", "fr", "fr", english},
		{"", "fr", "en-US,en;q=0.8", american},
		{"", "en-GB", "fr-CH, fr;q=0.9, en;q=0.8", french},
		{"", "en-GB", "de;q=0.9, fr;q=0.5", german},
		{"", "en-GB", "sux;q=0.9, fr;q=0.5", french},
		{"", "fr", "sux", french}, // the browser asks for what there is not: the account's
		{"it", "fr", "de", italian},
		{"", "it", "", italian},
		{"", "en-GB", "", english},
		{"", "en-GB", ";;;=", english},
		{"", "en-GB", "fr," + strings.Repeat("x", 5000), english},
	} {
		w := newWorld(t, func(w *world) { w.member.Spec.Language, w.account.Spec.Language = c.member, c.account })
		answer := w.get(w.link(), header("Accept-Language", c.accept))
		w.Expect(answer.Body.String()).To(ContainSubstring(c.want), "%+v", c)
	}
}

func TestAPageAboutNoOneFollowsTheBrowserAlone(t *testing.T) {
	w := newWorld(t, func(w *world) { w.member.Spec.Language = "fr" })
	forged := w.link() + "x"
	w.expectPage(w.get(forged), http.StatusNotFound, titleUnknown)
	answer := w.get(forged, header("Accept-Language", "fr"))
	w.expectPage(answer, http.StatusNotFound, "Ce lien ne fonctionne pas")
	w.Expect(answer.Header().Get("Content-Language")).To(Equal("fr"))
}

func (w *world) expectNoSecretsInLogs() {
	w.t.Helper()
	w.Expect(w.logs.String()).NotTo(Or(
		ContainSubstring(w.token()), ContainSubstring(goodPassword), ContainSubstring("@acme.example"),
	))
}
