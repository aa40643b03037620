// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/crypto/bcrypt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// forged is a Secret that looks like a member's acceptance, with a password that its author knows.
func forged(name, uid string) *corev1.Secret {
	GinkgoHelper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	Expect(err).NotTo(HaveOccurred())
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:        credentials.Name(name),
			Labels:      map[string]string{usherv1.AccountLabel: testkit.DefaultAccount, usherv1.MemberLabel: name},
			Annotations: map[string]string{usherv1.MemberUIDAnnotation: uid, usherv1.FirstMemberAnnotation: "true"},
		},
		Type: credentials.Type,
		Data: map[string][]byte{
			credentials.KeyEmail: []byte(name + "@acme.example"), credentials.KeyAcceptedAt: []byte("2026-03-01T09:00:00Z"),
			credentials.KeyPasswordHash: hash, credentials.KeySignature: []byte("AAAA"),
		},
	}
}

var credentialsInvalid = be(usherv1.ObservedPending, usherv1.ReasonCredentialsInvalid)

// rotate gives the token Secret another key. keep says under which names the former key stays in it.
func (w *world) rotate(keep ...string) {
	GinkgoHelper()
	edit(w, w.secret(tokenSecret), func(s *corev1.Secret) {
		former, next := s.Data["current"], make([]byte, len(s.Data["current"]))
		rand.Read(next)
		s.Data = map[string][]byte{"current": next}
		for _, name := range keep {
			s.Data[name] = former
		}
	})
}

var _ = Describe("An acceptance", func() {
	It("is not made by who may create Secrets", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada", "bob")
		link := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		made := forged("ada", string(w.member("ada")().UID))
		w.create(made)
		Eventually(w.member("ada")).Should(And(credentialsInvalid, says(usherv1.ReasonCredentialsInvalid, "Secret usher-member-ada is not signed by Usher")))
		Expect(w.ask(http.MethodPost, "/me", signInForm("ada"))).To(Equal(http.StatusUnprocessableEntity))
		Expect(w.answer(link, "accept")).To(Equal(http.StatusServiceUnavailable))
		w.disable("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		w.enable("ada")
		Eventually(w.member("ada")).Should(credentialsInvalid)
		o.settles()
		is := w.credentials("ada")
		Expect(is.UID).To(Equal(made.UID))
		Expect(is.ResourceVersion).To(Equal(made.ResourceVersion), "it is left alone")

		w.remove(made)
		Eventually(w.member("ada")).Should(beInvited)
		w.accept("ada")
		Eventually(w.member("ada")).Should(beActive)
		w.activate("bob")

		By("deleting a member whose credentials are not signed")
		w.remove(w.credentials("bob"))
		w.create(forged("bob", string(w.member("bob")().UID)))
		Eventually(w.member("bob")).Should(credentialsInvalid, "the one that counted is gone")
		w.deleteMembers("bob")
		o.settles()
		Expect(w.credentials("bob")).NotTo(BeNil())
	})

	It("is imported with its password for a member that needs no invitation", func(ctx SpecContext) {
		w, o := running(ctx, 5)
		bare := forged("ada", "")
		bare.Labels = nil
		bare.Data = map[string][]byte{credentials.KeyPasswordHash: append(bare.Data[credentials.KeyPasswordHash], '\n')}
		slow, other, fixed := forged("bob", ""), forged("cat", ""), forged("dan", "")
		slow.Data[credentials.KeyPasswordHash] = []byte("$2a$31$" + strings.Repeat("a", 53))
		other.Data[credentials.KeyEmail] = []byte("someone@acme.example")
		fixed.Immutable = ptr.To(true)
		w.create(bare, slow, other, fixed)
		for _, name := range []string{"ada", "bob", "cat", "dan"} {
			w.create(testkit.Member(name).Immediate().Build())
		}
		Eventually(w.member("ada")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		Expect(w.ask(http.MethodPost, "/me", signInForm("ada"))).To(Equal(http.StatusSeeOther))
		Expect(w.credentials("ada").Data).To(And(HaveKey(credentials.KeySignature), HaveKey(credentials.KeyAPIToken)))
		Expect(w.credentials("ada").Labels).To(HaveKeyWithValue(usherv1.MemberLabel, "ada"))
		Expect(w.credentials("ada").Annotations).NotTo(HaveKeyWithValue(usherv1.FirstMemberAnnotation, "true"), "an import does not say who came first")
		for _, name := range []string{"bob", "cat", "dan"} {
			Eventually(w.member(name)).Should(And(credentialsInvalid, says(usherv1.ReasonCredentialsInvalid, "cannot be imported")))
		}
		edit(w, slow, func(s *corev1.Secret) { s.Data[credentials.KeyPasswordHash] = bare.Data[credentials.KeyPasswordHash] })
		Eventually(w.member("bob")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated), "corrected")
		o.settles()
		Expect(w.sink.Mails()).To(BeEmpty())
	})

	It("outlives its key: it is signed anew while the key is still a previous one", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada")
		w.activate("ada")
		first := w.credentials("ada")
		w.rotate("previous")
		Eventually(func() string { return w.credentials("ada").Annotations[usherv1.KeyIDAnnotation] }).
			ShouldNot(Equal(first.Annotations[usherv1.KeyIDAnnotation]))
		is := w.credentials("ada")
		Expect(is.Data[credentials.KeySignature]).NotTo(Equal(first.Data[credentials.KeySignature]))
		for _, data := range []map[string][]byte{is.Data, first.Data} {
			delete(data, credentials.KeySignature)
		}
		Expect(maps.EqualFunc(is.Data, first.Data, func(a, b []byte) bool { return string(a) == string(b) })).To(BeTrue(), "nothing else changed")
		w.rotate("previous")
		Eventually(func() string { return w.credentials("ada").Annotations[usherv1.KeyIDAnnotation] }).
			ShouldNot(Equal(is.Annotations[usherv1.KeyIDAnnotation]))
		signedWith := w.secret(tokenSecret).Data["current"]
		w.rotate()
		Eventually(w.member("ada")).Should(credentialsInvalid, "the key was dropped before all was signed anew")
		edit(w, w.secret(tokenSecret), func(s *corev1.Secret) { s.Data["previous"] = signedWith })
		Eventually(w.member("ada")).Should(beActive)
		o.settles()
		w.touch()
		o.stop()
		o = w.start()
		o.settles()
		Expect(w.member("ada")()).To(beActive)
		Expect(w.mails("ada")).To(HaveLen(1))
	})

	It("counts again when the key comes back, after a restore without it or a move to another cluster", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		former := w.secret(tokenSecret).Data["current"]
		o.settles()
		o.stop()
		other, backup := w.lost(ctx)
		other.restore(backup[1:]...) // the first is the token Secret
		o = other.start()
		Eventually(other.member("ada")).Should(And(credentialsInvalid, says(usherv1.ReasonCredentialsInvalid, "add the token key from there")))
		o.settles()
		Expect(other.credentials("ada")).NotTo(BeNil(), "it is kept")
		Expect(other.holders(base)).To(Equal([]string{"ada"}), "so is the seat")
		edit(other, other.secret(tokenSecret), func(s *corev1.Secret) { s.Data["previous-frankfurt"] = former })
		other.clock.Step(2 * time.Minute)
		other.touch()
		Eventually(other.member("ada")).Should(beActive)
		o.settles()
		Expect(other.sink.Mails()).To(BeEmpty())
		Expect(other.ask(http.MethodPost, "/me", signInForm("ada"))).To(Equal(http.StatusSeeOther))
	})

	It("does not keep a disabled member in while the token keys cannot be used, nor shut an Active one out", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada", "bob")
		w.activate("ada", "bob")
		edit(w, w.secret(tokenSecret), func(s *corev1.Secret) { s.Data["current"] = []byte("short") })
		o.stop()
		w.start()
		w.disable("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		w.editMember("bob", func(m *usherv1.Member) { m.Spec.GivenName = "Bob" })
		Eventually(w.member("bob")).Should(And(beActive, HaveField("Status.DisplayName", HavePrefix("Bob"))))
	})
})

