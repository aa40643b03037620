// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/nginx"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// password is what invitees choose; see invitee_test.go.
const password = "correct horse battery"

var _ = Describe("A password file", func() {
	const name = "acme-htpasswd"
	var w *world
	var o *operator

	// keep sets the name of the Secret with the account's password file; "" for none.
	keep := func(name string) {
		GinkgoHelper()
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) {
			a.Spec.Access = &usherv1.AccountAccess{HtpasswdSecret: name}
		})
	}
	// seats creates a world with a password file and that many seats.
	seats := func(ctx SpecContext, n int32) {
		GinkgoHelper()
		w, o = running(ctx, n)
		keep(name)
	}
	file := func() string { return string(w.secret(name).Data["auth"]) }
	// named returns the members that have a line.
	named := func() []string {
		var users []string
		for line := range strings.Lines(file()) {
			user, _, _ := strings.Cut(line, "@acme.example:")
			users = append(users, user)
		}
		return users
	}
	there := func() bool { return w.secret(name).UID != "" }

	It("lets a member sign in at nginx while Active", func(ctx SpecContext) {
		if why := nginx.Missing(); why != "" {
			Skip(why)
		}
		seats(ctx, 3)
		server, err := nginx.Start(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Close)
		ask := func(user, password string) func() int {
			return func() int {
				GinkgoHelper()
				Expect(server.SetPasswords(w.secret(name).Data["auth"])).To(Succeed()) // as the kubelet does
				status, err := server.Ask(ctx, user+"@acme.example", password)
				Expect(err).NotTo(HaveOccurred())
				return status
			}
		}
		w.hire("ada", "bob")
		Eventually(w.member("ada")).Should(beInvited)
		Expect(ask("ada", password)()).To(Equal(http.StatusUnauthorized), "the member is only invited")
		w.activate("ada", "bob")
		Eventually(ask("ada", password)).WithTimeout(promptly).Should(Equal(http.StatusOK))
		Expect(ask("ada", "wrong horse battery")()).To(Equal(http.StatusUnauthorized))
		Expect(ask("eve", password)()).To(Equal(http.StatusUnauthorized))

		w.disable("ada")
		Eventually(ask("ada", password)).WithTimeout(promptly).Should(Equal(http.StatusUnauthorized))
		Expect(ask("bob", password)()).To(Equal(http.StatusOK))
		w.enable("ada")
		Eventually(ask("ada", password)).Should(Equal(http.StatusOK))
		w.wants("ada", "augusta")
		link := w.changeLink("augusta", 1)
		Expect(ask("augusta", password)()).To(Equal(http.StatusUnauthorized), "not confirmed")
		Expect(ask("ada", password)()).To(Equal(http.StatusOK))
		Expect(w.confirm(link)).To(Equal(http.StatusSeeOther))
		Eventually(ask("augusta", password)).WithTimeout(promptly).Should(Equal(http.StatusOK))
		Expect(ask("ada", password)()).To(Equal(http.StatusUnauthorized))
		w.remove(testkit.Member("ada").Build())
		Eventually(ask("augusta", password)).WithTimeout(promptly).Should(Equal(http.StatusUnauthorized))

		account := testkit.Account(testkit.DefaultAccount).Build()
		edit(w, account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		Eventually(ask("bob", password)).WithTimeout(promptly).Should(Equal(http.StatusUnauthorized))
		Expect(there()).To(BeTrue(), "an empty file, so that nginx can read one")
	})

	It("has a line for each Active member with a password, and is written only when one changes", func(ctx SpecContext) {
		seats(ctx, 4)
		w.create(testkit.Member("imported").Immediate().Build())
		w.hire("cat", "ada", "bob")
		w.activate("cat", "ada")
		Eventually(named).WithTimeout(promptly).Should(Equal([]string{"ada", "cat"}))
		Expect(file()).To(MatchRegexp(`^ada@acme\.example:\$2a\$\d\d\$[./A-Za-z0-9]{53}\ncat@`))
		Expect(w.secret(name)).To(HaveField("Labels", HaveKeyWithValue("usher.dev/account", testkit.DefaultAccount)))
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionTrue, usherv1.ReasonAccessUpToDate))

		o.settles()
		o.wire.Forget()
		w.touch()
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { metav1.SetMetaDataAnnotation(&a.ObjectMeta, "touched", "yes") })
		o.settles()
		Expect(o.wire.Calls()).To(BeEmpty(), "no change, no write")
		o.stop()
		o = w.start()
		o.settles()
		for _, call := range o.wire.Calls() {
			Expect(call.Resource).NotTo(Equal("secrets"), "%s", call)
		}

		was := file()
		edit(w, w.credentials("ada"), func(s *corev1.Secret) {
			s.Data["password-hash"] = []byte(strings.Replace(string(s.Data["password-hash"]), "$2a$", "$2b$", 1))
		})
		Eventually(file).WithTimeout(promptly).Should(Equal(strings.Replace(was, "ada@acme.example:$2a$", "ada@acme.example:$2b$", 1)))
		edit(w, w.credentials("ada"), func(s *corev1.Secret) { s.Data["password-hash"] = []byte("x\nmallory@acme.example:y") })
		Eventually(named).WithTimeout(promptly).Should(Equal([]string{"cat"}), "an invalid hash gets into no file")
	})

	It("is restored when another client changes or deletes it", func(ctx SpecContext) {
		seats(ctx, 2)
		w.hire("ada")
		w.activate("ada")
		Eventually(named).Should(Equal([]string{"ada"}))
		right := file()
		for _, spoil := range []func(*corev1.Secret){
			func(s *corev1.Secret) {
				s.Data["auth"] = append(s.Data["auth"], []byte("eve@acme.example:"+right[len("ada@acme.example:"):])...)
			},
			func(s *corev1.Secret) { s.Data = nil },
			func(s *corev1.Secret) { s.Data, s.Labels = nil, nil },
			func(s *corev1.Secret) { s.Data, s.OwnerReferences = nil, nil },
			func(s *corev1.Secret) { s.Data["auth"], s.Immutable = []byte("eve@acme.example:x\n"), ptr.To(true) },
		} {
			edit(w, w.secret(name), spoil)
			Eventually(file).Should(Equal(right))
		}
		w.remove(w.secret(name))
		Eventually(file).Should(Equal(right))
		o.settles()
	})

	It("is deleted when it is renamed, and with the account", func(ctx SpecContext) {
		seats(ctx, 2)
		w.hire("ada")
		w.activate("ada")
		Eventually(named).Should(Equal([]string{"ada"}))
		keep("other")
		Eventually(there).Should(BeFalse())
		Eventually(func() []byte { return w.secret("other").Data["auth"] }).ShouldNot(BeEmpty())
		keep("")
		Eventually(func() bool { return w.secret("other").UID == "" }).Should(BeTrue())
		keep(name)
		Eventually(named).Should(Equal([]string{"ada"}))
		w.remove(testkit.Account(testkit.DefaultAccount).Build())
		Eventually(there).Should(BeFalse())
		o.settles()
	})

	It("does not replace a Secret that Usher does not own", func(ctx SpecContext) {
		w, o = running(ctx, 1)
		theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{"auth": []byte("eve:x\n")}}
		w.create(theirs)
		keep(name)
		w.hire("ada")
		w.activate("ada")
		Eventually(w.account).Should(SatisfyAll(
			testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionFalse, usherv1.ReasonNameTaken),
			testkit.HaveCondition(usherv1.ConditionStalled, metav1.ConditionTrue, usherv1.ReasonNameTaken)))
		Expect(file()).To(Equal("eve:x\n"))
		w.disable("ada")
		Eventually(func() []string { return w.holders(base) }).Should(BeEmpty(), "seats do not wait for a Secret that Usher does not own")
		w.enable("ada")
		Eventually(w.member("ada")).Should(beActive)
		w.remove(theirs)
		Eventually(named).WithTimeout(promptly).Should(Equal([]string{"ada"}))
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionTrue))
	})

	It("loses a member's line before the next waiting member gets the seat", func(ctx SpecContext) {
		seats(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		Eventually(named).Should(Equal([]string{"ada"}))
		w.hire("bob")
		Eventually(w.member("bob")).Should(beWaiting)
		o.settles()
		o.wire.When(func(c testkit.Call) bool { return c.Resource == "secrets" && c.Name == name }, testkit.Refused)
		w.disable("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		Consistently(func() []string { return w.holders(base) }).WithTimeout(2 * time.Second).Should(Equal([]string{"ada"}))
		o.wire.Heal()
		Eventually(w.member("bob")).Should(beInvited)
		Expect(named()).To(BeEmpty())
	})

	It("needs no more rights than config/rbac grants", func(ctx SpecContext) {
		w = newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(1).Build())
		o = w.startAs(manager().Config())
		keep(name)
		w.hire("ada")
		w.activate("ada")
		Eventually(named).Should(Equal([]string{"ada"}))
		w.disable("ada")
		Eventually(named).Should(BeEmpty())
		keep("")
		Eventually(there).Should(BeFalse())
	})
})
