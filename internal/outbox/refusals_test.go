// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/reconciler"
)

// The refusals of a server, as the channel explains them.
var (
	bySender  = &channel.Error{Class: usherv1.ErrorConfiguration, Code: "553 5.7.1", Reason: usherv1.ReasonAuthFailed, Refusal: "s", Message: "the sender"}
	byPolicy  = &channel.Error{Class: usherv1.ErrorConfiguration, Code: "550 5.7.1", Reason: usherv1.ReasonMailRefused, Refusal: "p", Message: "the policy"}
	atMail    = &channel.Error{Class: usherv1.ErrorConfiguration, Code: "550 5.1.0", Reason: usherv1.ReasonAuthFailed, Refusal: "m", ToAll: true}
	unknown   = &channel.Error{Class: usherv1.ErrorPermanent, Code: "550 5.1.1", Refusal: "u", NamesRecipient: true}
	greyed    = &channel.Error{Class: usherv1.ErrorTemporary, Code: "451 4.7.1", Greylisted: true}
	tooMany   = &channel.Error{Class: usherv1.ErrorConfiguration, Code: "421 4.3.2", Reason: usherv1.ReasonServerUnreachable}
	hungUp    = &channel.Error{Class: usherv1.ErrorTemporary, Code: "connection closed", Reason: usherv1.ReasonServerUnreachable}
	cancelled = &channel.Error{Class: usherv1.ErrorTemporary, Code: "canceled"}
)

// sender is Endpoints with a clock and an endpoint that answered its probe.
type sender struct {
	*Endpoints
	now     time.Time
	wakeups *reconciler.Wakeups
}

var platform = types.NamespacedName{Namespace: "usher-system", Name: "usher-smtp"}

func newSender() *sender {
	s := &sender{Endpoints: NewEndpoints(nil, nil, platform, 8), now: time.Unix(1_000_000, 0), wakeups: reconciler.NewWakeups()}
	s.SetProbed(platform, Probed{Version: "1", At: s.now, Verdict: membership.MailVerdict{Ready: true, Reason: usherv1.ReasonMailReady}})
	return s
}

func accountIn(namespace string) *usherv1.Account {
	return &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "main"}}
}

func (s *sender) try(namespace, mail string, err error) *delivery.Failure {
	s.now = s.now.Add(time.Second)
	a := attempted{account: accountIn(namespace), id: mail, recipient: mail + "@" + namespace + ".example"}
	if err != nil {
		a.err = err
	}
	return s.conclude(a, s.now)
}

func (s *sender) reason(namespace string) string { return s.Verdict(accountIn(namespace)).Reason }

// turn gives the next turn, and returns who is woken.
func (s *sender) turn() (names []string) {
	s.GiveTurns(platform, s.now)
	for _, key := range s.wakeups.Drain() {
		names = append(names, key.Namespace+"/"+key.Name)
	}
	return names
}

func (s *sender) wait(namespace, mail string) {
	s.Await(accountIn(namespace), mail, s.wakeups, types.NamespacedName{Namespace: namespace, Name: mail}, s.now)
}

