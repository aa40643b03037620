// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/delivery"
)

const wanted = "lovelace@acme.example"

// changing makes the Member one that is about to change its address: its status says so.
func changing(edits ...func(*usherv1.EmailChange)) edit {
	return func(o *Observation) {
		marksEmail(o)
		readdressed(o)
		o.Member.Status.Email = adaEmail
		o.Member.Status.EmailChange = &usherv1.EmailChange{Email: wanted, RequestedAt: *later(-time.Minute)}
		for _, e := range edits {
			e(o.Member.Status.EmailChange)
		}
	}
}

func byLink(o *Observation) {
	o.Account.Spec.Mail = &usherv1.AccountMail{Delivery: usherv1.DeliveryLink}
}

func expires(in time.Duration) func(*usherv1.EmailChange) {
	return func(c *usherv1.EmailChange) { c.ExpiresAt = later(in) }
}

func mailed(to usherv1.EmailChangeRecipient, edits ...func(*usherv1.EmailChangeMail)) func(*usherv1.EmailChange) {
	return func(c *usherv1.EmailChange) {
		m := usherv1.EmailChangeMail{To: to, State: usherv1.EndNoticeSent, Attempts: 1, MessageID: "id"}
		for _, e := range edits {
			e(&m)
		}
		c.Mails = append(c.Mails, m)
	}
}

// acceptedAt gives the Member the credentials of one that accepted at an address.
func acceptedAt(address string) edit {
	return func(o *Observation) { o.Credentials.Email = address }
}

