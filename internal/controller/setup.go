// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
)

// How many objects of a kind are looked at at once.
const (
	memberWorkers  = 8
	poolWorkers    = 4
	accountWorkers = 2
	planWorkers    = 1
	probeWorkers   = 8
)

// recordBackoff is how the outcome of an attempt is written again: for about ten seconds.
var recordBackoff = wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Jitter: 0.1, Steps: 9}

// Parts are what the reconcilers are made of, besides the manager.
type Parts struct {
	Environment
	Sender  channel.Channel
	Servers *MailServers
	Keys    *Keyring
	// PortalURL is the public base URL of the links; empty if nothing is to be sent.
	PortalURL string
	// UserPrefix comes before the address of a member where Kubernetes is to know it.
	UserPrefix string
	// MailWorkers is how many SMTP conversations run at once.
	MailWorkers int
	// SkipNameValidation lets one process run two managers, in tests.
	SkipNameValidation bool
}

// Reconcilers are the six, made of the parts.
type Reconcilers struct {
	Members     *MemberReconciler
	SeatPools   *SeatPoolReconciler
	Invitations *InvitationReconciler
	Endings     *EndingReconciler
	Accounts    *AccountReconciler
	Plans       *PlanReconciler
	MailServers *MailServerReconciler
}

// New makes the reconcilers.
func New(p Parts) Reconcilers {
	return Reconcilers{
		Members:   &MemberReconciler{Environment: p.Environment.doubting(), Elders: &Elders{}},
		SeatPools: &SeatPoolReconciler{Environment: p.Environment.doubting()},
		Invitations: &InvitationReconciler{
			Environment: p.Environment.doubting(), Sender: p.Sender, Servers: p.Servers, Keys: p.Keys,
			PortalURL: p.PortalURL, LastingMails: true, RecordBackoff: recordBackoff,
		},
		Endings:     &EndingReconciler{Environment: p.Environment.doubting(), Sender: p.Sender, Servers: p.Servers, RecordBackoff: recordBackoff},
		Accounts:    &AccountReconciler{Environment: p.Environment.doubting(), Servers: p.Servers, Configured: p.PortalURL != "", UserPrefix: p.UserPrefix},
		Plans:       &PlanReconciler{Environment: p.Environment.doubting()},
		MailServers: &MailServerReconciler{Environment: p.Environment, Sender: p.Sender, Servers: p.Servers, Configured: p.PortalURL != ""},
	}
}

// Setup adds the reconcilers to a manager.
func Setup(mgr ctrl.Manager, p Parts) error {
	r := New(p)
	w := Watches{Reader: mgr.GetClient(), Servers: p.Servers, Elders: &Elders{}}
	for _, c := range []struct {
		name    string
		object  client.Object
		workers int
		watches []Watch
		queue   chan event.GenericEvent
		do      reconcile.Reconciler
	}{
		{"member", &usherv1.Member{}, memberWorkers, w.ForMembers(), nil, r.Members},
		{"seatpool", &usherv1.SeatPool{}, poolWorkers, w.ForSeatPools(), nil, r.SeatPools},
		{"invitation", &usherv1.Invitation{}, p.MailWorkers, w.ForInvitations(), p.Servers.Invitations, r.Invitations},
		{"ending", &usherv1.Member{}, p.MailWorkers, w.ForEndings(), p.Servers.Endings, r.Endings},
		{"account", &usherv1.Account{}, accountWorkers, w.ForAccounts(), p.Servers.Accounts, r.Accounts},
		{"plan", &usherv1.Plan{}, planWorkers, nil, nil, r.Plans},
		{"mailserver", nil, probeWorkers, w.ForMailServers(), p.Servers.Secrets, r.MailServers},
	} {
		b := ctrl.NewControllerManagedBy(mgr).Named(c.name).WithOptions(controller.Options{
			MaxConcurrentReconciles: c.workers, SkipNameValidation: &p.SkipNameValidation,
		})
		if c.object != nil {
			b = b.For(c.object)
		}
		for _, watch := range c.watches {
			switch watch.Object.(type) {
			case *corev1.Secret, *corev1.ConfigMap:
				b = b.Watches(watch.Object, handle(watch), builder.OnlyMetadata)
			default:
				b = b.Watches(watch.Object, handle(watch))
			}
		}
		if c.queue != nil {
			b = b.WatchesRawSource(source.Channel(c.queue, &handler.EnqueueRequestForObject{}))
		}
		if err := b.Complete(c.do); err != nil {
			return err
		}
	}
	return nil
}
