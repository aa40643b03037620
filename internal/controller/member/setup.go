// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/seat"
	"github.com/usher-dev/usher/internal/store"
)

// workers is how many Members of a namespace are reconciled at once.
const workers = 8

// New returns the controller of Members. tokenKeys sign acceptances.
func New(base reconciler.Base, tokenKeys *store.KeyStore) reconciler.Controller {
	r := &Reconciler{
		Base: base.ForController(), tokenKeys: tokenKeys, firstMembers: &firstMemberCache{}, wakeups: reconciler.NewWakeups(),
	}
	tokenKeys.OnChange(r.wakeAccepted)
	return reconciler.Controller{
		Name: "member", For: &usherv1.Member{}, Workers: workers, Reconciler: r, Wakeups: r.wakeups,
		AccountOf: reconciler.OfMembers(base.Client),
		Watches: []reconciler.Watch{
			{Object: &usherv1.Account{}, Map: r.ofAccount},
			{Object: &usherv1.SeatPool{}, Map: r.ofPool},
			{Object: &usherv1.Invitation{}, Map: ofInvitation},
			{Object: &usherv1.Plan{}, Map: r.ofPlan},
			{Object: &usherv1.Member{}, Map: r.rivalsOf},
			{Object: &usherv1.Member{}, Map: r.predecessorsOf},
			{Object: &usherv1.Member{}, Map: r.nextFirstMember},
			{Object: &usherv1.Member{}, Map: losesAccess, Urgency: reconciler.Withdrawing},
			{Object: &corev1.Secret{}, Map: r.ofSecret, Urgency: reconciler.Giving},
			{Object: &corev1.Secret{}, Map: r.ofTokenSecret},
			{Object: &rbacv1.RoleBinding{}, Map: r.withdrawnBy},
		},
	}
}

// losesAccess returns an Active member whose spec has changed, or that is being deleted: it may lose access, or a part of it with its role.
func losesAccess(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	m := reconciler.Present(before, after).(*usherv1.Member)
	if m.Status.State != usherv1.ObservedActive || m.DeletionTimestamp == nil && m.Status.ObservedGeneration == m.Generation {
		return nil, nil
	}
	return []types.NamespacedName{client.ObjectKeyFromObject(m)}, nil
}

// ofAccount returns the account's members if its spec or its mail server's condition changed, and those that are being deleted if
// the account has recorded another deletion.
func (r *Reconciler) ofAccount(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	account := reconciler.Present(before, after).(*usherv1.Account)
	if reconciler.Respecified(before, after) || reconciler.MailReadyChanged(before, after) {
		return r.keys(ctx, account.Namespace, store.ByAccount, account.Name, nil)
	}
	if equality.Semantic.DeepEqual(before.(*usherv1.Account).Status.Departures, account.Status.Departures) {
		return nil, nil
	}
	return r.keys(ctx, account.Namespace, store.ByAccount, account.Name, func(m *usherv1.Member) bool { return m.DeletionTimestamp != nil })
}

// ofPool returns the members whose claim was added or dropped, and all members of the account if the pool's spec changed, or whether its
// deletion takes seats back.
func (r *Reconciler) ofPool(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	pool := reconciler.Present(before, after).(*usherv1.SeatPool)
	if reconciler.Respecified(before, after) || unobserved(before) || unobserved(after) || takesBack(before) != takesBack(after) {
		return r.keys(ctx, pool.Namespace, store.ByAccount, pool.Spec.AccountRef.Name, nil)
	}
	var keys []types.NamespacedName
	was, is := before.(*usherv1.SeatPool).Status.Claims, pool.Status.Claims
	add := func(uid string) error {
		more, err := r.keys(ctx, pool.Namespace, store.ByUID, uid, nil)
		keys = append(keys, more...)
		return err
	}
	for uid, grant := range is {
		if was[uid] != grant {
			if err := add(uid); err != nil {
				return keys, err
			}
		}
	}
	for uid := range was {
		if _, still := is[uid]; !still {
			if err := add(uid); err != nil {
				return keys, err
			}
		}
	}
	return keys, nil
}

func takesBack(pool client.Object) bool { return seat.TakesBack(pool.(*usherv1.SeatPool)) }

// unobserved reports whether the SeatPool controller has not written the pool's status yet.
func unobserved(pool client.Object) bool {
	return pool.(*usherv1.SeatPool).Status.ObservedGeneration < 0
}

// ofInvitation returns the member that is invited, and the Invitation's namesake if that is another member: it waits for the name.
func ofInvitation(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	inv := reconciler.Present(before, after).(*usherv1.Invitation)
	keys := []types.NamespacedName{{Namespace: inv.Namespace, Name: inv.Spec.MemberRef.Name}}
	if inv.Name != inv.Spec.MemberRef.Name && reconciler.Respecified(before, after) {
		keys = append(keys, client.ObjectKeyFromObject(inv))
	}
	return keys, nil
}

