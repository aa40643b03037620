// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
)

var _ = Describe("Builders", func() {
	It("build objects that the API server accepts, from just a name", func(ctx SpecContext) {
		ns, c := Namespace(ctx, server), Client(server.Config())
		for _, object := range []client.Object{
			Account("acme").In(ns).Build(),
			SeatPool("acme-base").In(ns).Build(),
			Member("ada").In(ns).Build(),
			Invitation("ada").In(ns).Build(),
		} {
			Expect(c.Create(ctx, object)).To(Succeed())
		}
	})

	It("set every field", func(ctx SpecContext) {
		ns, c := Namespace(ctx, server), Client(server.Config())
		account := Account("globex").In(ns).DisplayName("Globex SA").Disabled().Language("fr").MailSecret("smtp").
			ReplyTo("it@globex.example").Contact("it@globex.example", "+33 1", "Paris").ProductURL("https://app.globex.example").
			TermsURL("https://globex.example/terms").InvitationTTL("72h").Build()
		Expect(c.Create(ctx, account)).To(Succeed())
		Expect(account.Spec).To(Equal(v1alpha1.AccountSpec{
			DisplayName: "Globex SA", State: v1alpha1.StateDisabled, Language: "fr",
			Contact:    &v1alpha1.AccountContact{Email: "it@globex.example", Phone: "+33 1", Address: "Paris"},
			ProductURL: "https://app.globex.example", TermsURL: "https://globex.example/terms",
			Mail: &v1alpha1.AccountMail{
				Delivery: v1alpha1.DeliverySMTP, SecretRef: &v1alpha1.SecretReference{Name: "smtp"}, ReplyTo: "it@globex.example",
			},
			Invitations: v1alpha1.InvitationDefaults{TTL: "72h", Reminders: []v1alpha1.Lead{"48h"}}, RetainFormerMembers: new(int32(50)),
		}))

		pool := SeatPool("pipes").In(ns).Account("globex").Seats(7).AddOn("pipelines").OnAcceptance().Build()
		Expect(c.Create(ctx, pool)).To(Succeed())
		Expect(pool.Spec).To(Equal(v1alpha1.SeatPoolSpec{
			AccountRef: v1alpha1.AccountReference{Name: "globex"}, Seats: new(int32(7)), AddOn: "pipelines",
			Reservation: v1alpha1.ReserveOnAcceptance,
		}))

		member := Member("ada").In(ns).Account("globex").Email("countess@globex.example").Name("Ada", "Lovelace").Salutation("Mx").
			Phone("+44 1").Language("en-US").Role("admin").Rights("orders:place").Pools("base", "pipes").Disabled().Immediate().
			ReassignTo("bob").Build()
		Expect(c.Create(ctx, member)).To(Succeed())
		Expect(member.Spec).To(Equal(v1alpha1.MemberSpec{
			AccountRef: v1alpha1.AccountReference{Name: "globex"}, Email: "countess@globex.example",
			GivenName: "Ada", FamilyName: "Lovelace", Salutation: "Mx", Phone: "+44 1", Language: "en-US", Role: "admin",
			Rights: []v1alpha1.Right{"orders:place"}, SeatPoolRefs: []v1alpha1.SeatPoolReference{{Name: "base"}, {Name: "pipes"}},
			State: v1alpha1.StateDisabled, Activation: v1alpha1.ActivateImmediately,
			ReassignTo: &v1alpha1.MemberReference{Name: "bob"},
		}))

		invitation := Invitation("extra").In(ns).Member("ada").SendGeneration(3).Revoked().TTL("1h").Build()
		Expect(c.Create(ctx, invitation)).To(Succeed())
		Expect(invitation.Spec).To(Equal(v1alpha1.InvitationSpec{
			MemberRef: v1alpha1.MemberReference{Name: "ada"}, SendGeneration: 3, State: v1alpha1.InvitationRevokedWish, TTL: "1h",
		}))
	})

	It("build a new object every time", func() {
		builder := Member("ada").Pools("base").Status(func(s *v1alpha1.MemberStatus) { s.State = v1alpha1.ObservedActive })
		first := builder.Build()
		first.Spec.SeatPoolRefs[0].Name = "spoilt"
		Expect(builder.Build().Spec.SeatPoolRefs[0].Name).To(Equal("base"))
		Expect(builder.Build().Status.State).To(Equal(v1alpha1.ObservedActive))
		Expect(Account("a").Status(func(s *v1alpha1.AccountStatus) { s.SeatsSummary = "1/2" }).Build().Status.SeatsSummary).To(Equal("1/2"))
		Expect(SeatPool("p").Status(func(s *v1alpha1.SeatPoolStatus) { s.LastGrant = 3 }).Build().Status.LastGrant).To(Equal(int64(3)))
		Expect(Invitation("i").Status(func(s *v1alpha1.InvitationStatus) { s.Attempts = 2 }).Build().Status.Attempts).To(Equal(int32(2)))
	})
})

