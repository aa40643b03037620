// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/credentials"
)

func (w Watches) membersOfAccount(ctx context.Context, before, after client.Object) []types.NamespacedName {
	account := either(before, after).(*usherv1.Account)
	if !reborn(before, after) && mailReason(before) == mailReason(after) {
		if equality.Semantic.DeepEqual(before.(*usherv1.Account).Status.Departures, account.Status.Departures) {
			return nil
		}
		return w.members(ctx, account.Namespace, indexAccount, account.Name, func(m *usherv1.Member) bool { return m.DeletionTimestamp != nil })
	}
	return w.members(ctx, account.Namespace, indexAccount, account.Name, nil)
}

// endingsOfAccount are those members whose access ends some time: they may wait for the account or for its mail server.
func (w Watches) endingsOfAccount(ctx context.Context, before, after client.Object) []types.NamespacedName {
	if !reborn(before, after) && mailReason(before) == mailReason(after) {
		return nil
	}
	account := either(before, after)
	return w.members(ctx, account.GetNamespace(), indexAccount, account.GetName(), func(m *usherv1.Member) bool { return m.Spec.AccessUntil != nil })
}

func mailReason(o client.Object) string {
	return conditions.Reason(o.(*usherv1.Account).Status.Conditions, usherv1.ConditionMailReady)
}

// membersOfPool are those whose claim came or went; all members of the account if the pool itself did.
func (w Watches) membersOfPool(ctx context.Context, before, after client.Object) []types.NamespacedName {
	pool := either(before, after).(*usherv1.SeatPool)
	if reborn(before, after) || before.(*usherv1.SeatPool).Status.ObservedGeneration < 0 || pool.Status.ObservedGeneration < 0 {
		return w.members(ctx, pool.Namespace, indexAccount, pool.Spec.AccountRef.Name, nil)
	}
	var keys []types.NamespacedName
	was, is := before.(*usherv1.SeatPool).Status.Claims, pool.Status.Claims
	for uid, grant := range is {
		if was[uid] != grant {
			keys = append(keys, w.members(ctx, pool.Namespace, indexUID, uid, nil)...)
		}
	}
	for uid := range was {
		if _, still := is[uid]; !still {
			keys = append(keys, w.members(ctx, pool.Namespace, indexUID, uid, nil)...)
		}
	}
	return keys
}

// memberOfInvitation is who is invited; and the Invitation's namesake, who waits for the name if that is somebody else.
func memberOfInvitation(_ context.Context, before, after client.Object) []types.NamespacedName {
	inv := either(before, after).(*usherv1.Invitation)
	keys := []types.NamespacedName{{Namespace: inv.Namespace, Name: inv.Spec.MemberRef.Name}}
	if inv.Name != inv.Spec.MemberRef.Name && reborn(before, after) {
		keys = append(keys, client.ObjectKeyFromObject(inv))
	}
	return keys
}

// membersOfSecret are whose credentials it has, or whom it has newly marked if it is a password file.
func (w Watches) membersOfSecret(ctx context.Context, before, after client.Object) []types.NamespacedName {
	secret := either(before, after)
	if access.PasswordsOf(secret) != "" {
		return w.withdrawnFrom(ctx, before, after)
	}
	name, found := credentials.MemberOf(secret.GetName())
	if !found {
		return nil
	}
	return []types.NamespacedName{{Namespace: secret.GetNamespace(), Name: name}}
}

// rivalsOfMember are the others who have the address that it had or has.
func (w Watches) rivalsOfMember(ctx context.Context, before, after client.Object) []types.NamespacedName {
	var keys []types.NamespacedName
	for _, o := range []client.Object{before, after} {
		if o != nil {
			keys = append(keys, w.members(ctx, o.GetNamespace(), indexAddress, addressKey(o.(*usherv1.Member)),
				func(m *usherv1.Member) bool { return m.UID != o.GetUID() })...)
		}
	}
	return keys
}