// A refusal after MAIL holds up the namespace whose recipient it was; one before holds up all.
func TestARefusalHoldsWhomItConcerns(t *testing.T) {
	for name, test := range map[string]struct {
		err        error
		hot, other string
	}{
		"the sender, at RCPT":   {bySender, usherv1.ReasonAuthFailed, usherv1.ReasonMailReady},
		"the policy":            {byPolicy, usherv1.ReasonMailRefused, usherv1.ReasonMailReady},
		"the sender, at MAIL":   {atMail, usherv1.ReasonAuthFailed, usherv1.ReasonAuthFailed},
		"too many connections":  {tooMany, usherv1.ReasonServerUnreachable, usherv1.ReasonServerUnreachable},
		"hung up":               {hungUp, usherv1.ReasonServerUnreachable, usherv1.ReasonServerUnreachable},
		"greylisted":            {greyed, usherv1.ReasonMailReady, usherv1.ReasonMailReady},
		"one recipient":         {unknown, usherv1.ReasonMailReady, usherv1.ReasonMailReady},
		"ended by Usher itself": {cancelled, usherv1.ReasonMailReady, usherv1.ReasonMailReady},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := newSender()
			s.try("hot", "m1", test.err)
			g.Expect(s.reason("hot")).To(Equal(test.hot))
			g.Expect(s.reason("acme")).To(Equal(test.other))
			g.Expect(s.admits(accountIn("hot"), "m2", s.now)).To(Equal(test.hot == usherv1.ReasonMailReady))
			g.Expect(s.admits(accountIn("acme"), "a1", s.now)).To(Equal(test.other == usherv1.ReasonMailReady))
		})
	}
}

// A tenant has 60 recipients whose server refuses them all. Others send through the same Secret as before, before and after.
func TestATenantsRecipientsHoldUpNoOneElse(t *testing.T) {
	g := NewWithT(t)
	s := newSender()
	for n := range 60 {
		s.try("hot", string(rune('a'+n%26))+string(rune('a'+n/26)), unknown)
		g.Expect(s.admits(accountIn("acme"), "a", s.now)).To(BeTrue())
	}
	g.Expect(s.reason("hot")).To(Equal(usherv1.ReasonMailRefused))
	g.Expect(s.reason("acme")).To(Equal(usherv1.ReasonMailReady))
	s.try("acme", "a", nil)
	g.Expect(s.reason("hot")).To(Equal(usherv1.ReasonMailRefused), "another tenant's mail says nothing about these recipients")
}

func TestOneMailAtATime(t *testing.T) {
	g := NewWithT(t)
	s := newSender()
	s.try("hot", "m1", bySender)
	s.wait("hot", "m1")
	s.wait("hot", "m2")
	s.wait("acme", "a1") // and does not have to
	g.Expect(s.turn()).To(BeEmpty())
	s.now = s.now.Add(10 * time.Second)
	g.Expect(s.turn()).To(Equal([]string{"hot/m1"}))
	g.Expect(s.Turn(accountIn("hot"), "m1", s.now)).To(BeTrue())
	g.Expect(s.admits(accountIn("hot"), "m1", s.now)).To(BeTrue())
	g.Expect(s.admits(accountIn("hot"), "m2", s.now)).To(BeFalse())
	s.begin(accountIn("hot"), "m1", s.now)
	g.Expect(s.try("hot", "m1", bySender).Class).To(Equal(usherv1.ErrorConfiguration))
	s.wait("hot", "m1")
	s.now = s.now.Add(19 * time.Second)
	g.Expect(s.turn()).To(BeEmpty())
	s.now = s.now.Add(time.Second)
	g.Expect(s.turn()).To(Equal([]string{"hot/m2"}))
	g.Expect(s.try("hot", "m2", greyed).Class).To(Equal(usherv1.ErrorTemporary))
	s.now = s.now.Add(time.Minute)
	g.Expect(s.turn()).To(Equal([]string{"hot/m1"}), "a turn that says nothing is over")
	g.Expect(s.try("hot", "m1", nil)).To(BeNil())
	g.Expect(s.reason("hot")).To(Equal(usherv1.ReasonMailReady))
	g.Expect(s.Verdict(accountIn("hot")).At).To(Equal(s.now), "later than the condition that says otherwise")
	g.Expect(s.admits(accountIn("hot"), "m3", s.now)).To(BeTrue())
	p, _ := s.Probed(platform)
	g.Expect(p.Unreported).To(BeTrue())
}

