// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/plan"
)

func aMember(name string, state usherv1.ObservedState, edits ...func(*usherv1.Member)) usherv1.Member {
	m := usherv1.Member{ObjectMeta: metav1.ObjectMeta{Name: name}}
	m.Spec.Email = usherv1.EmailAddress(name + "@acme.example")
	m.Status.State, m.Status.Role = state, plan.MemberRole
	for _, e := range edits {
		e(&m)
	}
	return m
}

// admin returns an edit that makes a member an admin that became Active that long ago.
func admin(ago time.Duration) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Status.Role, m.Status.ActivatedAt = plan.AdminRole, later(-ago) }
}

func newAccount(edits ...func(*usherv1.Account)) *usherv1.Account {
	a := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme", Generation: 3}}
	a.Spec.State = usherv1.StateActive
	setAccessReady(conditions.Writer{List: &a.Status.Conditions, Generation: a.Generation, Now: now}, AccountObservation{Access: &AccessVerdict{}})
	for _, e := range edits {
		e(a)
	}
	return a
}

func TestSummarizeState(t *testing.T) {
	off := func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled }
	works, broken := &MailVerdict{Ready: true, Reason: "Ready", At: now}, &MailVerdict{Reason: "AuthFailed", Message: "535", At: now}
	someone := []usherv1.Member{aMember("ada", "Active")}
	tests := []struct {
		name    string
		account *usherv1.Account
		members []usherv1.Member
		mail    *MailVerdict
		state   usherv1.ObservedState
		reason  string
		outlook string
		ready   string
	}{
		{name: "no members", account: newAccount(), mail: works, state: "Pending", reason: "NoActiveMember", outlook: ready, ready: "UpToDate"},
		{
			name: "no Active member", account: newAccount(),
			members: []usherv1.Member{aMember("ada", "Pending"), aMember("bob", "Disabled"), aMember("new", "")}, mail: works, state: "Pending",
			reason: "NoActiveMember", outlook: ready, ready: "UpToDate",
		},
		{
			name: "an Active member", account: newAccount(), members: someone, mail: works, state: "Active", reason: "MemberActive", outlook: ready,
			ready: "UpToDate",
		},
		{
			name: "the account is disabled, its members are not yet", account: newAccount(off), members: someone, mail: works, state: "Disabled",
			reason: "DisabledBySpec", outlook: ready, ready: "UpToDate",
		},
		{
			name: "the mail server has not been probed yet", account: newAccount(), members: someone, state: "Active", reason: "MemberActive",
			outlook: reconciling, ready: "MailProbing",
		},
		{
			name: "the mail server does not work", account: newAccount(), members: someone, mail: broken, state: "Active", reason: "MemberActive",
			outlook: reconciling, ready: "AuthFailed",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := AccountObservation{Account: tt.account, Members: tt.members, Mail: tt.mail}
			before := tt.account.DeepCopy()
			s, _ := Summarize(o, now)
			g.Expect(tt.account).To(Equal(before), "the observation is unchanged")
			g.Expect(s.State).To(Equal(tt.state))
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(3))
			for _, kind := range []string{usherv1.ConditionPending, usherv1.ConditionActive, usherv1.ConditionDisabled} {
				c := meta.FindStatusCondition(s.Conditions, kind)
				g.Expect(c.Status == metav1.ConditionTrue).To(Equal(kind == string(tt.state)), kind)
				g.Expect(c.Reason).To(Equal(tt.reason))
			}
			c := meta.FindStatusCondition(s.Conditions, ready)
			g.Expect(c.Status == metav1.ConditionTrue).To(Equal(tt.outlook == ready))
			g.Expect(c.Reason).To(Equal(tt.ready))
			g.Expect(meta.IsStatusConditionTrue(s.Conditions, reconciling)).To(Equal(tt.outlook == reconciling))
			g.Expect(meta.FindStatusCondition(s.Conditions, stalled)).To(BeNil())
			c = meta.FindStatusCondition(s.Conditions, usherv1.ConditionMailReady)
			g.Expect(c != nil).To(Equal(tt.mail != nil))
			if c != nil {
				g.Expect(c.Status == metav1.ConditionTrue).To(Equal(tt.mail.Ready))
				g.Expect(c.Reason).To(Equal(tt.mail.Reason))
				g.Expect(c.Message).To(Equal(tt.mail.Message))
			}

			// Once the status is written, a second call changes nothing.
			o.Account = tt.account.DeepCopy()
			o.Account.Status = s
			later, _ := Summarize(o, now.Add(time.Second))
			g.Expect(equality.Semantic.DeepEqual(later, s)).To(BeTrue())
		})
	}
}