// poolsOfMember are all pools of the account, and those that it has a seat of, if anything changed that a ledger depends on.
func (w Watches) poolsOfMember(ctx context.Context, before, after client.Object) []types.NamespacedName {
	m := either(before, after).(*usherv1.Member)
	if !reborn(before, after) {
		was := before.(*usherv1.Member)
		if was.Status.State == m.Status.State && was.Status.AcceptedAt.Equal(m.Status.AcceptedAt) &&
			equality.Semantic.DeepEqual(was.Status.Seats, m.Status.Seats) &&
			conditions.Reason(was.Status.Conditions, usherv1.ConditionReady) == conditions.Reason(m.Status.Conditions, usherv1.ConditionReady) {
			return nil
		}
	}
	keys := w.pools(ctx, m.Namespace, m.Spec.AccountRef.Name)
	for _, s := range m.Status.Seats {
		if key := (types.NamespacedName{Namespace: m.Namespace, Name: s.Pool}); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (w Watches) poolsOfAccount(ctx context.Context, before, after client.Object) []types.NamespacedName {
	if !reborn(before, after) {
		return nil
	}
	account := either(before, after)
	return w.pools(ctx, account.GetNamespace(), account.GetName())
}

// poolsOfPool are the account's others: which one is meant by members that name none may have changed.
func (w Watches) poolsOfPool(ctx context.Context, before, after client.Object) []types.NamespacedName {
	if !reborn(before, after) {
		return nil
	}
	pool := either(before, after).(*usherv1.SeatPool)
	return w.pools(ctx, pool.Namespace, pool.Spec.AccountRef.Name)
}

func (w Watches) invitationsOfMember(ctx context.Context, before, after client.Object) []types.NamespacedName {
	m := either(before, after)
	var invitations usherv1.InvitationList
	if err := w.Reader.List(ctx, &invitations, listed(m.GetNamespace(), client.MatchingFields{indexMemberRef: m.GetName()})...); err != nil {
		log.FromContext(ctx).Error(err, "a change was not passed on", "member", m.GetName())
	}
	var keys []types.NamespacedName
	for i := range invitations.Items {
		keys = append(keys, client.ObjectKeyFromObject(&invitations.Items[i]))
	}
	return keys
}

// invitationsOfAccount are those that may wait for the account: for its mail server, its ttl, or its being enabled again.
func (w Watches) invitationsOfAccount(ctx context.Context, before, after client.Object) []types.NamespacedName {
	if !reborn(before, after) && mailReason(before) == mailReason(after) {
		return nil
	}
	account := either(before, after)
	var keys []types.NamespacedName
	var members usherv1.MemberList
	if err := w.Reader.List(ctx, &members, listed(account.GetNamespace(), client.MatchingFields{indexAccount: account.GetName()})...); err != nil {
		log.FromContext(ctx).Error(err, "a change was not passed on", "account", account.GetName())
	}
	for i := range members.Items {
		if m := &members.Items[i]; m.Status.InvitationRef != nil && m.Status.State != usherv1.ObservedActive {
			keys = append(keys, types.NamespacedName{Namespace: m.Namespace, Name: m.Status.InvitationRef.Name})
		}
	}
	return keys
}

func accountOfMember(_ context.Context, before, after client.Object) []types.NamespacedName {
	m := either(before, after).(*usherv1.Member)
	if !reborn(before, after) {
		was := before.(*usherv1.Member)
		if was.Status.State == m.Status.State && was.Status.Role == m.Status.Role && slices.Equal(was.Status.Rights, m.Status.Rights) &&
			was.Status.ObservedGeneration == m.Status.ObservedGeneration && equality.Semantic.DeepEqual(was.Status.Seats, m.Status.Seats) &&
			conditions.Reason(was.Status.Conditions, usherv1.ConditionReady) == conditions.Reason(m.Status.Conditions, usherv1.ConditionReady) {
			return nil
		}
	}
	return []types.NamespacedName{{Namespace: m.Namespace, Name: m.Spec.AccountRef.Name}}
}

func accountOfPool(_ context.Context, before, after client.Object) []types.NamespacedName {
	pool := either(before, after).(*usherv1.SeatPool)
	return []types.NamespacedName{{Namespace: pool.Namespace, Name: pool.Spec.AccountRef.Name}}
}

// accountsOfConfigMap are those whose wording it has.
func (w Watches) accountsOfConfigMap(ctx context.Context, before, after client.Object) []types.NamespacedName {
	source := either(before, after)
	var list usherv1.AccountList
	if err := w.Reader.List(ctx, &list, listed(source.GetNamespace(), client.MatchingFields{indexTemplatesRef: source.GetName()})...); err != nil {
		log.FromContext(ctx).Error(err, "a change was not passed on", "configMap", source.GetName())
	}
	var keys []types.NamespacedName
	for i := range list.Items {
		keys = append(keys, client.ObjectKeyFromObject(&list.Items[i]))
	}
	return keys
}

func (w Watches) serversOfAccount(_ context.Context, before, after client.Object) []types.NamespacedName {
	var keys []types.NamespacedName
	for _, o := range []client.Object{before, after} {
		if o == nil {
			continue
		}
		if key := w.Servers.SecretOf(o.(*usherv1.Account)); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if before != nil && after != nil && len(keys) == 1 && !reborn(before, after) {
		return nil
	}
	return keys
}

func serverOfSecret(_ context.Context, before, after client.Object) []types.NamespacedName {
	secret := either(before, after)
	if _, ofMember := credentials.MemberOf(secret.GetName()); ofMember {
		return nil
	}
	return []types.NamespacedName{client.ObjectKeyFromObject(secret)}
}

func (w Watches) members(ctx context.Context, namespace, index, value string, keep func(*usherv1.Member) bool) []types.NamespacedName {
	var list usherv1.MemberList
	if err := w.Reader.List(ctx, &list, listed(namespace, client.MatchingFields{index: value})...); err != nil {
		log.FromContext(ctx).Error(err, "a change was not passed on", "index", index)
	}
	var keys []types.NamespacedName
	for i := range list.Items {
		if keep == nil || keep(&list.Items[i]) {
			keys = append(keys, client.ObjectKeyFromObject(&list.Items[i]))
		}
	}
	return keys
}

func (w Watches) pools(ctx context.Context, namespace, account string) []types.NamespacedName {
	var list usherv1.SeatPoolList
	if err := w.Reader.List(ctx, &list, listed(namespace, client.MatchingFields{indexAccount: account})...); err != nil {
		log.FromContext(ctx).Error(err, "a change was not passed on", "account", account)
	}
	var keys []types.NamespacedName
	for i := range list.Items {
		keys = append(keys, client.ObjectKeyFromObject(&list.Items[i]))
	}
	return keys
}

// either is the object as it is, or as it was if it is gone.
func either(before, after client.Object) client.Object {
	if after != nil {
		return after
	}
	return before
}

// reborn tells whether an object was made, deleted, marked for deletion, replaced or given another spec; everything else is its
// status or metadata.
func reborn(before, after client.Object) bool {
	return before == nil || after == nil || before.GetUID() != after.GetUID() ||
		before.GetGeneration() != after.GetGeneration() ||
		(before.GetDeletionTimestamp() == nil) != (after.GetDeletionTimestamp() == nil)
}