func TestEmailInUse(t *testing.T) {
	for name, tt := range map[string]struct {
		edits   []edit
		inUse   string
		change  string // address that status.emailChange is about
		marks   bool
		reason  string // of the condition EmailChange
		message string
		wake    time.Duration
	}{
		"invited":                          {inUse: adaEmail},
		"invited, and the address changes": {edits: []edit{readdressed}, inUse: wanted},
		"accepted":                         {edits: []edit{active}, inUse: adaEmail},
		"accepted, another spelling":       {edits: []edit{active, func(o *Observation) { o.Member.Spec.Email = "ADA@acme.example" }}, inUse: "ADA@acme.example"},
		"the address changes": {
			edits: []edit{active, readdressed}, inUse: adaEmail, change: wanted, marks: true, reason: "AwaitingConfirmation", message: "on its way",
		},
		"the link was mailed": {
			edits: []edit{active, changing(expires(time.Hour))}, inUse: adaEmail, change: wanted, reason: "AwaitingConfirmation",
			message: "mailed to spec.email works until", wake: time.Hour,
		},
		"delivery by link": {
			edits: []edit{active, changing(expires(time.Hour)), byLink}, inUse: adaEmail, change: wanted, reason: "AwaitingConfirmation",
			message: "The link that confirms spec.email works until", wake: time.Hour,
		},
		"the link has expired": {
			edits: []edit{active, changing(expires(0))}, inUse: adaEmail, change: wanted, reason: "ConfirmationExpired",
			message: "set spec.email to status.email, and then to the new address again",
		},
		"the mail is refused": {
			edits: []edit{active, changing(mailed(usherv1.MailToNewAddress, ended(usherv1.EndNoticeFailed, "550 5.1.1")))}, inUse: adaEmail,
			change: wanted, reason: "MailRejected", message: "(550 5.1.1)",
		},
		"the mail is delayed": {
			edits: []edit{active, changing(mailed(usherv1.MailToNewAddress, ended(usherv1.EndNoticePending, "451 4.7.1")))}, inUse: adaEmail,
			change: wanted, reason: "AwaitingConfirmation", message: "(451 4.7.1); trying again",
		},
		"disabled": {
			edits: []edit{active, changing(), disabled}, inUse: adaEmail, change: wanted, reason: "AwaitingConfirmation", message: "not disabled",
		},
		"another member has the address": {
			edits: []edit{active, changing(), holder}, inUse: adaEmail, reason: "DuplicateEmail", message: "Member bob",
		},
		"an address that no mail can go to": {
			edits: []edit{active, readdressed, func(o *Observation) { o.Member.Spec.Email = "ada@a..b" }}, inUse: adaEmail, marks: true,
			reason: "MailRejected", message: "No mail can go to spec.email",
		},
		"another address is wanted": {
			edits: []edit{active, changing(expires(time.Hour)), func(o *Observation) { o.Member.Spec.Email = "king@acme.example" }}, inUse: adaEmail,
			change: "king@acme.example", reason: "AwaitingConfirmation", message: "on its way",
		},
		"taken back": {
			edits: []edit{active, changing(expires(time.Hour)), func(o *Observation) { o.Member.Spec.Email = adaEmail }}, inUse: adaEmail, marks: true,
		},
		"confirmed": {edits: []edit{active, changing(expires(time.Hour)), acceptedAt(wanted)}, inUse: wanted, marks: true},
		"confirmed, and another is wanted": {
			edits: []edit{active, changing(expires(time.Hour)), acceptedAt(wanted), func(o *Observation) { o.Member.Spec.Email = "king@acme.example" }},
			inUse: wanted, change: "king@acme.example", marks: true, reason: "AwaitingConfirmation", message: "on its way",
		},
		"no invitation is needed": {edits: []edit{active, immediate, readdressed}, inUse: adaEmail},
		"only the metadata was read": {
			edits: []edit{active, changing(expires(time.Hour)), func(o *Observation) { o.Credentials.Recorded = true }}, inUse: adaEmail, change: wanted,
			reason: "AwaitingConfirmation", message: "works until", wake: time.Hour,
		},
		"signatures cannot be checked": {
			edits: []edit{active, changing(), acceptedAt("eve@acme.example"), func(o *Observation) { o.Credentials.Signature = creds.Unchecked }},
			inUse: adaEmail, change: wanted, reason: "AwaitingConfirmation", message: "on its way",
		},
		"lost its status": {
			edits: []edit{active, changing(), func(o *Observation) { o.Member.Status = usherv1.MemberStatus{ObservedGeneration: -1} }}, inUse: adaEmail,
			change: wanted, reason: "AwaitingConfirmation", message: "on its way",
		},
		"being deleted": {edits: []edit{active, changing(), deleting}, inUse: adaEmail},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(tt.edits...)
			d := Decide(o, now)
			g.Expect(d.Status.Email).To(Equal(tt.inUse))
			if tt.change == "" {
				g.Expect(d.Status.EmailChange).To(BeNil())
			} else {
				g.Expect(d.Status.EmailChange).NotTo(BeNil())
				g.Expect(d.Status.EmailChange.Email).To(Equal(tt.change))
			}
			g.Expect(d.MarkEmail).To(Equal(tt.marks), "MarkEmail")
			c := meta.FindStatusCondition(d.Status.Conditions, usherv1.ConditionEmailChange)
			if tt.reason == "" {
				g.Expect(c).To(BeNil())
				return
			}
			g.Expect(c).NotTo(BeNil())
			g.Expect(c.Reason).To(Equal(tt.reason))
			g.Expect(c.Message).To(ContainSubstring(tt.message))
			g.Expect(string(c.Status)).To(Equal("False"))
			g.Expect(meta.FindStatusCondition(d.Status.Conditions, ready).Message).To(ContainSubstring("see condition EmailChange"))
			if tt.wake > 0 {
				g.Expect(d.Wake).To(Equal(now.Add(tt.wake)))
			}
		})
	}
}

// A change that begins anew has a time of its own, so that links for the one before do not confirm it.
func TestAChangeBeginsAnew(t *testing.T) {
	g := NewWithT(t)
	o := observed(active, changing(expires(time.Hour), mailed(usherv1.MailToNewAddress)))
	kept := Decide(o, now).Status.EmailChange
	g.Expect(kept).To(Equal(o.Member.Status.EmailChange))
	o.Member.Spec.Email = "king@acme.example"
	anew := Decide(o, now).Status.EmailChange
	g.Expect(anew).To(Equal(&usherv1.EmailChange{Email: "king@acme.example", RequestedAt: *later(0)}))
}

