// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Actions of the admin, on the object Name.
const (
	MakeAccount    Action = "make-account"
	DeleteAccount  Action = "delete-account"
	EnableAccount  Action = "enable-account"
	DisableAccount Action = "disable-account"
	// ForegroundDelete deletes the account, and a finalizer keeps the object; Finalize removes it. Meanwhile, Reap is the garbage
	// collector: it deletes what the account owns.
	ForegroundDelete Action = "delete-account-foreground"
	Finalize         Action = "finalize-account"
	Reap             Action = "reap"

	MakePool     Action = "make-pool"   // with N seats, To: empty, OnAcceptance, or an add-on
	DeletePool   Action = "delete-pool" //
	AllowPool    Action = "allow-pool"  // to be deleted in spite of its claims
	ScalePool    Action = "scale-pool"  // to N seats
	SwitchPool   Action = "switch-pool" // to the other reservation
	MakeMember   Action = "make-member" // with address To; N 1 for activation Immediate, 2 to end in a day, 3 for both
	DeleteMember Action = "delete-member"
	Enable       Action = "enable"
	Disable      Action = "disable"
	Readdress    Action = "readdress" // to To
	Move         Action = "move"      // to the pools To, separated by commas; empty for the default
	Immediate    Action = "immediate"
	End          Action = "end" // access N hours from now; never for 0

	Resend      Action = "resend"
	Revoke      Action = "revoke"
	Reopen      Action = "reopen"
	WriteByHand Action = "write-invitation"  // by hand, for the member To
	Tear        Action = "delete-invitation" //

	BreakSecret  Action = "break-secret"
	MendSecret   Action = "mend-secret"
	DeleteSecret Action = "delete-secret"
	StopServer   Action = "stop-server"
	StartServer  Action = "start-server"
	// Word writes the account's templates: To is right, wrong, or empty to delete them.
	Word       Action = "word"
	MakePlan   Action = "make-plan" // planSpecs N
	DeletePlan Action = "delete-plan"
	ChangePlan Action = "change-plan" // to planSpecs N
	Subscribe  Action = "subscribe"   // the account to the plan To; empty for none
	Appoint    Action = "appoint"     // to the role To; empty for the default
	Entitle    Action = "entitle"     // to N rights
	// DeliverBy sets the account's delivery to To: SMTP or Link.
	DeliverBy Action = "deliver-by"
	// KeepPasswords sets the Secret of the account's password file to To; empty for none.
	KeepPasswords Action = "keep-passwords"
	// Collect is the garbage collector: it deletes an Invitation whose owner is gone.
	Collect Action = "collect"
)

func named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// administer performs a step of the admin, if it is possible.
func (w *world) administer(s Step) bool {
	if build, found := makes[s.Do]; found {
		return w.make(build(w, metav1.ObjectMeta{Namespace: namespace, Name: s.Name}, s))
	}
	if k, found := deletes[s.Do]; found {
		return w.api.Delete(k, named(s.Name), nil) == nil
	}
	switch s.Do {
	case DeletePlan:
		return w.api.Delete(plans, planKey, nil) == nil
	case Collect:
		return w.collect(s.Name)
	case ForegroundDelete:
		return w.deleteInForeground()
	case Finalize:
		return w.finalizeAccount()
	case Reap:
		return w.reap()
	case BreakSecret, MendSecret, DeleteSecret:
		return w.changeSecret(s.Do)
	case Word:
		return w.word(s.To)
	case Squat:
		return w.squat(s)
	case Leave:
		return w.leave(s)
	case StopServer, StartServer:
		down := s.Do == StopServer
		changed := w.serverDown != down
		w.serverDown = down
		return changed
	}
	return w.edit(s)
}

// makes are the actions that create an object.
var makes = map[Action]func(*world, metav1.ObjectMeta, Step) client.Object{
	MakeAccount: func(_ *world, meta metav1.ObjectMeta, _ Step) client.Object {
		return &usherv1.Account{ObjectMeta: meta, Spec: usherv1.AccountSpec{
			DisplayName: "Acme", Mail: &usherv1.AccountMail{TemplatesRef: &usherv1.ConfigMapReference{Name: templatesName}},
			Contact:     &usherv1.AccountContact{Email: contactAddress},
			Invitations: usherv1.InvitationDefaults{Reminders: reminders},
		}}
	},
	MakePool:   func(_ *world, meta metav1.ObjectMeta, s Step) client.Object { return poolOf(meta, s) },
	MakeMember: func(w *world, meta metav1.ObjectMeta, s Step) client.Object { return w.memberOf(meta, s) },
	WriteByHand: func(_ *world, meta metav1.ObjectMeta, s Step) client.Object {
		return &usherv1.Invitation{ObjectMeta: meta, Spec: usherv1.InvitationSpec{MemberRef: usherv1.MemberReference{Name: s.To}}}
	},
	MakePlan: func(_ *world, _ metav1.ObjectMeta, s Step) client.Object {
		return &usherv1.Plan{ObjectMeta: metav1.ObjectMeta{Name: planKey.Name}, Spec: planSpecs[s.N]}
	},
}

// harmless are the actions that change nothing of what members who are Active have.
var harmless = map[Action]bool{
	BreakSecret: true, MendSecret: true, DeleteSecret: true, StopServer: true, StartServer: true, Word: true, Resend: true, Collect: true,
	WriteByHand: true, DeliverBy: true, KeepPasswords: true,
}

