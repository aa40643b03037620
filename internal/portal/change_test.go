// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal"
	"github.com/usher-dev/usher/internal/portal/web"
)

const (
	formerAddress = "Ada@acme.example"
	newAddress    = "Lovelace@acme.example"

	titleChange        = "Confirm your new address"
	titleChangeDone    = "Your new address is confirmed"
	titleChangeExpired = "This link has expired"
	titleTaken         = "This address is already in use"
)

var confirmation = url.Values{"action": {"confirm"}}

// newChange makes a world whose member has accepted and waits for the confirmation of a new address.
func newChange(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.join()
	w.wants(newAddress)
	w.wire.mutations.Store(0)
	return w
}

// wants gives the member another address in its spec, and has its status say so as the member controller does.
func (w *world) wants(address usherv1.EmailAddress) {
	w.t.Helper()
	update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = address })
	w.record(w.credentials(), address)
}

// record has the member's status say what the credentials say, and that it waits for an address; none if it is empty.
func (w *world) record(secret *corev1.Secret, wanted usherv1.EmailAddress) {
	w.t.Helper()
	now := time.Unix(w.clock.Load(), 0)
	updateStatus(w, w.member, func(m *usherv1.Member) {
		m.Status.AcceptedAt, m.Status.Email = &metav1.Time{Time: noon}, string(secret.Data["email"])
		if m.Status.EmailChange = nil; wanted != "" {
			m.Status.EmailChange = &usherv1.EmailChange{
				Email: string(wanted), RequestedAt: metav1.Time{Time: now}, ExpiresAt: &metav1.Time{Time: now.Add(7 * 24 * time.Hour)},
			}
		}
	})
}

// changeLink is the path of the genuine link for the change of address that the member waits for.
func (w *world) changeLink() string {
	w.t.Helper()
	w.reload(w.member)
	change, waits := invite.ChangeOf(w.member)
	w.Expect(waits).To(BeTrue())
	path, err := w.keys.ChangePath(w.member, change)
	w.Expect(err).NotTo(HaveOccurred())
	return path
}

// expectUnchanged expects the credentials to be as they were when the change began.
func (w *world) expectUnchanged() {
	w.t.Helper()
	secret := w.credentials()
	w.Expect(string(secret.Data["email"])).To(Equal(formerAddress))
	w.Expect(secret.Annotations).NotTo(HaveKey(usherv1.ConfirmedAnnotation))
}

func TestALinkShowsTheNewAddressOnly(t *testing.T) {
	w := newChange(t)
	before := w.credentials()
	answer := w.get(w.changeLink())
	w.expectPage(answer, http.StatusOK, titleChange)
	body := answer.Body.String()
	for _, shown := range []string{
		`<html lang="en-GB" dir="ltr">`, "Acme SAS", newAddress, "Friday 4 December 2026, 12:00 UTC", `value="confirm"`, `href="mailto:it@acme.example"`,
	} {
		w.Expect(body).To(ContainSubstring(shown))
	}
	w.Expect(body).NotTo(Or(ContainSubstring(formerAddress), ContainSubstring("<script")))
	for name, value := range web.SecurityHeaders(false) {
		w.Expect(answer.Header().Get(name)).To(Equal(value), name)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, ending := range []string{"", "?action=confirm", "/done", "/x", "?lang=fr"} {
			w.do(w.portal, httptest.NewRequestWithContext(w.ctx, method, w.changeLink()+ending, nil))
		}
	}
	w.expectPage(w.do(w.portal, httptest.NewRequestWithContext(w.ctx, http.MethodPut, w.changeLink(), nil)), http.StatusNotFound, titleUnknown)
	w.Expect(w.get(w.changeLink()+"/done").Header().Get("Location")).To(Equal(w.changeLink()), "it is not confirmed")
	w.Expect(w.wire.mutations.Load()).To(BeZero())
	w.Expect(w.credentials()).To(Equal(before))
}

