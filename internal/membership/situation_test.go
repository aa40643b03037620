// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reason"
)

// situation is one account with everything that belongs to it. The controllers act on it in turn, each on the latest state.
type situation struct {
	account     *usherv1.Account
	plan        *usherv1.Plan
	members     []*usherv1.Member
	pools       []*usherv1.SeatPool
	invitations map[string]*usherv1.Invitation // by the Member's name
	credentials map[string]*Credentials        // by the Member's name
	mail        *MailVerdict
	// server is the mail server's reply to every mail; nil means that it accepts them.
	server *delivery.Failure
	// decide is Decide, or a broken one.
	decide func(Observation, time.Time) Decision
	order  []int
	// poolClock is the SeatPool controller's time: it may run on a machine whose clock is slow.
	poolClock time.Time
	writes    []string
}

// anySituation draws any account with any states, reasons and seats, whether or not Usher would have written them.
func anySituation(t *rapid.T) *situation {
	chance := func(name string) bool { return rapid.IntRange(0, 4).Draw(t, name) == 0 }
	s := &situation{invitations: map[string]*usherv1.Invitation{}, credentials: map[string]*Credentials{}, decide: Decide}
	s.drawAccount(t, chance)
	for _, name := range []string{"base", "other", "pipes"} {
		if name == "base" && !chance("no base") || name != "base" && chance(name) {
			s.drawPool(t, chance, name)
		}
	}
	for _, name := range []string{"ada", "bob"} {
		s.drawMember(t, chance, name)
	}
	s.server = rapid.SampledFrom([]*delivery.Failure{
		nil, nil, nil, {Class: usherv1.ErrorTemporary, Code: "451"}, {Class: usherv1.ErrorPermanent, Code: "550"},
		{Class: usherv1.ErrorConfiguration, Code: "535"},
	}).Draw(t, "the mail server answers")
	s.poolClock = now
	if chance("slow clock") {
		s.poolClock = now.Add(-2 * time.Hour)
	}
	s.order = rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "order")
	return s
}

func (s *situation) drawAccount(t *rapid.T, chance func(string) bool) {
	if chance("no account") && chance("really") {
		return
	}
	s.account = observed().Account
	s.account.UID = "uid-acme"
	s.account.Status.Conditions = nil
	if chance("account disabled") {
		s.account.Spec.State = usherv1.StateDisabled
	}
	if chance("account going") && chance("really") {
		s.account.DeletionTimestamp = later(0)
	}
	if chance("links") {
		s.account.Spec.Mail = &usherv1.AccountMail{Delivery: usherv1.DeliveryLink}
	}
	s.account.Spec.Invitations.Reminders = []usherv1.Lead{"72h"}
	verdict := rapid.SampledFrom([]*MailVerdict{
		{Ready: true, Reason: usherv1.ReasonMailReady}, {Ready: true, Reason: usherv1.ReasonMailReady}, {Reason: usherv1.ReasonAuthFailed, Message: "refused"}, nil,
	}).Draw(t, "mail")
	if verdict != nil && s.account.DeliversByLink() {
		verdict = &MailVerdict{Ready: true, Reason: usherv1.ReasonLinkDelivery}
	}
	if verdict != nil {
		known := *verdict
		known.At = now
		s.mail = &known
	}
	if rapid.Bool().Draw(t, "on a plan") {
		s.account.Spec.PlanRef = &usherv1.PlanReference{Name: "starter"}
		if !chance("no plan") {
			included := int32(rapid.IntRange(0, 2).Draw(t, "included"))
			s.plan = aPlan(func(p *usherv1.PlanSpec) { p.IncludedSeats = &included })
		}
	}
}

