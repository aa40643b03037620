// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal"
)

// countReads is a hook that counts.
func countReads(reads *int) func(client.ObjectKey, client.Object) error {
	return func(client.ObjectKey, client.Object) error { *reads++; return nil }
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

	w.record(w.credentials(), "")
	for _, c := range []struct {
		address string
		status  int
	}{{"eve@acme.example", http.StatusNotFound}, {"third@acme.example", http.StatusOK}} {
		secret := w.credentials() // the signature is for the third
		secret.Data["email"] = []byte(c.address)
		w.Expect(w.api.Update(w.ctx, secret)).To(Succeed())
		w.Expect(w.get(second + "/done").Code).To(Equal(c.status))
	}

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

// After a rotation of the key there are two links for one change. Either leads to the end of it, and only the one that was used is
// remembered.
func TestALinkOfAnotherKey(t *testing.T) {
	w := newChange(t)
	first := w.changeLink()
	rotated, err := invite.NewKeyring(bytes.Repeat([]byte{8}, invite.KeyLength), bytes.Repeat([]byte{7}, invite.KeyLength))
	w.Expect(err).NotTo(HaveOccurred())
	w.keys = rotated
	second := w.changeLink()
	w.Expect(second).NotTo(Equal(first))
	w.expectDone(w.post(first, confirmation), titleChangeDone)
	w.expectDone(w.post(second, confirmation), titleChangeDone)
	w.Expect(w.wire.mutations.Load()).To(BeEquivalentTo(1))
	w.record(w.credentials(), "")
	w.expectDone(w.post(first, confirmation), titleChangeDone)
	w.expectPage(w.get(second), http.StatusNotFound, titleUnknown)
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
