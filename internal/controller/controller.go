// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controller assembles the controllers, one package for each: what a controller watches and why is in its setup.go, what it
// does in its reconciler.go. Package reconciler has what they share.
package controller

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"github.com/usher-dev/usher/internal/controller/account"
	"github.com/usher-dev/usher/internal/controller/accountaccess"
	"github.com/usher-dev/usher/internal/controller/emailchange"
	"github.com/usher-dev/usher/internal/controller/expirynotice"
	"github.com/usher-dev/usher/internal/controller/invitation"
	"github.com/usher-dev/usher/internal/controller/mailserver"
	"github.com/usher-dev/usher/internal/controller/member"
	"github.com/usher-dev/usher/internal/controller/passwordreset"
	"github.com/usher-dev/usher/internal/controller/plan"
	"github.com/usher-dev/usher/internal/controller/seatpool"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// Dependencies are what the controllers are made of.
type Dependencies struct {
	reconciler.Base
	Outbox *outbox.Outbox
	Keys   *store.KeyStore
	// PortalURL is the public base URL of the links; empty if no mail is sent.
	PortalURL string
	// UserPrefix comes before a member's address in the name of its Kubernetes user.
	UserPrefix string
	// MailWorkers is how many mails are sent at once.
	MailWorkers int
}

// All returns the controllers.
func All(d Dependencies) []reconciler.Controller {
	endpoints, hasPortal := d.Outbox.Endpoints, d.PortalURL != ""
	access, verdicts := accountaccess.New(d.Base, d.Keys, d.UserPrefix, endpoints.Accounts)
	return []reconciler.Controller{
		member.New(d.Base, d.Keys),
		seatpool.New(d.Base),
		invitation.New(d.Base, d.Outbox, d.Keys, d.PortalURL, d.MailWorkers),
		expirynotice.New(d.Base, d.Outbox, d.MailWorkers),
		emailchange.New(d.Base, d.Outbox, d.Keys, d.PortalURL, d.MailWorkers),
		passwordreset.New(d.Base, d.Outbox, d.Keys, d.PortalURL, d.MailWorkers),
		account.New(d.Base, d.Outbox, verdicts, hasPortal),
		access,
		plan.New(d.Base),
		mailserver.New(d.Base, d.Outbox.Channel, endpoints, hasPortal),
	}
}

// Setup adds controllers to a manager. skipNameValidation lets one process run several managers.
func Setup(mgr ctrl.Manager, controllers []reconciler.Controller, skipNameValidation bool) error {
	for _, c := range controllers {
		b := ctrl.NewControllerManagedBy(mgr).Named(c.Name).WithOptions(controller.Options{
			MaxConcurrentReconciles: c.Workers * reconciler.Shares, SkipNameValidation: &skipNameValidation,
			NewQueue: reconciler.NewQueue(c.Workers, c.AccountOf),
		})
		if c.For != nil {
			b = b.For(c.For, builder.WithPredicates(c.Predicate(), c.Unpaced()))
		}
		for _, watch := range c.AllWatches() {
			b = b.Watches(watch.Object, watch.Handler(), watchOptions(watch.Object)...)
		}
		if c.Wakeups != nil {
			b = b.WatchesRawSource(c.Wakeups)
		}
		if err := b.Complete(c.Reconciler); err != nil {
			return fmt.Errorf("set up controller %s: %w", c.Name, err)
		}
	}
	return nil
}

// Cached returns an object of each kind that controllers need a cache of, as the cache is asked for it.
func Cached(controllers []reconciler.Controller) []client.Object {
	var objects []client.Object
	known := map[string]bool{}
	add := func(o client.Object) {
		switch o.(type) {
		case nil:
			return
		case *corev1.Secret:
			o = store.SecretMetadata()
		case *corev1.ConfigMap:
			o = store.ConfigMapMetadata()
		}
		if name := fmt.Sprintf("%T %s", o, o.GetObjectKind().GroupVersionKind()); !known[name] {
			known[name] = true
			objects = append(objects, o)
		}
	}
	for _, c := range controllers {
		add(c.For)
		for _, watch := range c.Watches {
			add(watch.Object)
		}
	}
	return objects
}

// watchOptions keeps the contents of Secrets and ConfigMaps out of the cache.
func watchOptions(object client.Object) []builder.WatchesOption {
	switch object.(type) {
	case *corev1.Secret, *corev1.ConfigMap:
		return []builder.WatchesOption{builder.OnlyMetadata}
	}
	return nil
}
