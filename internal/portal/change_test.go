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
		`<html lang="en-GB" dir="ltr">`, "Acme SAS", newAddress, "Friday 4 December 2026, 12:00 UTC", `value="confirm"`,
		`href="mailto:it@acme.example"`,
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

// The directory finds the member by the address that it wants, too.
func TestAnAddressThatIsNotConfirmedDoesNotSignIn(t *testing.T) {
	w := newChange(t)
	w.expectPage(w.post("/me", signIn(newAddress, goodPassword), elsewhere()), http.StatusUnprocessableEntity, titleSignIn)
	w.Expect(w.post("/me", signIn(formerAddress, goodPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther))
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

	// Set back in the spec: the new address is in use until the former one is confirmed in turn.
	update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = formerAddress })
	w.expectPage(w.get(link+"/done"), http.StatusOK, titleChangeDone)
	update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = newAddress })

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

func TestEveryLanguageOfAChange(t *testing.T) {
	w := newChange(t)
	link := w.changeLink()
	for _, c := range web.Spoken.Sorted {
		answer := w.get(link + "?lang=" + string(c.Tag))
		w.Expect(answer.Code).To(Equal(http.StatusOK))
		w.Expect(answer.Header().Get("Content-Language")).To(Equal(string(c.Tag)))
		w.Expect(answer.Body.String()).To(ContainSubstring(newAddress))
		w.Expect(answer.Body.String()).To(ContainSubstring("<h1>" + c.PageTexts["change.title"] + "</h1>"))
	}
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