// A member keeps the address that it has: others come after it, and a wanted address keeps no one away.
func TestPrecedesByTheAddressInUse(t *testing.T) {
	g := NewWithT(t)
	ada := observed(active, changing()).Member
	bob := observed().Member
	bob.Name, bob.UID = "bob", "uid-bob"
	g.Expect(Precedes(ada, bob)).To(BeTrue(), "bob is to be invited at ada's address in use")
	g.Expect(Holds(bob, ada)).To(BeFalse())
	bob.Spec.Email = wanted
	g.Expect(Precedes(ada, bob)).To(BeFalse(), "ada only wants it")
	g.Expect(Precedes(bob, ada)).To(BeFalse())
	g.Expect(Holds(bob, ada)).To(BeTrue())
	for name, e := range map[string]func(*usherv1.Member){
		"going":                  func(m *usherv1.Member) { m.DeletionTimestamp = later(0) },
		"of another account":     func(m *usherv1.Member) { m.Spec.AccountRef.Name = "globex" },
		"of another namespace":   func(m *usherv1.Member) { m.Namespace = "globex" },
		"wants it only, as well": func(m *usherv1.Member) { m.Status.AcceptedAt, m.Status.Email = later(0), "bob@acme.example" },
		"itself":                 func(m *usherv1.Member) { m.UID = ada.UID },
	} {
		other := bob.DeepCopy()
		e(other)
		g.Expect(Holds(other, ada)).To(BeFalse(), name)
	}
}

func ended(state usherv1.EndNoticeState, code string) func(*usherv1.EmailChangeMail) {
	return func(m *usherv1.EmailChangeMail) {
		m.State, m.LastError = state, &usherv1.SendError{Class: usherv1.ErrorTemporary, Code: code}
	}
}

func due(state usherv1.EndNoticeState, in time.Duration, attempts int32) func(*usherv1.EmailChangeMail) {
	return func(m *usherv1.EmailChangeMail) { m.State, m.NextAttemptAt, m.Attempts = state, later(in), attempts }
}

func TestDecideEmailChange(t *testing.T) {
	const former, newAddress = usherv1.MailToFormerAddress, usherv1.MailToNewAddress
	for name, tt := range map[string]struct {
		edits  []edit
		turn   []usherv1.EmailChangeRecipient
		lost   bool
		send   usherv1.EmailChangeRecipient
		awaits usherv1.EmailChangeRecipient
		// expires is when the link expires that the decision made, or that expires at another time than it says.
		expires time.Duration
		wake    time.Duration
	}{
		"no change":                        {edits: []edit{active}},
		"it has begun":                     {edits: []edit{changing()}, send: former},
		"the former address is told":       {edits: []edit{changing(mailed(former))}, send: newAddress},
		"the former address is gone":       {edits: []edit{changing(mailed(former, ended(usherv1.EndNoticeFailed, "550")))}, send: newAddress},
		"the former address is being told": {edits: []edit{changing(mailed(former, due(usherv1.EndNoticeSending, 20*time.Second, 1)))}, wake: 20 * time.Second},
		"the sender of the notice is gone": {edits: []edit{changing(mailed(former, due(usherv1.EndNoticeSending, 0, 1)))}, send: former},
		"the former address was not told yet": {
			edits: []edit{changing(mailed(former, due(usherv1.EndNoticePending, time.Minute, 2)))}, wake: time.Minute,
		},
		"the former address could not be told": {
			edits: []edit{changing(mailed(former, due(usherv1.EndNoticePending, time.Minute, formerTries)))}, send: newAddress, wake: time.Minute,
		},
		"both are told":               {edits: []edit{changing(mailed(former), mailed(newAddress), expires(time.Hour))}},
		"the link is delayed":         {edits: []edit{changing(mailed(former), mailed(newAddress, due(usherv1.EndNoticePending, time.Minute, 1)))}, wake: time.Minute},
		"the link is due again":       {edits: []edit{changing(mailed(former), mailed(newAddress, due(usherv1.EndNoticePending, 0, 1)))}, send: newAddress},
		"the link has expired":        {edits: []edit{changing(expires(0))}},
		"the key of the link is lost": {edits: []edit{changing(mailed(former), mailed(newAddress), expires(time.Hour))}, lost: true, send: newAddress},
		"sent by a clock that was a year ahead": {
			edits: []edit{changing(mailed(former), mailed(newAddress), expires(365*24*time.Hour))}, expires: usherv1.DefaultTTL,
		},
		"no mail server":                   {edits: []edit{changing(), mailDown}, awaits: former},
		"no mail server, its turn":         {edits: []edit{changing(), mailDown}, turn: []usherv1.EmailChangeRecipient{former}, send: former},
		"another address is wanted by now": {edits: []edit{changing(), func(o *Observation) { o.Member.Spec.Email = "king@acme.example" }}},
		"disabled":                         {edits: []edit{changing(), disabled}},
		"access has ended":                 {edits: []edit{changing(), endsIn(0)}},
		"the account is disabled":          {edits: []edit{changing(), accountDisabled}},
		"the account is going":             {edits: []edit{changing(), accountDeleting}},
		"no account":                       {edits: []edit{changing(), noAccount}},
		"being deleted":                    {edits: []edit{changing(), deleting}},
		"delivery by link":                 {edits: []edit{changing(), byLink}, expires: usherv1.DefaultTTL},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			seen := observed(append([]edit{active}, tt.edits...)...)
			o := EmailChangeObservation{Member: seen.Member, Account: seen.Account, Turn: tt.turn, KeyID: "key", KeyLost: tt.lost}
			before := o.Member.DeepCopy()
			p := DecideEmailChange(o, now)
			g.Expect(o.Member).To(Equal(before), "the observation was not changed")
			g.Expect(p.Send).To(Equal(tt.send))
			g.Expect(p.AwaitsTurn).To(Equal(tt.awaits))
			if tt.wake > 0 {
				g.Expect(p.Wake).To(Equal(now.Add(tt.wake)))
			} else {
				g.Expect(p.Wake).To(BeZero())
			}
			g.Expect(p.NeedsLiveReads()).To(Equal(tt.send != "" || tt.expires > 0))
			if tt.expires > 0 {
				g.Expect(p.Change.ExpiresAt.Time).To(Equal(now.Add(tt.expires)))
			}
			if tt.send == "" {
				return
			}
			claim := &usherv1.Member{Status: usherv1.MemberStatus{EmailChange: p.Change}}
			a := ChangeMailAttempt(claim, tt.send)
			g.Expect(a.Open).To(BeTrue())
			g.Expect(a.LeaseEnd).To(Equal(now.Add(delivery.SendLease)))
		})
	}
}