func TestMailReadyWithoutAVerdict(t *testing.T) {
	g := NewWithT(t)
	a := newAccount()
	a.Status, _ = Summarize(AccountObservation{Account: a, Mail: &MailVerdict{Reason: "AuthFailed", Message: "535", At: now}}, now)
	s, _ := Summarize(AccountObservation{Account: a}, now.Add(time.Minute))
	c := meta.FindStatusCondition(s.Conditions, usherv1.ConditionMailReady)
	g.Expect(c.Reason).To(Equal("AuthFailed"), "after a restart, until the first probe")
}

func TestMailReadyAfterAChangeOfDelivery(t *testing.T) {
	g := NewWithT(t)
	a := newAccount(func(a *usherv1.Account) { a.Spec.Mail = &usherv1.AccountMail{Delivery: usherv1.DeliveryLink} })
	byLink := &MailVerdict{Ready: true, Reason: usherv1.ReasonLinkDelivery, At: now}
	a.Status, _ = Summarize(AccountObservation{Account: a, Mail: byLink}, now)
	g.Expect(meta.IsStatusConditionTrue(a.Status.Conditions, ready)).To(BeTrue(), "no mail server is needed")
	a.Spec.Mail.Delivery = usherv1.DeliverySMTP
	s, _ := Summarize(AccountObservation{Account: a}, now.Add(time.Minute))
	g.Expect(meta.FindStatusCondition(s.Conditions, usherv1.ConditionMailReady)).To(BeNil(), "until the server is probed")
	g.Expect(meta.FindStatusCondition(s.Conditions, ready).Reason).To(Equal(usherv1.ReasonMailProbing))
}

func TestTemplatesReady(t *testing.T) {
	g := NewWithT(t)
	works := &MailVerdict{Ready: true, Reason: "Ready", At: now}
	a := newAccount()
	for _, step := range []struct {
		mail            *MailVerdict
		templates       *TemplatesVerdict
		outlook, reason string
	}{
		{works, &TemplatesVerdict{Reason: "TemplateInvalid", Message: "key x"}, stalled, "TemplateInvalid"},
		{&MailVerdict{Reason: "AuthFailed", At: now}, &TemplatesVerdict{Reason: "TemplateInvalid"}, reconciling, "AuthFailed"},
		{works, &TemplatesVerdict{Reason: "OwnServerRequired", Message: "the platform decides"}, ready, "OwnServerRequired"},
		{works, &TemplatesVerdict{Ready: true, Reason: "Ready"}, ready, "UpToDate"},
		{works, nil, ready, "UpToDate"},
	} {
		a.Status, _ = Summarize(AccountObservation{Account: a, Mail: step.mail, Templates: step.templates}, now)
		g.Expect(meta.IsStatusConditionTrue(a.Status.Conditions, step.outlook)).To(BeTrue())
		g.Expect(meta.FindStatusCondition(a.Status.Conditions, ready).Reason).To(Equal(step.reason))
		c := meta.FindStatusCondition(a.Status.Conditions, usherv1.ConditionTemplatesReady)
		g.Expect(c != nil).To(Equal(step.templates != nil), "the condition exists only while templatesRef is set")
		if c != nil {
			g.Expect(c.Status == metav1.ConditionTrue).To(Equal(step.templates.Ready))
			g.Expect(c.Message).To(Equal(step.templates.Message))
		}
	}
}

// If the templates cannot be read, TemplatesReady stays as it is.
func TestTemplatesReadyIfTheTemplatesCannotBeRead(t *testing.T) {
	g := NewWithT(t)
	a := newAccount()
	works := &MailVerdict{Ready: true, Reason: "Ready", At: now}
	a.Status, _ = Summarize(AccountObservation{Account: a, Mail: works, Templates: &TemplatesVerdict{Reason: "TemplateInvalid", Message: "key x"}}, now)
	s, _ := Summarize(AccountObservation{Account: a, Mail: works, TemplatesUnknown: true, Members: []usherv1.Member{aMember("ada", "Active")}}, now)
	g.Expect(s.Conditions).To(ContainElement(*meta.FindStatusCondition(a.Status.Conditions, usherv1.ConditionTemplatesReady)))
	g.Expect(meta.FindStatusCondition(s.Conditions, ready).Reason).To(Equal("TemplateInvalid"))
	g.Expect(s.Members.Active).To(BeEquivalentTo(1), "the rest of the status is updated")
}

