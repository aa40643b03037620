// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	creds "github.com/usher-dev/usher/internal/credentials"
)

// now is the time that the tests pass to the decisions.
var now = time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)

// later returns the time d after now, or before now if d is negative.
func later(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(d)} }

const (
	adaUID   = "uid-ada"
	adaEmail = "ada@acme.example"
)

type edit = func(*Observation)

// observed returns the Observation of a new Member, in an account with a working mail server and one pool with free seats.
func observed(edits ...edit) Observation {
	o := Observation{
		Member: &usherv1.Member{
			ObjectMeta: metav1.ObjectMeta{
				Name: "ada", Namespace: "acme", UID: adaUID, Generation: 4, CreationTimestamp: *later(-time.Hour),
				Finalizers: []string{usherv1.MemberFinalizer},
			},
			Spec: usherv1.MemberSpec{
				AccountRef: usherv1.AccountReference{Name: "acme"}, Email: adaEmail, State: usherv1.StateActive,
				Activation: usherv1.ActivateByInvitation,
			},
			Status: usherv1.MemberStatus{ObservedGeneration: -1},
		},
		Account: &usherv1.Account{
			ObjectMeta: metav1.ObjectMeta{Name: "acme", Namespace: "acme", Generation: 1},
			Spec:       usherv1.AccountSpec{State: usherv1.StateActive},
		},
		Pools:     []usherv1.SeatPool{aPool("base")},
		Withdrawn: true,
	}
	mail(metav1.ConditionTrue, usherv1.ReasonMailReady)(&o)
	return with(o, edits...)
}

func with(o Observation, edits ...edit) Observation {
	for _, e := range edits {
		e(&o)
	}
	return o
}

func aPool(name string, edits ...func(*usherv1.SeatPool)) usherv1.SeatPool {
	three := int32(3)
	p := usherv1.SeatPool{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "acme", UID: types.UID("uid-" + name), Generation: 1},
		Spec:       usherv1.SeatPoolSpec{AccountRef: usherv1.AccountReference{Name: "acme"}, Seats: &three, Reservation: usherv1.ReserveOnInvitation},
		Status:     usherv1.SeatPoolStatus{ObservedGeneration: 1},
	}
	for _, e := range edits {
		e(&p)
	}
	return p
}

func addOn(name string) func(*usherv1.SeatPool) {
	return func(p *usherv1.SeatPool) { p.Spec.AddOn = name }
}
func onAcceptance(p *usherv1.SeatPool)  { p.Spec.Reservation = usherv1.ReserveOnAcceptance }
func terminating(p *usherv1.SeatPool)   { p.DeletionTimestamp = later(-time.Second) }
func notReconciled(p *usherv1.SeatPool) { p.Status = usherv1.SeatPoolStatus{ObservedGeneration: -1} }
func wiped(p *usherv1.SeatPool)         { p.Status = usherv1.SeatPoolStatus{} }
func allowed(p *usherv1.SeatPool) {
	p.Annotations = map[string]string{usherv1.AllowDeletionAnnotation: "true"}
}

// pools replaces the pools of the account.
func pools(list ...usherv1.SeatPool) edit {
	return func(o *Observation) {
		o.Pools = nil
		for _, p := range list {
			o.Pools = append(o.Pools, *p.DeepCopy())
		}
	}
}

func editPool(name string, e func(*usherv1.SeatPool)) edit {
	return func(o *Observation) { e(o.pool(name)) }
}

// claims adds a claim of the Member to the ledger of the pool.
func claims(pool string, grant int64) edit {
	return func(o *Observation) { o.pool(pool).Status.Claims = map[string]int64{adaUID: grant} }
}

// recorded adds a seat to the Member's status.
func recorded(pool string, grant, releasedGrant int64) edit {
	return func(o *Observation) {
		s := usherv1.MemberSeat{Pool: pool, PoolUID: "uid-" + pool, Grant: grant, ReleasedGrant: releasedGrant}
		if p := o.pool(pool); p != nil {
			s.AddOn = p.Spec.AddOn
		}
		o.Member.Status.Seats = append(o.Member.Status.Seats, s)
	}
}

// holding gives the Member a seat, in its status and in the ledger.
func holding(pool string, grant int64) edit {
	return func(o *Observation) { claims(pool, grant)(o); recorded(pool, grant, 0)(o) }
}

func refs(names ...string) edit {
	return func(o *Observation) {
		o.Member.Spec.SeatPoolRefs = nil
		for _, name := range names {
			o.Member.Spec.SeatPoolRefs = append(o.Member.Spec.SeatPoolRefs, usherv1.SeatPoolReference{Name: name})
		}
	}
}

// credentials gives the Member credentials that are two hours old.
func credentials(edits ...func(*Credentials)) edit {
	return func(o *Observation) {
		o.Credentials = &Credentials{MemberUID: string(o.Member.UID), Email: string(o.Member.Spec.Email), AcceptedAt: *later(-2 * time.Hour), Signature: creds.Signed}
		for _, e := range edits {
			e(o.Credentials)
		}
	}
}

// unsigned makes the credentials ones that no known key has signed.
func unsigned(c *Credentials) { c.Signature = creds.Unsigned }

// foreign makes the credentials a Secret that Usher did not make.
func foreign(c *Credentials) { *c = Credentials{Foreign: true} }

// was sets the state in the Member's present status.
func was(state usherv1.ObservedState) edit {
	return func(o *Observation) { o.Member.Status.State = state }
}
func acceptedBefore(o *Observation) { o.Member.Status.AcceptedAt = later(-2 * time.Hour) }

