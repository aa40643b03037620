// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// endAccess sets a member's accessUntil to that long from the world's time.
func (w *world) endAccess(name string, in time.Duration) {
	GinkgoHelper()
	until := metav1.Time{Time: w.clock.Now().Add(in).Truncate(time.Second)}
	w.editMember(name, func(m *usherv1.Member) { m.Spec.AccessUntil = &until })
}

var _ = Describe("An end date", func() {
	beEnded := be(usherv1.ObservedDisabled, usherv1.ReasonAccessEnded)
	contact := "it@acme.example"

	// notices returns how many notices of the end of a member's access the member and the contact got.
	notices := func(w *world, name string) func() []int {
		return func() []int {
			count := func(mails []smtpsink.Mail) (n int) {
				for _, m := range mails {
					if m.Link() == "" {
						n++
					}
				}
				return n
			}
			return []int{count(w.mails(name)), count(w.sink.MailsTo(contact))}
		}
	}
	// begin creates a world with a member who has accepted, and one who waits for the seat.
	begin := func(ctx SpecContext) (*world, *operator) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account(testkit.DefaultAccount).Contact(contact, "", "").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		w.accept("ada")
		Eventually(w.member("ada")).Should(beActive)
		w.hire("bob")
		Eventually(w.member("bob")).Should(beWaiting)
		return w, o
	}

	It("withdraws access by the manager's own timer, and the next waiting member gets the seat", func(ctx SpecContext) {
		w, _ := begin(ctx)
		w.endAccess("ada", 3*time.Second)
		Eventually(w.member("ada")).Should(beEnded)
		ada := w.member("ada")()
		Expect(ada.Status.DisabledAt.Time).To(BeTemporally(">=", ada.Spec.AccessUntil.Time), "never early")
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.credentials("ada")).NotTo(BeNil(), "the member can come back")
	})

	It("that passed while no manager ran withdraws access, too, and a later end date restores it without a mail", func(ctx SpecContext) {
		w, o := begin(ctx)
		w.endAccess("ada", 30*24*time.Hour)
		o.settles()
		o.stop()
		w.clock.Step(31 * 24 * time.Hour)
		o = w.start()
		Eventually(w.member("ada")).Should(beEnded)
		o.settles()
		Expect(notices(w, "ada")()).To(Equal([]int{0, 0}), "no notice of an end that has passed")
		mails := len(w.sink.Mails())
		w.remove(testkit.Member("bob").Build())
		w.endAccess("ada", 30*24*time.Hour)
		Eventually(w.member("ada")).Should(beActive)
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.AccessUntil = nil })
		o.settles()
		Expect(w.member("ada")()).To(beActive)
		Expect(w.sink.Mails()).To(HaveLen(mails))
	})

	It("is announced a week before, once, to the member and the contact, even if the manager restarts", func(ctx SpecContext) {
		w, o := begin(ctx)
		w.endAccess("ada", 8*24*time.Hour)
		o.settles()
		Expect(notices(w, "ada")()).To(Equal([]int{0, 0}))
		w.clock.Step(25 * time.Hour)
		w.touch()
		Eventually(notices(w, "ada")).Should(Equal([]int{1, 1}))
		Eventually(func() int {
			sent := 0
			for _, n := range w.member("ada")().Status.EndNotices {
				if n.State == usherv1.EndNoticeSent && n.SentAt != nil {
					sent++
				}
			}
			return sent
		}).Should(Equal(2))
		o.stop()
		w.clock.Step(24 * time.Hour)
		o = w.start()
		o.settles()
		Expect(notices(w, "ada")()).To(Equal([]int{1, 1}))
		w.endAccess("ada", 3*24*time.Hour)
		Eventually(notices(w, "ada")).Should(Equal([]int{2, 2}), "another end date gets another mail")
		for _, m := range w.sink.MailsTo(contact) {
			Expect(m.Text).NotTo(ContainSubstring("ada@acme.example"))
		}
	})

	It("with a fraction of a second is announced once to each, too", func(ctx SpecContext) {
		w, o := begin(ctx)
		until := w.clock.Now().Add(24 * time.Hour).UTC().Format("2006-01-02T15:04:05.7Z")
		patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"accessUntil":"`+until+`"}}`))
		Expect(w.api.Patch(ctx, w.member("ada")(), patch)).To(Succeed())
		Eventually(notices(w, "ada")).Should(Equal([]int{1, 1}))
		o.settles()
		w.touch()
		o.settles()
		Expect(notices(w, "ada")()).To(Equal([]int{1, 1}))
	})

	It("is announced once by two managers", func(ctx SpecContext) {
		w, o := begin(ctx)
		other := w.start()
		w.endAccess("ada", 24*time.Hour)
		Eventually(notices(w, "ada")).Should(Equal([]int{1, 1}))
		o.settles()
		other.settles()
		Expect(notices(w, "ada")()).To(Equal([]int{1, 1}))
	})

	It("in the past prevents invitation, activation and seats", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		past := metav1.Time{Time: w.clock.Now().Add(-time.Hour)}
		for _, m := range []*usherv1.Member{testkit.Member("ada").Build(), testkit.Member("bob").Immediate().Build()} {
			m.Spec.AccessUntil = &past
			w.create(m)
			Eventually(w.member(m.Name)).Should(beEnded)
		}
		o.settles()
		Expect(w.invitations()).To(BeEmpty())
		Expect(w.holders(base)).To(BeEmpty())
		Expect(w.credentials("bob")).To(BeNil())
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.AccessUntil = nil })
		Eventually(w.member("ada")).Should(beInvited)
	})

	It("before the answer revokes the invitation, and a later one sends a new one", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		link := w.mails("ada")[0].Link()
		w.endAccess("ada", 2*time.Hour)
		o.settles()
		w.clock.Step(2 * time.Hour)
		Expect(w.answer(link, "accept")).To(Equal(http.StatusGone), "refused, even if no controller has marked it yet")
		w.touch()
		Eventually(w.member("ada")).Should(beEnded)
		Eventually(func() usherv1.InvitationState { return w.invitation("ada")().Status.State }).Should(Equal(usherv1.InvitationRevoked))
		w.endAccess("ada", 30*24*time.Hour)
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.mails("ada")).To(HaveLen(2))
		Expect(w.mails("ada")[1].Link()).NotTo(Equal(link))
	})
})