// While the sender is refused before the recipient is known, all namespaces take turns together.
func TestTheSenderIsTriedOnceForAll(t *testing.T) {
	g := NewWithT(t)
	s := newSender()
	s.try("hot", "m1", byPolicy)
	s.wait("hot", "m2")
	s.try("acme", "a1", atMail)
	s.wait("hot", "m3")
	s.wait("acme", "a1")
	s.now = s.now.Add(30 * time.Second)
	g.Expect(s.turn()).To(Equal([]string{"hot/m3"}))
	s.try("hot", "m3", byPolicy) // the sender is accepted
	g.Expect(s.reason("acme")).To(Equal(usherv1.ReasonMailReady))
	g.Expect(s.reason("hot")).To(Equal(usherv1.ReasonMailRefused))
}

func TestAChangedSecretEndsRefusals(t *testing.T) {
	g := NewWithT(t)
	s := newSender()
	s.try("hot", "m1", bySender)
	s.try("hot", "m1", atMail)
	s.Changed(platform)
	g.Expect(s.reason("hot")).To(Equal(usherv1.ReasonMailReady))
	s.try("hot", "m1", bySender)
	s.Forget(platform)
	g.Expect(s.guarded).To(BeEmpty())
}

// The failures of several mails that were under way together are one.
func TestTroubleIsCountedOnce(t *testing.T) {
	g := NewWithT(t)
	s := newSender()
	s.try("hot", "m1", tooMany)
	s.try("hot", "m2", tooMany)
	s.try("acme", "a1", hungUp)
	p, _ := s.Probed(platform)
	g.Expect(p.Refusals).To(Equal(1))
	g.Expect(p.Due()).To(Equal(s.now.Add(time.Minute)), "a minute after the last login")
}

// What the accounts report has neither an address nor a text of the server, and says what to do.
func TestRefusalVerdicts(t *testing.T) {
	g := NewWithT(t)
	s := newSender()
	for _, mail := range []string{"m1", "m2", "m3"} {
		s.try("hot", mail, unknown)
	}
	v := s.Verdict(accountIn("hot"))
	g.Expect(v.Reason).To(Equal(usherv1.ReasonMailRefused))
	for _, part := range []string{"Secret usher-system/usher-smtp", "550 5.1.1", "3 recipients in a row", "ask its administrator", "one mail at a time"} {
		g.Expect(v.Message).To(ContainSubstring(part))
	}
	g.Expect(strings.Contains(v.Message, "@")).To(BeFalse())
	g.Expect(s.Doubts(accountIn("hot"), &usherv1.SendError{Class: usherv1.ErrorPermanent, Code: "550 5.1.1", At: metav1.NewTime(s.now)})).To(BeTrue())
	g.Expect(s.Doubts(accountIn("acme"), &usherv1.SendError{Class: usherv1.ErrorPermanent, Code: "550 5.1.1", At: metav1.NewTime(s.now)})).To(BeFalse())
}

// How a refusal is recorded: one that may not be the recipient's is asked for once more.
func TestWhatARefusalIsRecordedAs(t *testing.T) {
	g := NewWithT(t)
	s := newSender()
	first := s.try("hot", "m1", unknown)
	g.Expect(*first).To(Equal(delivery.Failure{Class: usherv1.ErrorPermanent, Code: "550 5.1.1"}))
	second := s.try("hot", "m2", unknown)
	g.Expect(*second).To(Equal(delivery.Failure{Class: usherv1.ErrorPermanent, Code: "550 5.1.1", Provisional: true}))
	third := s.try("hot", "m3", unknown)
	g.Expect(*third).To(Equal(delivery.Failure{Class: usherv1.ErrorConfiguration, Code: "550 5.1.1"}))
	o := delivery.Conclude("uid", 3, second, s.now)
	g.Expect(o.Result).To(Equal(delivery.Retry))
	g.Expect(o.NextAttemptAt.Sub(s.now)).To(BeNumerically("~", time.Minute, 15*time.Second))
	g.Expect(o.LastError.Class).To(Equal(usherv1.ErrorPermanent))
}