func TestConfirmingMovesTheCredentials(t *testing.T) {
	w := newChange(t)
	link, before := w.changeLink(), w.credentials()
	answer := w.post(link, confirmation)
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther), answer.Body.String())
	w.Expect(answer.Header().Get("Location")).To(Equal(link + "/done"))

	after := w.credentials()
	signer, err := credentials.SignerOf(w.keys)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(signer.Check(after)).To(Equal(credentials.Signed))
	token := link[strings.LastIndex(link, "/")+1:]
	w.Expect(after.Annotations).To(HaveKeyWithValue(usherv1.ConfirmedAnnotation, invite.Confirmation(token)))
	w.Expect(after.Annotations).To(HaveKeyWithValue(usherv1.ProfileGenerationAnnotation, "1"))
	w.Expect(string(after.Data["email"])).To(Equal(newAddress))
	delete(before.Data, "email")
	delete(before.Data, "signature")
	for key, value := range before.Data {
		w.Expect(after.Data[key]).To(Equal(value), "%s is kept", key)
	}

	// A second click, and a reload, before the member controller has seen the credentials and after.
	for range 2 {
		done := w.get(link + "/done")
		w.expectPage(done, http.StatusOK, titleChangeDone)
		w.Expect(done.Body.String()).To(And(
			ContainSubstring(newAddress), ContainSubstring(`href="`+w.profile()+`"`), ContainSubstring(`href="https://app.acme.example"`),
			Not(ContainSubstring(formerAddress)),
		))
		w.expectDone(w.post(link, confirmation), titleChangeDone)
		w.Expect(w.get(link).Header().Get("Location")).To(Equal(link + "/done"))
		w.record(after, "")
	}
	w.Expect(w.wire.mutations.Load()).To(BeEquivalentTo(1))
	w.clock.Add(8 * 24 * 3600)
	w.expectPage(w.get(link+"/done"), http.StatusOK, titleChangeDone)
	w.Expect(w.post("/me", signIn(newAddress, goodPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.expectPage(w.post("/me", signIn(formerAddress, goodPassword), elsewhere()), http.StatusUnprocessableEntity, titleSignIn)
	w.Expect(w.logs.String()).NotTo(ContainSubstring(token))
	w.Expect(w.logs.String()).To(ContainSubstring(`"member"="ada"`))
	w.expectNoSecretsInLogs()
}

// Whatever is wrong with a link, the answer and the work are the same.
func TestLinksThatConfirmNothing(t *testing.T) {
	w := newChange(t)
	link := w.changeLink()
	base := link[:strings.LastIndex(link, "/")+1]
	change, _ := invite.ChangeOf(w.member)
	forged, err := otherKeys(w).ChangeToken(change)
	w.Expect(err).NotTo(HaveOccurred())
	nothing, err := w.keys.ChangeToken(invite.AddressChange{})
	w.Expect(err).NotTo(HaveOccurred())
	w.create(&usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: w.member.Namespace, Name: "bob"}, Spec: usherv1.MemberSpec{
		AccountRef: usherv1.AccountReference{Name: "acme"}, Email: "bob@acme.example",
	}})
	want := w.get("/no/such/page")
	w.expectPage(want, http.StatusNotFound, titleUnknown)
	expectUnknown := func(name, path string) {
		t.Helper()
		for method, answer := range map[string]*httptest.ResponseRecorder{
			"GET": w.get(path), "POST": w.post(path, confirmation, elsewhere()), "done": w.get(path + "/done"),
		} {
			w.Expect(answer.Code).To(Equal(want.Code), "%s %s", method, name)
			w.Expect(answer.Body.String()).To(Equal(want.Body.String()), "%s %s", method, name)
			w.Expect(answer.Header()).To(Equal(want.Header()), "%s %s", method, name)
		}
		reads := 0
		w.wire.beforeGet = countReads(&reads)
		w.get(path)
		w.wire.beforeGet = nil
		w.Expect(reads).To(Equal(2), name)
	}
	for name, path := range map[string]string{
		"forged":                 base + forged,
		"too long":               link + "x",
		"too short":              link[:len(link)-1],
		"empty":                  base + "-",
		"odd":                    base + "%00%ff",
		"of no change":           base + nothing,
		"of the invitation":      base + w.token(),
		"of another member":      strings.Replace(link, "/ada/", "/bob/", 1),
		"of a member that waits": strings.Replace(base, "/ada/", "/bob/", 1) + nothing,
		"of no member":           strings.Replace(link, "/ada/", "/eve/", 1),
		"an impossible name":     strings.Replace(link, "/ada/", "/A%2Fda/", 1),
		"another namespace":      strings.Replace(link, w.member.Namespace, "another", 1),
	} {
		expectUnknown(name, path)
	}

	for name, change := range map[string]func(){
		"spec.email changed again":     func() { update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = "third@acme.example" }) },
		"of an earlier change":         func() { w.clock.Add(1); w.wants(newAddress) },
		"the former address once more": func() { update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = formerAddress }) },
		"the change is not recorded":   func() { w.record(w.credentials(), "") },
		"the acceptance is not recorded": func() {
			updateStatus(w, w.member, func(m *usherv1.Member) { m.Status.AcceptedAt = nil })
		},
	} {
		w.clock.Store(noon.Unix())
		w.wants(newAddress)
		w.expectPage(w.get(link), http.StatusOK, titleChange)
		change()
		expectUnknown(name, link)
	}
	w.expectUnchanged()
	w.Expect(w.wire.mutations.Load()).To(BeZero())
}

