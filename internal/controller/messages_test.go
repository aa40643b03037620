// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// says succeeds for an object whose Ready condition has a reason and a message with those parts.
func says(reason string, parts ...string) OmegaMatcher {
	return WithTransform(func(o any) string {
		list, err := testkit.Conditions(o)
		c := meta.FindStatusCondition(list, usherv1.ConditionReady)
		if err != nil || c == nil || c.Reason != reason {
			return ""
		}
		for _, part := range parts {
			if !strings.Contains(c.Message, part) {
				return c.Message
			}
		}
		return "as it should"
	}, Equal("as it should"))
}

var _ = Describe("Messages", func() {
	It("of a waiting, an expired and a declined member have the command that helps", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		w.hire("bob")
		Eventually(w.member("bob")).Should(And(be(usherv1.ObservedPending, usherv1.ReasonSeatUnavailable),
			testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue),
			says(usherv1.ReasonSeatUnavailable, "kubectl scale seatpool "+base+" -n "+w.namespace)))
		w.decline("ada")
		again := "kubectl patch invitation ada -n " + w.namespace + ` --type=merge -p '{"spec":{"sendGeneration":2}}'`
		Eventually(w.member("ada")).Should(And(says(usherv1.ReasonInvitationDeclined, again),
			testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue)))
		Eventually(w.invitation("ada")).Should(And(says("Declined", again), testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue)))
		Expect(w.invitation("ada")().Labels).To(HaveKeyWithValue(usherv1.AccountLabel, "acme"))
		Eventually(w.member("bob")).Should(beInvited)
		o.settles()
	})

	It("of an invitation that waits say what for, and change with what the member says", func(ctx SpecContext) {
		w, o := running(ctx, 0)
		w.create(testkit.Invitation("for-ada").Member("ada").Build())
		w.hire("ada")
		Eventually(w.invitation("for-ada")).Should(And(says("Pending", "SeatUnavailable", "kubectl scale seatpool "+base),
			testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue)))
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Role = "boss" })
		Eventually(w.invitation("for-ada")).Should(says("Pending", "RoleNotInPlan", "has no role boss"))
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Role = "" })
		w.scale(base, 1)
		Eventually(w.member("ada")).Should(beInvited)
		o.settles()
	})

	It("of a mail server's Secret name it, and reach the members when only the message changes", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.editMail(func(d map[string][]byte) { d["port"] = []byte("none") })
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		w.hire("ada")
		secret := "Secret " + w.namespace + "/" + smtpSecret
		Eventually(w.member("ada")).Should(says(usherv1.ReasonMailNotReady, usherv1.ReasonSecretInvalid, secret, "port"))
		w.editMail(func(d map[string][]byte) { d["port"], d["from"] = []byte("25"), []byte("no address") })
		Eventually(w.member("ada")).Should(says(usherv1.ReasonMailNotReady, usherv1.ReasonSecretInvalid, secret, "from"))
		o.settles()
	})
})

var _ = Describe("A token key", func() {
	It("that was rotated away ends links, which the invitation and the member report until another link is sent", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		dead := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		rotate := func() {
			GinkgoHelper()
			secret := w.secret(tokenSecret)
			edit(w, secret, func(s *corev1.Secret) {
				next := make([]byte, len(s.Data["current"]))
				rand.Read(next)
				s.Data["previous"], s.Data["current"] = s.Data["current"], next
			})
		}
		rotate()
		o.settles()
		Expect(w.member("ada")()).To(beInvited, "the previous key still counts")
		Expect(w.visit(dead)).To(Equal(http.StatusOK))

		rotate()
		Eventually(w.invitation("ada")).Should(And(says(usherv1.ReasonLinkInvalid, "kubectl patch invitation ada"),
			testkit.HaveCondition(usherv1.ConditionStalled, metav1.ConditionTrue)))
		Eventually(w.member("ada")).Should(And(says(usherv1.ReasonAwaitingAcceptance, "kubectl patch invitation ada"),
			testkit.HaveCondition(usherv1.ConditionStalled, metav1.ConditionTrue)))
		w.resend("ada")
		fresh := w.link("ada", 2)
		Eventually(w.member("ada")).Should(And(beInvited, testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue)))
		w.clock.Step(time.Minute) // a portal reads the keys every 30 seconds
		Expect(w.visit(fresh)).To(Equal(http.StatusOK))
		o.settles()
	})
})