// deletes are the actions that delete the object with the step's name.
var deletes = map[Action]kind{DeleteAccount: accounts, DeletePool: pools, DeleteMember: members, Tear: invitations}

func (w *world) memberOf(meta metav1.ObjectMeta, s Step) *usherv1.Member {
	m := &usherv1.Member{ObjectMeta: meta, Spec: usherv1.MemberSpec{
		AccountRef: usherv1.AccountReference{Name: accountName}, Email: usherv1.EmailAddress(s.To),
	}}
	if s.N&2 != 0 {
		m.Spec.AccessUntil = w.hence(24)
	}
	if s.N&1 != 0 {
		m.Spec.Activation = usherv1.ActivateImmediately
	}
	return m
}

// hence returns the time that many hours from now. It has a fraction of a second, which no time that Usher writes has.
func (w *world) hence(hours int64) *metav1.Time {
	return &metav1.Time{Time: w.now().Add(time.Duration(hours) * time.Hour).Truncate(time.Second).Add(700 * time.Millisecond)}
}

func poolOf(meta metav1.ObjectMeta, s Step) *usherv1.SeatPool {
	seats := int32(s.N)
	pool := &usherv1.SeatPool{ObjectMeta: meta, Spec: usherv1.SeatPoolSpec{AccountRef: usherv1.AccountReference{Name: accountName},
		Seats: &seats}}
	if s.To == string(usherv1.ReserveOnAcceptance) {
		pool.Spec.Reservation = usherv1.ReserveOnAcceptance
	} else {
		pool.Spec.AddOn = s.To
	}
	return pool
}

// concerns reports whether the object of an admin's step exists, or does not exist if the step makes it.
func (w *world) concerns(s Step) bool {
	switch s.Do {
	case MakeAccount, MakePool, MakeMember, WriteByHand:
		k := map[Action]kind{MakeAccount: accounts, MakePool: pools, MakeMember: members, WriteByHand: invitations}[s.Do]
		return w.api.get(k, named(s.Name)) == nil
	case BreakSecret, MendSecret, DeleteSecret, StopServer, StartServer, Word, Squat, Leave:
		return true
	case MakePlan, DeletePlan, ChangePlan:
		return (w.api.get(plans, planKey) == nil) == (s.Do == MakePlan)
	}
	for k := accounts; k <= invitations; k++ {
		if w.api.get(k, named(s.Name)) != nil && (k == invitations) == (s.Do == Resend || s.Do == Revoke || s.Do == Reopen || s.Do == Tear ||
			s.Do == Collect) {
			return true
		}
	}
	return false
}

// edit changes the spec of the present object.
func (w *world) edit(s Step) bool {
	e, found := edits[s.Do]
	if !found {
		return false
	}
	key := named(s.Name)
	if e.kind == plans {
		key = planKey
	}
	stored := w.api.get(e.kind, key)
	if stored == nil {
		return false
	}
	next := clone(stored)
	e.apply(w, next, s)
	return w.api.Update(next) == nil && next.GetResourceVersion() != stored.GetResourceVersion()
}

func (w *world) changeSecret(do Action) bool {
	if do == DeleteSecret {
		return w.api.Delete(secrets, smtpSecret, nil) == nil
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: smtpSecret.Namespace, Name: smtpSecret.Name},
		Data:       map[string][]byte{"host": []byte("smtp.example.com"), "from": []byte("Acme <no-reply@acme.example>")},
	}
	if do == BreakSecret {
		delete(secret.Data, "host")
	}
	stored := w.api.get(secrets, smtpSecret)
	if stored == nil {
		return w.make(secret)
	}
	revision := stored.GetResourceVersion()
	return w.api.Update(secret) == nil && secret.ResourceVersion != revision
}

func (w *world) deleteInForeground() bool {
	a := w.account()
	if a == nil || a.DeletionTimestamp != nil {
		return false
	}
	a = a.DeepCopy()
	a.Finalizers = []string{metav1.FinalizerDeleteDependents}
	return w.api.PatchMetadata(a) == nil && w.api.Delete(accounts, named(accountName), nil) == nil
}

func (w *world) finalizeAccount() bool {
	a := w.account()
	if a == nil || a.DeletionTimestamp == nil {
		return false
	}
	a = a.DeepCopy()
	a.Finalizers = nil
	return w.api.PatchMetadata(a) == nil
}

// reap deletes what an account owns that is being deleted.
func (w *world) reap() (reaped bool) {
	a := w.account()
	if a == nil || a.DeletionTimestamp == nil {
		return false
	}
	for _, k := range []kind{bindings, roles, secrets} {
		for _, o := range append(table{}, w.api.tables[k]...) {
			if metav1.IsControlledBy(o, a) {
				reaped = w.api.Delete(k, client.ObjectKeyFromObject(o), nil) == nil || reaped
			}
		}
	}
	return reaped
}

func (w *world) collect(name string) bool {
	stored := w.api.get(invitations, named(name))
	if stored == nil {
		return false
	}
	owner := metav1.GetControllerOf(stored)
	if owner == nil {
		return false
	}
	if member := w.api.get(members, named(owner.Name)); member != nil && member.GetUID() == owner.UID {
		return false
	}
	return w.api.Delete(invitations, named(name), nil) == nil
}
