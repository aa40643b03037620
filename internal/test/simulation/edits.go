// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// specEdit is a change that the admin makes to the spec of an object of one kind.
type specEdit struct {
	kind  kind
	apply func(*world, client.Object, Step)
}

func editOf[T client.Object](k kind, change func(*world, T, Step)) specEdit {
	return specEdit{kind: k, apply: func(w *world, o client.Object, s Step) { change(w, o.(T), s) }}
}

// edits are the actions that change a spec.
var edits = map[Action]specEdit{
	ChangePlan: editOf(plans, func(_ *world, p *usherv1.Plan, s Step) { p.Spec = planSpecs[s.N] }),

	EnableAccount:  editOf(accounts, func(_ *world, a *usherv1.Account, _ Step) { a.Spec.State = usherv1.StateActive }),
	DisableAccount: editOf(accounts, func(_ *world, a *usherv1.Account, _ Step) { a.Spec.State = usherv1.StateDisabled }),
	Subscribe:      editOf(accounts, subscribe),
	DeliverBy:      editOf(accounts, func(_ *world, a *usherv1.Account, s Step) { a.Spec.Mail.Delivery = usherv1.MailDelivery(s.To) }),
	KeepPasswords: editOf(accounts, func(_ *world, a *usherv1.Account, s Step) {
		a.Spec.Access = &usherv1.AccountAccess{HtpasswdSecret: s.To}
	}),

	ScalePool: editOf(pools, func(_ *world, p *usherv1.SeatPool, s Step) {
		seats := int32(s.N)
		p.Spec.Seats = &seats
	}),
	SwitchPool: editOf(pools, switchReservation),
	AllowPool: editOf(pools, func(_ *world, p *usherv1.SeatPool, _ Step) {
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, usherv1.AllowDeletionAnnotation, "true")
	}),

	Enable:    editOf(members, func(_ *world, m *usherv1.Member, _ Step) { m.Spec.State = usherv1.StateActive }),
	Disable:   editOf(members, func(_ *world, m *usherv1.Member, _ Step) { m.Spec.State = usherv1.StateDisabled }),
	Readdress: editOf(members, func(_ *world, m *usherv1.Member, s Step) { m.Spec.Email = usherv1.EmailAddress(s.To) }),
	Move:      editOf(members, move),
	Immediate: editOf(members, func(_ *world, m *usherv1.Member, _ Step) { m.Spec.Activation = usherv1.ActivateImmediately }),
	End: editOf(members, func(w *world, m *usherv1.Member, s Step) {
		m.Spec.AccessUntil = nil
		if s.N != 0 {
			m.Spec.AccessUntil = w.hence(s.N)
		}
	}),
	Appoint: editOf(members, func(_ *world, m *usherv1.Member, s Step) { m.Spec.Role = s.To }),
	Entitle: editOf(members, func(_ *world, m *usherv1.Member, s Step) { m.Spec.Rights = []usherv1.Right{"orders:place"}[:s.N] }),

	Resend: editOf(invitations, func(_ *world, i *usherv1.Invitation, _ Step) { i.Spec.SendGeneration++ }),
	Revoke: editOf(invitations, func(_ *world, i *usherv1.Invitation, _ Step) { i.Spec.State = usherv1.InvitationRevokedWish }),
	Reopen: editOf(invitations, func(_ *world, i *usherv1.Invitation, _ Step) { i.Spec.State = usherv1.InvitationOpen }),
}

func subscribe(_ *world, a *usherv1.Account, s Step) {
	if s.To == "" {
		a.Spec.PlanRef = nil
		return
	}
	a.Spec.PlanRef, a.Spec.AddOns = &usherv1.PlanReference{Name: s.To}, []string{"extra"}
}

func switchReservation(_ *world, p *usherv1.SeatPool, _ Step) {
	if p.Spec.Reservation == usherv1.ReserveOnInvitation {
		p.Spec.Reservation = usherv1.ReserveOnAcceptance
	} else {
		p.Spec.Reservation = usherv1.ReserveOnInvitation
	}
}

func move(_ *world, m *usherv1.Member, s Step) {
	m.Spec.SeatPoolRefs = nil
	for name := range strings.SplitSeq(s.To, ",") {
		if name != "" {
			m.Spec.SeatPoolRefs = append(m.Spec.SeatPoolRefs, usherv1.SeatPoolReference{Name: name})
		}
	}
}