// active makes the Member one that has been Active for an hour.
func active(o *Observation) {
	credentials()(o)
	acceptedBefore(o)
	holding("base", 7)(o)
	was(usherv1.ObservedActive)(o)
	o.Member.Status.ActivatedAt = later(-time.Hour)
}

// invitation gives the Member an Invitation in that state, for its present address.
func invitation(state usherv1.InvitationState, edits ...func(*usherv1.Invitation)) edit {
	return func(o *Observation) {
		o.Invitation = &usherv1.Invitation{
			ObjectMeta: metav1.ObjectMeta{Name: "ada", Namespace: "acme"},
			Spec:       usherv1.InvitationSpec{MemberRef: usherv1.MemberReference{Name: "ada"}, SendGeneration: 1, State: usherv1.InvitationOpen},
			Status: usherv1.InvitationStatus{
				State: state, Recipient: string(o.Member.Spec.Email), SendGeneration: 1, LinkGeneration: 1,
			},
		}
		if state == usherv1.InvitationSent {
			o.Invitation.Status.SentAt, o.Invitation.Status.ExpiresAt = later(-time.Hour), later(time.Hour)
		}
		for _, e := range edits {
			e(o.Invitation)
		}
	}
}

func raised(i *usherv1.Invitation)        { i.Spec.SendGeneration++ }
func revokedBySpec(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish }
func failedAs(class usherv1.ErrorClass) func(*usherv1.Invitation) {
	return func(i *usherv1.Invitation) { i.Status.LastError = &usherv1.SendError{Class: class, Code: "550 5.1.1"} }
}

func mail(status metav1.ConditionStatus, reason string) edit {
	return func(o *Observation) {
		o.Account.Status.Conditions = []metav1.Condition{{Type: usherv1.ConditionMailReady, Status: status, Reason: reason, Message: "connection refused"}}
	}
}

// Edits that change one fact about the Member or its account.
func deleting(o *Observation)        { o.Member.DeletionTimestamp = later(-time.Second) }
func disabled(o *Observation)        { o.Member.Spec.State = usherv1.StateDisabled }
func immediate(o *Observation)       { o.Member.Spec.Activation = usherv1.ActivateImmediately }
func noAccount(o *Observation)       { o.Account = nil }
func accountDeleting(o *Observation) { o.Account.DeletionTimestamp = later(-time.Second) }
func accountDisabled(o *Observation) { o.Account.Spec.State = usherv1.StateDisabled }
func noPools(o *Observation)         { o.Pools = nil }
func rival(o *Observation)           { o.Rival = "bob" }
func nameTaken(o *Observation)       { o.NameTaken = true }
func holder(o *Observation)          { o.Holder = "bob" }
func marksEmail(o *Observation) {
	o.Member.Annotations = map[string]string{usherv1.EmailInUseAnnotation: adaEmail}
}
func readdressed(o *Observation) { o.Member.Spec.Email = "lovelace@acme.example" }
func noMailbox(o *Observation)   { o.Member.Spec.Email = "ada@xn--0.example" }
func mailDown(o *Observation)    { mail(metav1.ConditionFalse, usherv1.ReasonServerUnreachable)(o) }
func mailUnknown(o *Observation) { o.Account.Status.Conditions = nil }
func remembersUID(uid string) edit {
	return func(o *Observation) {
		o.Account.Status.Departures = append(o.Account.Status.Departures, usherv1.Departure{UID: uid, DeletedAt: *later(-time.Minute)})
	}
}

func linkInvalid(i *usherv1.Invitation) {
	meta.SetStatusCondition(&i.Status.Conditions, metav1.Condition{Type: ready, Status: metav1.ConditionFalse, Reason: usherv1.ReasonLinkInvalid})
}

// onPlan puts the account on the plan starter; p is nil if the plan does not exist.
func onPlan(p *usherv1.Plan) edit {
	return func(o *Observation) {
		o.Account.Spec.PlanRef = &usherv1.PlanReference{Name: "starter"}
		o.Plan = p
	}
}

func missingPlan(o *Observation) {
	if o.Account != nil {
		onPlan(nil)(o)
	}
}

// aPlan returns a plan with two roles and one right.
func aPlan(edits ...func(*usherv1.PlanSpec)) *usherv1.Plan {
	yes := true
	p := &usherv1.Plan{ObjectMeta: metav1.ObjectMeta{Name: "starter"}, Spec: usherv1.PlanSpec{
		Roles:       []usherv1.PlanRole{{Name: "admin", AccountAdmin: &yes, Rights: []usherv1.Right{usherv1.AnyRight}}, {Name: "seller"}},
		DefaultRole: "seller", OwnerRole: "admin", Rights: []usherv1.PlanRight{{Name: "orders:place"}},
	}}
	for _, e := range edits {
		e(&p.Spec)
	}
	return p
}

func role(name string) edit { return func(o *Observation) { o.Member.Spec.Role = name } }
func rights(list ...usherv1.Right) edit {
	return func(o *Observation) { o.Member.Spec.Rights = list }
}
func notWithdrawn(o *Observation) { o.Withdrawn = false }

// settled returns the observation after the decided status was written.
func settled(o Observation, s usherv1.MemberStatus) Observation {
	o.Member = o.Member.DeepCopy()
	o.Member.Status = *s.DeepCopy()
	return o
}