var _ = Describe("Credentials", func() {
	It("are input: what cannot be used is left out and said, and no seat waits for what cannot be changed", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		edit(w, w.credentials("ada"), func(s *corev1.Secret) {
			s.Labels = nil
			s.Data[credentials.KeyEmail] = append(s.Data[credentials.KeyEmail], '\n')
			s.Data[credentials.KeyGivenName] = []byte(strings.Repeat("a", 300))
		})
		Eventually(w.member("ada")).Should(And(beActive, HaveField("Status.CredentialsProblem", "given-name is longer than 100 characters"),
			says(usherv1.ReasonAccepted, "Secret usher-member-ada", "given-name is longer than 100 characters")))
		edit(w, w.credentials("ada"), func(s *corev1.Secret) { s.Data[credentials.KeyGivenName] = []byte("Ada\n") })
		Eventually(w.member("ada")).Should(And(beActive, HaveField("Status.CredentialsProblem", ""), HaveField("Status.DisplayName", "Ada")))

		edit(w, w.credentials("ada"), func(s *corev1.Secret) { s.Immutable = ptr.To(true) })
		token := w.apiToken("ada")
		w.hire("bob")
		Eventually(w.member("bob")).Should(beWaiting)
		w.disable("ada")
		Eventually(w.member("ada")).Should(And(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec), says(usherv1.ReasonDisabledBySpec, "immutable")))
		Eventually(w.member("bob")).Should(beInvited, "the seat is free")
		Expect(w.apiToken("ada")).To(Equal(token))
		o.settles()
		w.scale(base, 2)
		w.enable("ada")
		Eventually(w.member("ada")).Should(beActive)
		o.settles()
	})
})