func TestAccessReady(t *testing.T) {
	works := &MailVerdict{Ready: true, Reason: "Ready", At: now}
	tests := []struct {
		reason, outlook, ready string
		mail                   *MailVerdict
	}{
		{"", ready, "UpToDate", works},
		{"BindForbidden", ready, "BindForbidden", works},
		{"BindForbidden", reconciling, "AuthFailed", &MailVerdict{Reason: "AuthFailed", At: now}},
		{"NameTaken", stalled, "NameTaken", works},
	}
	for _, tt := range tests {
		g := NewWithT(t)
		a := newAccount()
		s, _ := Summarize(AccountObservation{Account: a, Mail: tt.mail, Access: &AccessVerdict{Reason: tt.reason, Message: "so"}}, now)
		c := meta.FindStatusCondition(s.Conditions, usherv1.ConditionAccessReady)
		g.Expect(c.Status == metav1.ConditionTrue).To(Equal(tt.reason == ""))
		for _, kind := range []string{ready, reconciling, stalled} {
			g.Expect(meta.IsStatusConditionTrue(s.Conditions, kind)).To(Equal(kind == tt.outlook), "%s %s", tt.ready, kind)
		}
		g.Expect(meta.FindStatusCondition(s.Conditions, usherv1.ConditionReady).Reason).To(Equal(tt.ready))
	}
}

// If the access could not be written, AccessReady stays as it is, and the rest of the status is updated.
func TestAccessReadyWithoutAVerdict(t *testing.T) {
	works := &MailVerdict{Ready: true, Reason: "Ready", At: now}
	members := []usherv1.Member{aMember("ada", "Active")}
	g := NewWithT(t)
	never := newAccount(func(a *usherv1.Account) { a.Status.Conditions = nil })
	s, _ := Summarize(AccountObservation{Account: never, Mail: works, Members: members}, now)
	g.Expect(meta.FindStatusCondition(s.Conditions, ready).Reason).To(Equal(usherv1.ReasonAccessPending))
	g.Expect(meta.IsStatusConditionTrue(s.Conditions, reconciling)).To(BeTrue())
	g.Expect(meta.FindStatusCondition(s.Conditions, usherv1.ConditionAccessReady)).To(BeNil())
	g.Expect(s.Members.Active).To(BeEquivalentTo(1))

	before := newAccount()
	s, _ = Summarize(AccountObservation{Account: before, Mail: works, Members: members}, now.Add(time.Minute))
	g.Expect(s.Conditions).To(ContainElement(*meta.FindStatusCondition(before.Status.Conditions, usherv1.ConditionAccessReady)))
	g.Expect(s.Members.Active).To(BeEquivalentTo(1))
}

func TestSummarizeCounts(t *testing.T) {
	g := NewWithT(t)
	counted := func(name string, capacity, assigned, reserved, available int32, edits ...func(*usherv1.SeatPool)) usherv1.SeatPool {
		p := aPool(name, edits...)
		p.Status.Capacity, p.Status.Assigned, p.Status.Reserved, p.Status.Available = &capacity, &assigned, &reserved, &available
		return p
	}
	s, _ := Summarize(AccountObservation{
		Account: newAccount(),
		Members: []usherv1.Member{aMember("a", "Active"), aMember("b", "Active"), aMember("c", "Disabled"), aMember("d", "Pending"), aMember("e", ""), leaver("f", 0)},
		Pools: []usherv1.SeatPool{
			counted("base", 10, 2, 1, 7), counted("more", 3, 0, 0, 3), counted("pipes", 99, 9, 9, 9, addOn("pipelines")),
			aPool("new", notReconciled),
		},
	}, now)
	g.Expect(s.Members).To(Equal(&usherv1.MemberCounts{Total: 6, Active: 2, Disabled: 1, Pending: 3}))
	g.Expect(s.Seats).To(Equal(&usherv1.SeatCounts{Capacity: 13, Assigned: 2, Reserved: 1, Available: 10}), "base pools only")
	g.Expect(s.SeatsSummary).To(Equal("2/13"))
	g.Expect(namesOf(s.FormerMembers)).To(Equal([]string{"f"}))
}