// ofPlan returns the members of all accounts on the plan.
func (r *Reconciler) ofPlan(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) {
		return nil, nil
	}
	accounts, err := store.Accounts(ctx, r.Client, "", store.ByPlan, reconciler.Present(before, after).GetName())
	var keys []types.NamespacedName
	for i := range accounts {
		members, failed := r.keys(ctx, accounts[i].Namespace, store.ByAccount, accounts[i].Name, nil)
		if failed != nil {
			return keys, failed
		}
		keys = append(keys, members...)
	}
	return keys, err
}

// rivalsOf returns the other members with an address that the member had, has or wants.
func (r *Reconciler) rivalsOf(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	var keys []types.NamespacedName
	for _, o := range []client.Object{before, after} {
		if o == nil {
			continue
		}
		for _, address := range store.AddressKeys(o.(*usherv1.Member)) {
			others, err := r.keys(ctx, o.GetNamespace(), store.ByAddress, address, func(m *usherv1.Member) bool { return m.UID != o.GetUID() })
			if err != nil {
				return keys, err
			}
			keys = append(keys, others...)
		}
	}
	return keys, nil
}

// predecessorsOf returns the members that are being deleted and wait to hand over what they own to a member that was created,
// deleted, or changed its state.
func (r *Reconciler) predecessorsOf(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) && before.(*usherv1.Member).Status.State == after.(*usherv1.Member).Status.State {
		return nil, nil
	}
	successor := reconciler.Present(before, after)
	return r.keys(ctx, successor.GetNamespace(), store.BySuccessor, successor.GetName(), nil)
}

// nextFirstMember returns the member that may have become, or stopped being, the account's first member because a member was created
// or deleted.
func (r *Reconciler) nextFirstMember(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	created := before == nil
	deleted := !created && (after == nil || before.GetDeletionTimestamp() == nil && after.GetDeletionTimestamp() != nil)
	m := reconciler.Present(before, after).(*usherv1.Member)
	if !created && !deleted {
		return nil, nil
	}
	account, err := store.AnyAccount(ctx, r.Client, m.Namespace, m.Spec.AccountRef.Name)
	if err != nil {
		return nil, err
	}
	of, err := store.Plan(ctx, r.Client, account)
	if err != nil || !plan.For(account, of).FirstMemberMatters() {
		return nil, err
	}
	if created {
		if older, err := r.firstMembers.older(ctx, r.Client, m); err != nil || older != nil {
			return nil, err
		}
	}
	next, err := oldestBut(ctx, r.Client, m)
	if err != nil || next == nil {
		return nil, err
	}
	return []types.NamespacedName{client.ObjectKeyFromObject(next)}, nil
}

// ofSecret returns the member whose credentials the Secret holds, or the members that a password file has newly marked.
func (r *Reconciler) ofSecret(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	secret := reconciler.Present(before, after)
	if access.PasswordsOf(secret) != "" {
		return r.withdrawnBy(ctx, before, after)
	}
	name, ofMember := credentials.MemberOf(secret.GetName())
	if !ofMember {
		return nil, nil
	}
	return []types.NamespacedName{{Namespace: secret.GetNamespace(), Name: name}}, nil
}

// ofTokenSecret has the token keys read again if their Secret changed. All that depends on them is woken then.
func (r *Reconciler) ofTokenSecret(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if client.ObjectKeyFromObject(reconciler.Present(before, after)) != r.tokenKeys.Secret {
		return nil, nil
	}
	r.tokenKeys.Forget()
	if _, err := r.tokenKeys.Get(ctx); err != nil {
		log.FromContext(ctx).Error(err, "cannot read the token keys")
	}
	return nil, nil
}

// wakeAccepted has the members reconciled who have credentials: those may have to be signed anew, or count again.
func (r *Reconciler) wakeAccepted(ctx context.Context) {
	all, err := store.Credentials(ctx, r.Client, "", "")
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot find the acceptances that have to be signed anew")
	}
	for i := range all {
		name, _ := credentials.MemberOf(all[i].Name)
		r.wakeups.Add(types.NamespacedName{Namespace: all[i].Namespace, Name: name})
	}
}

// withdrawnBy returns the members whom a binding or a password file has newly marked: they wait to give their seats back.
func (r *Reconciler) withdrawnBy(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	var keys []types.NamespacedName
	place := reconciler.Present(before, after)
	known := map[string]bool{}
	if before != nil && after != nil {
		for _, mark := range access.Marked(before) {
			known[mark] = true
		}
	}
	for _, mark := range access.Marked(place) {
		if known[mark] {
			continue
		}
		members, err := r.keys(ctx, place.GetNamespace(), store.ByUID, access.MemberOf(mark), nil)
		if err != nil {
			return keys, err
		}
		keys = append(keys, members...)
	}
	return keys, nil
}

// keys returns the Members that an index of the cache has under a value; keep may be nil.
func (r *Reconciler) keys(
	ctx context.Context, namespace, index, value string, keep func(*usherv1.Member) bool,
) ([]types.NamespacedName, error) {
	members, err := store.Members(ctx, r.Client, namespace, index, value)
	var keys []types.NamespacedName
	for i := range members {
		if keep == nil || keep(&members[i]) {
			keys = append(keys, client.ObjectKeyFromObject(&members[i]))
		}
	}
	return keys, err
}