func TestLinksOfChangesOfOtherNamespacesAreUnknown(t *testing.T) {
	w := newChange(t)
	w.portal = w.newPortal(func(o *portal.Options) { o.Namespaces = []string{"another"} })
	w.expectPage(w.get(w.changeLink()), http.StatusNotFound, titleUnknown)
	w.portal = w.newPortal(func(o *portal.Options) { o.Namespaces = []string{"another", w.member.Namespace} })
	w.expectPage(w.get(w.changeLink()), http.StatusOK, titleChange)
}

// A link is over once another address was confirmed, or the credentials moved without one.
func TestALinkIsOverWithItsAddress(t *testing.T) {
	w := newChange(t)
	first := w.changeLink()
	w.expectDone(w.post(first, confirmation), titleChangeDone)
	w.record(w.credentials(), "")
	w.wants("third@acme.example")
	w.expectPage(w.get(first+"/done"), http.StatusOK, titleChangeDone) // it is in use until the third is confirmed
	second := w.changeLink()
	w.expectPage(w.get(second), http.StatusOK, titleChange)
	w.expectDone(w.post(second, confirmation), titleChangeDone)
	w.expectPage(w.get(first+"/done"), http.StatusNotFound, titleUnknown)

	update(w, w.member, func(m *usherv1.Member) {
		m.Spec.Email, m.Spec.Activation = "fourth@acme.example", usherv1.ActivateImmediately
	})
	moved := w.credentials()
	signer, err := credentials.SignerOf(w.keys)
	w.Expect(err).NotTo(HaveOccurred())
	credentials.Move(moved, w.member, signer)
	w.Expect(w.api.Update(w.ctx, moved)).To(Succeed())
	w.record(moved, "")
	answer := w.get(second + "/done")
	w.expectPage(answer, http.StatusNotFound, titleUnknown)
	w.Expect(answer.Body.String()).NotTo(ContainSubstring("fourth"))
}

func TestEveryLanguageOfAChange(t *testing.T) {
	w := newChange(t)
	link := w.changeLink()
	titles := map[string]bool{}
	for _, c := range web.Spoken.Sorted {
		answer := w.get(link + "?lang=" + string(c.Tag))
		w.Expect(answer.Code).To(Equal(http.StatusOK))
		w.Expect(answer.Header().Get("Content-Language")).To(Equal(string(c.Tag)))
		w.Expect(answer.Body.String()).To(ContainSubstring(newAddress))
		titles[c.PageTexts["change.title"]] = true
	}
	w.Expect(titles).To(HaveLen(len(web.Spoken.Sorted)))
	answer := w.post(link+"?lang=de", confirmation)
	w.Expect(answer.Header().Get("Location")).To(Equal(link + "/done?lang=de"))
	w.Expect(w.get(link + "?lang=de").Header().Get("Location")).To(Equal(link + "/done?lang=de"))
	for _, c := range web.Spoken.Sorted {
		answer := w.get(link + "/done?lang=" + string(c.Tag))
		w.Expect(answer.Code).To(Equal(http.StatusOK))
		w.Expect(answer.Body.String()).To(ContainSubstring(newAddress))
		w.Expect(answer.Header().Get("Content-Language")).To(Equal(string(c.Tag)))
	}
}

func TestADressedLinkOfAChange(t *testing.T) {
	w := newChange(t)
	link := w.changeLink()
	broken := link[:len(link)-20]
	for _, dressed := range []string{
		link + ".", link + "%3E", link + "/", link + "/%3E", link + "%20", link + "=%0D%0A", link + "-", link + "%E2%80%9D",
		broken + "=%0D%0A" + link[len(broken):], strings.Replace(link, "/ada/", "/a%0D%0Ada/", 1),
	} {
		answer, at := w.follow(dressed)
		w.expectPage(answer, http.StatusOK, titleChange)
		w.Expect(at).To(Equal(link), dressed)
	}
	_, at := w.follow(link + ".?lang=fr")
	w.Expect(at).To(Equal(link + "?lang=fr"))
	answer := w.post(link+".", confirmation)
	w.Expect(answer.Header().Get("Location")).To(Equal(link + "/done"))
	answer, at = w.follow(link + "%3E/done")
	w.expectPage(answer, http.StatusOK, titleChangeDone)
	w.Expect(at).To(Equal(link + "/done"))
}