func TestOwner(t *testing.T) {
	of := func(name string) *usherv1.AccountOwner {
		return &usherv1.AccountOwner{Name: name, Email: name + "@acme.example"}
	}
	gone := func(m *usherv1.Member) { m.DeletionTimestamp = later(0) }
	first := func(m *usherv1.Member) { m.Annotations = map[string]string{usherv1.FirstMemberAnnotation: "true"} }
	acceptedSince := func(ago time.Duration) func(*usherv1.Member) {
		return func(m *usherv1.Member) { m.Status.AcceptedAt = later(-ago) }
	}
	working := func(m *usherv1.Member) {
		meta.SetStatusCondition(&m.Status.Conditions, metav1.Condition{Type: usherv1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: usherv1.ReasonSeatUnavailable})
	}
	tests := []struct {
		name    string
		present *usherv1.AccountOwner
		members []usherv1.Member
		want    *usherv1.AccountOwner
	}{
		{name: "no members"},
		{name: "no admin", members: []usherv1.Member{aMember("ada", "Active")}},
		{name: "an admin who is not Active", members: []usherv1.Member{aMember("ada", "Pending", admin(time.Hour))}},
		{name: "the only admin", members: []usherv1.Member{aMember("bob", "Active"), aMember("ada", "Active", admin(time.Hour))}, want: of("ada")},
		{name: "the first to become Active", members: []usherv1.Member{aMember("ada", "Active", admin(time.Hour)), aMember("bob", "Active", admin(2*time.Hour))}, want: of("bob")},
		{name: "at the same second, the lower name", members: []usherv1.Member{aMember("bob", "Active", admin(time.Hour)), aMember("ada", "Active", admin(time.Hour))}, want: of("ada")},
		{name: "the first member, if several are Active at once", members: []usherv1.Member{aMember("ada", "Active", admin(time.Hour)), aMember("bob", "Active", admin(time.Hour), first)}, want: of("bob")},
		{name: "the first to accept, if several are Active at once", members: []usherv1.Member{aMember("ada", "Active", admin(time.Hour), acceptedSince(time.Hour)), aMember("bob", "Active", admin(time.Hour), acceptedSince(2*time.Hour))}, want: of("bob")},
		{name: "none while the state of a member is not known yet", members: []usherv1.Member{aMember("ada", "Active", admin(time.Hour)), aMember("bob", "")}},
		{name: "the state of a member that is being deleted does not matter", members: []usherv1.Member{aMember("ada", "Active", admin(time.Hour)), aMember("bob", "", gone)}, want: of("ada")},
		{name: "none while one that has accepted is about to become Active", members: []usherv1.Member{aMember("ada", "Active", admin(time.Hour)), aMember("bob", "Pending", acceptedSince(2*time.Hour), working)}},
		{name: "the Active one while another that has accepted waits for a seat", members: []usherv1.Member{aMember("ada", "Active", admin(time.Hour)), aMember("bob", "Pending", acceptedSince(2*time.Hour))}, want: of("ada")},
		{name: "stays while the state of another is not known", present: of("ada"), members: []usherv1.Member{aMember("bob", ""), aMember("ada", "Active", admin(time.Hour))}, want: of("ada")},
		{name: "stays, even if another was created first", present: of("ada"), members: []usherv1.Member{aMember("bob", "Active", admin(2*time.Hour)), aMember("ada", "Active", admin(time.Hour))}, want: of("ada")},
		{name: "stays while disabled", present: of("ada"), members: []usherv1.Member{aMember("ada", "Disabled"), aMember("bob", "Active", admin(time.Hour))}, want: of("ada")},
		{
			name: "gets a new address", present: of("ada"),
			members: []usherv1.Member{aMember("ada", "Active", func(m *usherv1.Member) { m.Spec.Email = "king@acme.example" })},
			want:    &usherv1.AccountOwner{Name: "ada", Email: "king@acme.example"},
		},
		{
			name: "is succeeded when deleted", present: of("ada"), members: []usherv1.Member{aMember("bob", "Active", admin(time.Hour))},
			want: of("bob"),
		},
		{
			name: "is succeeded while being deleted", present: of("ada"),
			members: []usherv1.Member{aMember("ada", "Disabled", admin(time.Hour), gone), aMember("bob", "Active", admin(time.Hour))},
			want:    of("bob"),
		},
		{name: "has no successor", present: of("ada")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAccount(func(a *usherv1.Account) { a.Status.Owner = tt.present })
			s, _ := Summarize(AccountObservation{Account: a, Members: tt.members}, now)
			NewWithT(t).Expect(s.Owner).To(Equal(tt.want))
		})
	}
}