var _ = Describe("Matchers", func() {
	ready := metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse, Reason: "SeatUnavailable", Message: "wait", ObservedGeneration: 4}
	ada := Member("ada").Status(func(s *v1alpha1.MemberStatus) { s.Conditions = []metav1.Condition{ready} }).Build()

	It("match type, status and reason", func() {
		Expect(ada).To(HaveCondition("Ready", metav1.ConditionFalse, "SeatUnavailable"))
		Expect(ada).To(HaveCondition("Ready", metav1.ConditionFalse))
		Expect(ada).NotTo(HaveCondition("Ready", metav1.ConditionTrue, "SeatUnavailable"))
		Expect(ada).NotTo(HaveCondition("Ready", metav1.ConditionFalse, "Inviting"))
		Expect(ada).NotTo(HaveCondition("Stalled", metav1.ConditionFalse))
		Expect(ada).To(HaveNoCondition("Stalled"))
		Expect(ada).NotTo(HaveNoCondition("Ready"))
	})

	It("accept each kind and the slice", func() {
		conditions := []metav1.Condition{ready}
		for _, object := range []any{
			Account("a").Status(func(s *v1alpha1.AccountStatus) { s.Conditions = conditions }).Build(),
			SeatPool("p").Status(func(s *v1alpha1.SeatPoolStatus) { s.Conditions = conditions }).Build(),
			Invitation("i").Status(func(s *v1alpha1.InvitationStatus) { s.Conditions = conditions }).Build(),
			conditions,
		} {
			Expect(object).To(HaveCondition("Ready", metav1.ConditionFalse))
		}
	})

	It("fail for anything else", func() {
		_, err := HaveNoCondition("Ready").Match(*ada)
		Expect(err).To(MatchError(ContainSubstring("got v1alpha1.Member")))
		_, err = HaveCondition("Ready", metav1.ConditionTrue, "one", "two").Match(ada)
		Expect(err).To(HaveOccurred())
	})

	It("show the actual conditions in a failure", func() {
		matcher := HaveCondition("Ready", metav1.ConditionTrue, "Accepted")
		Expect(matcher.FailureMessage(ada)).To(Equal(
			"Expected\n    Ready=False/SeatUnavailable (generation 4): wait\nto have condition Ready=True/Accepted"))
		Expect(matcher.NegatedFailureMessage(Member("bob").Build())).To(Equal(
			"Expected\n    no conditions\nnot to have condition Ready=True/Accepted"))
		Expect(HaveNoCondition("Ready").FailureMessage(ada)).To(HaveSuffix("to have no condition Ready"))
	})
})

var _ = Describe("Clock", func() {
	It("moves only by Step", func() {
		clock := NewClock()
		Expect(clock.Now()).To(Equal(Epoch))
		Expect(metav1.NewTime(clock.Now()).Rfc3339Copy().Time).To(BeTemporally("==", clock.Now()), "the API keeps its precision")
		clock.Step(90 * 1e9)
		Expect(clock.Since(Epoch).Seconds()).To(Equal(90.0))
	})
})