func (s *situation) drawPool(t *rapid.T, chance func(string) bool, name string) {
	p := aPool(name)
	seats := int32(rapid.IntRange(0, 2).Draw(t, "seats"))
	p.Spec.Seats = &seats
	if name == "pipes" {
		p.Spec.AddOn = "pipelines"
	}
	if chance("on acceptance") {
		onAcceptance(&p)
	}
	if chance("terminating") && chance("really") {
		terminating(&p)
		if chance("allowed") {
			allowed(&p)
		}
	}
	p.Status.ObservedGeneration = rapid.SampledFrom([]int64{-1, 1, 1}).Draw(t, "observedGeneration")
	p.Status.Claims = map[string]int64{}
	for _, uid := range []string{"uid-ada", "uid-bob", "uid-gone"} {
		if claim := rapid.Int64Range(-3, 6).Draw(t, "claim"); claim > 0 {
			p.Status.Claims[uid] = claim
			p.Status.LastGrant = max(p.Status.LastGrant, claim)
		}
	}
	s.pools = append(s.pools, &p)
}

func (s *situation) drawMember(t *rapid.T, chance func(string) bool, name string) {
	o := observed()
	m := o.Member
	m.Name, m.UID = name, types.UID("uid-"+name)
	m.Spec.Email = usherv1.EmailAddress(name + "@acme.example")
	if chance("same address") {
		m.Spec.Email = adaEmail
	}
	m.Spec.Role = rapid.SampledFrom([]string{"", "", "admin", "boss"}).Draw(t, "role")
	for _, fact := range []struct {
		name string
		edit edit
	}{
		{"disabled", disabled}, {"immediate", immediate}, {"ended", endsIn(-time.Hour)}, {"ends", endsIn(time.Hour)}, {"deleting", deleting},
	} {
		if chance(fact.name) && (fact.name != "deleting" || chance("really")) {
			fact.edit(&o)
		}
	}
	for _, ref := range []string{"base", "other", "pipes", "nowhere"} {
		if chance("ref " + ref) {
			m.Spec.SeatPoolRefs = append(m.Spec.SeatPoolRefs, usherv1.SeatPoolReference{Name: ref})
		}
	}
	s.drawStatus(t, chance, m)
	if rapid.Bool().Draw(t, "invited") {
		s.drawInvitation(t, chance, &o)
	}
	if chance("credentials") {
		s.credentials[name] = &Credentials{
			MemberUID: string(m.UID), Email: string(m.Spec.Email), AcceptedAt: *later(-time.Hour), Foreign: chance("foreign"),
			Signature: anySignature.Draw(t, "signature"), HasPassword: chance("password"), Immutable: chance("immutable"),
		}
		if chance("the address changes") {
			s.drawEmailChange(t, chance, m)
		}
	}
	s.members = append(s.members, m)
}

// drawEmailChange gives the Member another address than its credentials.
func (s *situation) drawEmailChange(t *rapid.T, chance func(string) bool, m *usherv1.Member) {
	former := string(m.Spec.Email)
	m.Spec.Email = usherv1.EmailAddress(rapid.SampledFrom([]string{"king@acme.example", "bob@acme.example", "ada@"}).Draw(t, "wanted"))
	if chance("marked") {
		m.Annotations = map[string]string{usherv1.EmailInUseAnnotation: former}
	}
	if m.Status.AcceptedAt == nil || chance("not noticed") {
		return
	}
	m.Status.Email, m.Status.EmailChange = former, &usherv1.EmailChange{Email: string(m.Spec.Email), RequestedAt: *later(-time.Minute)}
	if chance("sent") {
		m.Status.EmailChange.ExpiresAt = later(time.Duration(rapid.IntRange(-1, 1).Draw(t, "expires")) * time.Second)
	}
}