// Two operators whose probes differ must not overwrite each other forever: the latest probe counts.
func TestOutdatedMailVerdict(t *testing.T) {
	g := NewWithT(t)
	a := newAccount()
	older := MailVerdict{Ready: true, Reason: "Ready", At: now.Add(-time.Minute)}
	newer := MailVerdict{Reason: "ServerUnreachable", Message: "no answer", At: now}
	g.Expect(older.Outdated(a, now)).To(BeFalse(), "no verdict yet")
	a.Status, _ = Summarize(AccountObservation{Account: a, Mail: &newer}, now)

	g.Expect(older.Outdated(a, now)).To(BeTrue())
	after, _ := Summarize(AccountObservation{Account: a, Mail: &older}, now.Add(time.Second))
	g.Expect(equality.Semantic.DeepEqual(after, a.Status)).To(BeTrue(), "nothing is written")

	again := MailVerdict{Ready: true, Reason: "Ready", At: now.Add(time.Minute)}
	g.Expect(again.Outdated(a, now)).To(BeFalse())
	after, _ = Summarize(AccountObservation{Account: a, Mail: &again}, now.Add(time.Minute))
	g.Expect(meta.IsStatusConditionTrue(after.Conditions, usherv1.ConditionMailReady)).To(BeTrue())

	a.Generation++
	g.Expect(older.Outdated(a, now)).To(BeFalse(), "the condition is about an earlier spec, which may name another server")
}

// If an account loses its last Active admin in spite of the admission checks, NoAdmin is True until it has one again.
func TestNoAdmin(t *testing.T) {
	g := NewWithT(t)
	admin := func(state usherv1.ObservedState) usherv1.Member {
		m := usherv1.Member{Status: usherv1.MemberStatus{State: state, Role: "admin", ActivatedAt: later(-time.Hour)}}
		m.Name = "ada"
		return m
	}
	o := AccountObservation{Account: observed().Account}
	noAdmin := func(members ...usherv1.Member) bool {
		o.Members = members
		o.Account = o.Account.DeepCopy()
		o.Account.Status, _ = Summarize(o, now)
		return meta.IsStatusConditionTrue(o.Account.Status.Conditions, usherv1.ConditionNoAdmin)
	}
	g.Expect(noAdmin()).To(BeFalse(), "the account has never had an admin")
	g.Expect(noAdmin(admin(usherv1.ObservedActive))).To(BeFalse())
	g.Expect(noAdmin(admin(usherv1.ObservedDisabled))).To(BeTrue())
	g.Expect(meta.IsStatusConditionTrue(o.Account.Status.Conditions, ready)).To(BeFalse(), "someone has to appoint an admin")
	g.Expect(meta.FindStatusCondition(o.Account.Status.Conditions, stalled).Reason).To(Equal(usherv1.ReasonLastAdminLost))
	g.Expect(noAdmin()).To(BeTrue(), "also after the admin was deleted")
	g.Expect(noAdmin(admin(usherv1.ObservedActive))).To(BeFalse())
	o.Account.Status = usherv1.AccountStatus{}
	g.Expect(noAdmin(admin(usherv1.ObservedDisabled))).To(BeTrue(), "the account lost its status")
	o.Account.Spec.PlanRef = &usherv1.PlanReference{Name: "lost"}
	g.Expect(noAdmin(admin(usherv1.ObservedActive))).To(BeTrue(), "without the plan, the admins are unknown")
	o.Account.Spec.PlanRef = nil
	g.Expect(noAdmin(admin(usherv1.ObservedActive))).To(BeFalse())
	o.Account.Spec.PlanRef = &usherv1.PlanReference{Name: "old"}
	g.Expect(noAdmin()).To(BeFalse(), "the admin was deleted while a cache does not have the plan")
	o.Account.Spec.PlanRef = nil
	g.Expect(noAdmin()).To(BeTrue(), "the plan is back")
	o.Account.Spec.State = usherv1.StateDisabled
	g.Expect(noAdmin(admin(usherv1.ObservedDisabled))).To(BeFalse(), "all are disabled on purpose")
}
