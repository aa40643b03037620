// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package accountaccess

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

const (
	// workers is how many Accounts of a namespace are reconciled at once.
	workers = 2
	// batchDelay collects changes of many members into one write of each binding.
	batchDelay = 250 * time.Millisecond
)

// New returns the controller of what the members of Accounts may do, and its verdicts. keys sign acceptances. userPrefix comes before a
// member's address in the name of its Kubernetes user. accounts wakes the account controller.
func New(
	base reconciler.Base, keys *store.KeyStore, userPrefix string, accounts *reconciler.Wakeups,
) (reconciler.Controller, *Verdicts) {
	r := &Reconciler{
		Base: base.ForController(), keys: keys, userPrefix: userPrefix, verdicts: newVerdicts(accounts), pace: reconciler.NewPace(),
	}
	c := reconciler.Controller{
		Name: "accountaccess", For: &usherv1.Account{}, Workers: workers, Reconciler: r, Pace: r.pace,
		Watches: []reconciler.Watch{
			{Object: &usherv1.Member{}, Map: ofMember, Delay: batchDelay, Pace: r.pace},
			{Object: &usherv1.Member{}, Map: ofWithdrawn, Urgency: reconciler.Withdrawing},
			{Object: &usherv1.Account{}, Map: ofClosed, Urgency: reconciler.Withdrawing},
			{Object: &usherv1.Plan{}, Map: r.ofPlan},
			{Object: &corev1.Secret{}, Map: r.ofSecret, Delay: batchDelay, Pace: r.pace},
			{Object: &rbacv1.Role{}, Map: ofOwned, Delay: batchDelay, Pace: r.pace},
			{Object: &rbacv1.RoleBinding{}, Map: ofOwned, Delay: batchDelay, Pace: r.pace},
		},
	}
	return c, r.verdicts
}

// ofMember returns the member's account, if anything changed that its access depends on.
func ofMember(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	m := reconciler.Present(before, after).(*usherv1.Member)
	if !reconciler.Respecified(before, after) && sameAccess(before.(*usherv1.Member), m) {
		return nil, nil
	}
	return []types.NamespacedName{{Namespace: m.Namespace, Name: m.Spec.AccountRef.Name}}, nil
}

// ofWithdrawn returns the account of a member who loses access, or a part of it, by a change of the member: that does not wait for other
// members' changes.
func ofWithdrawn(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if before == nil {
		return nil, nil
	}
	was := before.(*usherv1.Member)
	if keeps, _ := access.Entitled(was); !keeps {
		return nil, nil
	}
	if is, there := after.(*usherv1.Member); there {
		if keeps, _ := access.Entitled(is); keeps && was.Status.Role == is.Status.Role && slices.Equal(was.Status.Rights, is.Status.Rights) &&
			was.EmailInUse() == is.EmailInUse() {
			return nil, nil
		}
	}
	return []types.NamespacedName{{Namespace: was.Namespace, Name: was.Spec.AccountRef.Name}}, nil
}

// ofClosed returns an account whose members have no access any more because it was disabled or deleted.
func ofClosed(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	account := reconciler.Present(before, after).(*usherv1.Account)
	if !reconciler.Respecified(before, after) ||
		after != nil && account.DeletionTimestamp == nil && account.Spec.State != usherv1.StateDisabled {
		return nil, nil
	}
	return []types.NamespacedName{client.ObjectKeyFromObject(account)}, nil
}

// sameAccess reports whether two statuses of a member mean the same access, and the same order of withdrawing it.
func sameAccess(was, is *usherv1.Member) bool {
	return was.Status.State == is.Status.State && was.Status.Role == is.Status.Role && slices.Equal(was.Status.Rights, is.Status.Rights) &&
		was.EmailInUse() == is.EmailInUse() && was.Status.ObservedGeneration == is.Status.ObservedGeneration &&
		equality.Semantic.DeepEqual(was.Status.Seats, is.Status.Seats) &&
		conditions.Reason(was.Status.Conditions, usherv1.ConditionReady) == conditions.Reason(is.Status.Conditions, usherv1.ConditionReady)
}

// ofPlan returns the accounts on the plan.
func (r *Reconciler) ofPlan(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) {
		return nil, nil
	}
	accounts, err := store.Accounts(ctx, r.Client, "", store.ByPlan, reconciler.Present(before, after).GetName())
	return store.Keys(accounts), err
}

// ofSecret returns the accounts whose password file a Secret is, has the name of, or has a line for.
func (r *Reconciler) ofSecret(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	secret := reconciler.Present(before, after)
	if name, ofMember := credentials.MemberOf(secret.GetName()); ofMember {
		return r.ofCredentials(ctx, secret.GetNamespace(), name)
	}
	var keys []types.NamespacedName
	for _, o := range []client.Object{before, after} {
		if o != nil && access.PasswordsOf(o) != "" {
			keys = append(keys, types.NamespacedName{Namespace: o.GetNamespace(), Name: access.PasswordsOf(o)})
		}
	}
	accounts, err := store.Accounts(ctx, r.Client, secret.GetNamespace(), store.ByPasswords, secret.GetName())
	return append(keys, store.Keys(accounts)...), err
}

// ofCredentials returns the member's account, if that has a password file.
func (r *Reconciler) ofCredentials(ctx context.Context, namespace, name string) ([]types.NamespacedName, error) {
	member := &usherv1.Member{}
	found, err := store.Get(ctx, r.Client, namespace, name, member)
	if err != nil || !found {
		return nil, err
	}
	account, err := store.Account(ctx, r.Client, namespace, member.Spec.AccountRef.Name)
	if err != nil || account == nil || account.PasswordFile() == "" {
		return nil, err
	}
	return []types.NamespacedName{client.ObjectKeyFromObject(account)}, nil
}

// ofOwned returns the account that a role or binding was made for.
func ofOwned(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	var keys []types.NamespacedName
	for _, o := range []client.Object{before, after} {
		if o == nil {
			continue
		}
		key := types.NamespacedName{Namespace: o.GetNamespace(), Name: access.AccountOf(o)}
		if key.Name != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