func TestConcludeChangeMail(t *testing.T) {
	g := NewWithT(t)
	m := observed(active, changing(mailed(usherv1.MailToFormerAddress, due(usherv1.EndNoticeSending, 0, 1)))).Member
	claim := ChangeMailAttempt(m, usherv1.MailToFormerAddress)
	ExtendChangeMail(m, usherv1.MailToFormerAddress, now.Add(time.Minute))
	g.Expect(ChangeMailAttempt(m, usherv1.MailToFormerAddress).LeaseEnd).To(Equal(now.Add(time.Minute)))
	g.Expect(ChangeMailAttempt(m, usherv1.MailToFormerAddress).Continues(claim)).To(BeTrue())
	ConcludeChangeMail(m, usherv1.MailToFormerAddress, nil, now, time.Hour)
	g.Expect(m.Status.EmailChange.ExpiresAt).To(BeNil(), "only the link expires")
	g.Expect(ChangeMail(m, usherv1.MailToFormerAddress).State).To(Equal(usherv1.EndNoticeSent))

	changing(mailed(usherv1.MailToNewAddress, due(usherv1.EndNoticeSending, 0, 1)))(&Observation{Member: m})
	claim = ChangeMailAttempt(m, usherv1.MailToNewAddress)
	anew := m.DeepCopy()
	anew.Status.EmailChange.RequestedAt = *later(0)
	g.Expect(ChangeMailAttempt(anew, usherv1.MailToNewAddress).Continues(claim)).To(BeFalse(), "another change ends the attempt")
	failed := m.DeepCopy()
	ConcludeChangeMail(failed, usherv1.MailToNewAddress, &delivery.Failure{Class: usherv1.ErrorPermanent, Code: "550 5.1.1"}, now, time.Hour)
	g.Expect(failed.Status.EmailChange.ExpiresAt).To(BeNil())
	g.Expect(ChangeMail(failed, usherv1.MailToNewAddress).State).To(Equal(usherv1.EndNoticeFailed))
	ConcludeChangeMail(m, usherv1.MailToNewAddress, nil, now, time.Hour)
	g.Expect(m.Status.EmailChange.ExpiresAt.Time).To(Equal(now.Add(time.Hour)))
	g.Expect(ChangeMailAttempt(&usherv1.Member{}, usherv1.MailToNewAddress).Open).To(BeFalse())
}