// drawStatus sets any reason, with its state.
func (s *situation) drawStatus(t *rapid.T, chance func(string) bool, m *usherv1.Member) {
	row := rapid.SampledFrom(reason.Members()).Draw(t, "reason")
	if chance("new") {
		return
	}
	status := &m.Status
	status.State = row.State
	if !chance("outdated") {
		status.ObservedGeneration = m.Generation
	}
	w := conditions.Writer{List: &status.Conditions, Generation: m.Generation, Now: now.Add(-time.Hour)}
	recorded := row.Reason
	if chance("a reason of another version") {
		recorded = "UnknownReason"
	}
	w.SetReady(conditions.Sentence{Outlook: row.Outlook, Reason: recorded})
	for _, pool := range []string{"base", "gone", "other", "pipes"} {
		if grant := rapid.Int64Range(-3, 6).Draw(t, "grant"); grant >= 0 {
			entry := usherv1.MemberSeat{Pool: pool, PoolUID: "uid-" + pool, Grant: grant, ReleasedGrant: rapid.Int64Range(0, 6).Draw(t, "released")}
			if pool == "pipes" {
				entry.AddOn = "pipelines"
			}
			status.Seats = append(status.Seats, entry)
		}
	}
	if chance("accepted before") {
		status.AcceptedAt = later(-time.Hour)
	}
	if row.State != usherv1.ObservedPending || chance("was active") {
		status.ActivatedAt = later(-time.Hour)
	}
	if row.State == usherv1.ObservedDisabled || chance("was disabled") {
		status.DisabledAt = later(-time.Minute)
	}
	if !chance("no reference") {
		status.InvitationRef = &usherv1.InvitationReference{Name: m.Name}
	}
	status.Role = rapid.SampledFrom([]string{"", "seller", "admin"}).Draw(t, "role in status")
}

func (s *situation) drawInvitation(t *rapid.T, chance func(string) bool, o *Observation) {
	invitation(rapid.SampledFrom([]usherv1.InvitationState{
		"", usherv1.InvitationPending, usherv1.InvitationSending, usherv1.InvitationSent, usherv1.InvitationSent, usherv1.InvitationAccepted,
		usherv1.InvitationDeclined, usherv1.InvitationExpired, usherv1.InvitationRevoked, usherv1.InvitationFailed,
	}).Draw(t, "invitation"))(o)
	inv := o.Invitation
	inv.Name, inv.UID, inv.Spec.MemberRef.Name = o.Member.Name, types.UID("uid-invitation-"+o.Member.Name), o.Member.Name
	if inv.Status.State == usherv1.InvitationSent {
		inv.Status.MessageID = rapid.SampledFrom([]string{"", "1@acme.example"}).Draw(t, "messageID")
	}
	if inv.Status.State == usherv1.InvitationSending {
		inv.Status.NextAttemptAt = later(time.Duration(rapid.IntRange(-1, 1).Draw(t, "lease")) * 10 * time.Second)
	}
	if chance("raised") {
		raised(inv)
	}
	if chance("revoked") {
		revokedBySpec(inv)
	}
	if chance("another address") {
		inv.Status.Recipient = "eve@acme.example"
	}
	if chance("failed") {
		failedAs(rapid.SampledFrom([]usherv1.ErrorClass{usherv1.ErrorTemporary, usherv1.ErrorConfiguration}).Draw(t, "class"))(inv)
	}
	s.invitations[o.Member.Name] = inv
}

// observe returns what the Member controller observes of m by live reads.
func (s *situation) observe(m *usherv1.Member) Observation {
	o := Observation{
		Member: m.DeepCopy(), Account: s.account.DeepCopy(), Plan: s.plan, Standing: plan.Eldest, Invitation: s.invitations[m.Name].DeepCopy(),
		Credentials: s.credentials[m.Name], Withdrawn: m.Status.State != usherv1.ObservedActive,
	}
	for _, p := range s.pools {
		o.Pools = append(o.Pools, *p.DeepCopy())
	}
	for _, other := range s.members {
		if plan.CameBefore(other, m) {
			o.Standing = plan.Junior
		}
		if o.Rival == "" && Precedes(other, m) {
			o.Rival = other.Name
		}
		if o.Holder == "" && !m.EmailInUse().SameAs(m.Spec.Email) && Holds(other, m) {
			o.Holder = other.Name
		}
	}
	return o
}
