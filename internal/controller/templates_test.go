// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("An account's own templates", func() {
	configMap := func(subject string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "acme-mails"}, Data: map[string]string{
			"en-GB.invitation.subject": subject,
			"en-GB.invitation.txt":     "Dear {{.Name}}, you are {{.Role}} of {{.Account}}:\n{{.Link}}\n",
			"en-GB.invitation.html":    `<p>{{.Name}}</p><a href="{{.Link}}">Come in</a>`,
		}}
	}
	templatesAre := func(status metav1.ConditionStatus, reason string) OmegaMatcher {
		return testkit.HaveCondition(usherv1.ConditionTemplatesReady, status, reason)
	}

	It("are used as soon as they are valid, and the account reports what is wrong with them", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account("acme").MailSecret(smtpSecret).Templates("acme-mails").Build(), testkit.SeatPool(base).Seats(5).Build())
		o := w.start()
		Eventually(w.account).Should(And(templatesAre(metav1.ConditionFalse, usherv1.ReasonConfigMapNotFound),
			testkit.HaveCondition(usherv1.ConditionMailReady, metav1.ConditionTrue),
			testkit.HaveCondition(usherv1.ConditionReconciling, metav1.ConditionTrue, usherv1.ReasonConfigMapNotFound)))
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.mails("ada")[0].Subject).To(HavePrefix("acme invites you"), "mails do not wait for the templates")

		w.create(configMap("Come in,\n{{.Nayme}}"))
		Eventually(w.account).Should(templatesAre(metav1.ConditionFalse, usherv1.ReasonTemplateInvalid))
		for _, c := range w.account().Status.Conditions {
			if c.Type == usherv1.ConditionTemplatesReady {
				Expect(c.Message).To(HavePrefix("ConfigMap acme-mails: key en-GB.invitation.subject, line 2: there is no variable .Nayme"))
			}
		}
		w.hire("bob")
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.mails("bob")[0].Subject).To(HavePrefix("acme invites you"))

		edit(w, configMap(""), func(c *corev1.ConfigMap) { c.Data = configMap("Come in, {{.Name}}").Data })
		Eventually(w.account).Should(And(templatesAre(metav1.ConditionTrue, usherv1.ReasonTemplatesReady),
			testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue)))
		w.create(testkit.Member("cat").Name("Cat", "Stevens").Role("admin").Build())
		Eventually(w.member("cat")).Should(beInvited)
		mail := w.mails("cat")[0]
		Expect(mail.Subject).To(Equal("Come in, Cat Stevens"))
		Expect(mail.Text).To(HavePrefix("Dear Cat Stevens, you are admin of acme:\r\n" + mail.Link()))
		Expect(mail.HTML).To(HavePrefix(`<p>Cat Stevens</p>`))

		o.settles()
		calls := len(o.wire.Calls())
		edit(w, testkit.Account("acme").Build(), func(a *usherv1.Account) { a.Spec.Mail.TemplatesRef = nil })
		Eventually(func() []string { return conditionTypes(w.account()) }).ShouldNot(ContainElement(usherv1.ConditionTemplatesReady))
		o.settles()
		made := o.wire.Calls()[calls:]
		Expect(made).To(HaveEach(HaveField("String()", HavePrefix("update accounts/status"))))
		Expect(len(made)).To(BeElementOf(1, 2), "the account's status; a second attempt, from a cache that is a moment old, is refused")
	})

	It("are not used for mails of the platform's server, unless the platform allows it", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account("acme").Templates("acme-mails").Build(), testkit.SeatPool(base).Seats(5).Build(), configMap("Come in"))
		o := w.start()
		Eventually(w.account).Should(And(templatesAre(metav1.ConditionFalse, usherv1.ReasonOwnServerRequired),
			testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue, usherv1.ReasonOwnServerRequired)))
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.mails("ada")[0].Subject).To(HavePrefix("acme invites you"))

		o.stop()
		w.start(func(o *app.Options) { o.TenantWording = true })
		Eventually(w.account).Should(And(templatesAre(metav1.ConditionTrue, usherv1.ReasonTemplatesReady),
			testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue, usherv1.ReasonUpToDate)))
		w.hire("bob")
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.mails("bob")[0].Subject).To(Equal("Come in"))
	})
})

func conditionTypes(a *usherv1.Account) []string {
	var types []string
	for _, c := range a.Status.Conditions {
		types = append(types, c.Type)
	}
	return types
}
