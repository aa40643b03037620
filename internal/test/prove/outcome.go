// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
)

// Outcome is what a namespace has come to, in lines that are the same whatever happened on the way: without times, UIDs, grant
// numbers and attempts. A claim without a member shows as one.
func Outcome(ctx context.Context, api client.Reader, namespace string) ([]string, error) {
	var o objects
	for _, list := range []client.ObjectList{
		&o.owned, &o.members, &o.pools, &o.invitations, &o.accounts, &o.secrets, &o.roles, &o.bindings,
	} {
		if err := api.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
	}
	names := map[string]string{}
	for _, m := range o.members.Items {
		names[string(m.UID)] = m.Name
	}

	lines := slices.Concat(
		linesOf(o.members.Items, memberLine),
		linesOf(o.pools.Items, func(p *usherv1.SeatPool) string { return poolLine(p, names) }),
		linesOf(o.invitations.Items, func(i *usherv1.Invitation) string { return invitationLine(i, names) }),
		linesOf(o.accounts.Items, accountLine),
		linesOf(o.secrets.Items, func(s *corev1.Secret) string {
			return fmt.Sprintf("secret %s: %v rotated=%t lets in %v", s.Name, slices.Sorted(maps.Keys(s.Data)), rotated(s, o.members.Items),
				UsersOf(string(s.Data[access.KeyPasswords])))
		}),
		linesOf(o.roles.Items, func(r *rbacv1.Role) string { return fmt.Sprintf("role %s: %v", r.Name, r.Rules) }),
		linesOf(o.bindings.Items, func(b *rbacv1.RoleBinding) string {
			return fmt.Sprintf("binding %s: %s %v", b.Name, b.RoleRef.Name, b.Subjects)
		}),
		linesOf(o.owned.Items, func(c *corev1.ConfigMap) string {
			return fmt.Sprintf("configmap %s: of %s", c.Name, c.Labels[usherv1.OwnerLabel])
		}),
	)
	slices.Sort(lines)
	return lines, nil
}

// objects are those of a namespace that an outcome tells of.
type objects struct {
	members     usherv1.MemberList
	pools       usherv1.SeatPoolList
	invitations usherv1.InvitationList
	accounts    usherv1.AccountList
	secrets     corev1.SecretList
	roles       rbacv1.RoleList
	bindings    rbacv1.RoleBindingList
	owned       corev1.ConfigMapList
}

func linesOf[T any](items []T, line func(*T) string) []string {
	var lines []string
	for i := range items {
		lines = append(lines, line(&items[i]))
	}
	return lines
}

func memberLine(m *usherv1.Member) string {
	var seats []string
	for _, s := range m.Status.Seats {
		if s.Held() {
			seats = append(seats, s.Pool)
		}
	}
	return fmt.Sprintf("member %s: %s %s seats=%v accepted=%t name=%q role=%s leaving=%t told=%v %s",
		m.Name, m.Status.State, readyReason(m.Status.Conditions), seats,
		m.Status.AcceptedAt != nil, m.Status.DisplayName, m.Status.Role, m.DeletionTimestamp != nil, told(m), conditionsOf(m.Status.Conditions))
}

// poolLine takes the names of the members by UID.
func poolLine(p *usherv1.SeatPool, names map[string]string) string {
	var holders []string
	for uid := range p.Status.Claims {
		if name, known := names[uid]; known {
			holders = append(holders, name)
		} else {
			holders = append(holders, "LEAKED")
		}
	}
	slices.Sort(holders)
	return fmt.Sprintf("pool %s: claims=%v capacity=%d assigned=%d reserved=%d available=%d waiting=%d %s",
		p.Name, holders, value(p.Status.Capacity), value(p.Status.Assigned), value(p.Status.Reserved), value(p.Status.Available),
		value(p.Status.Waiting), conditionsOf(p.Status.Conditions))
}

// invitationLine takes the names of the members by UID.
func invitationLine(inv *usherv1.Invitation, names map[string]string) string {
	owned := false
	if owner := metav1.GetControllerOf(inv); owner != nil {
		_, owned = names[string(owner.UID)]
	}
	var reminded []usherv1.Lead
	for _, r := range inv.Status.Reminders {
		if r.SentAt != nil {
			reminded = append(reminded, r.Before)
		}
	}
	return fmt.Sprintf("invitation %s: %s link=%d generation=%d to=%s owned=%t error=%t reminded=%v", inv.Name, inv.Status.State,
		inv.Status.LinkGeneration, inv.Status.SendGeneration, inv.Status.Recipient, owned, inv.Status.LastError != nil, reminded)
}

func accountLine(a *usherv1.Account) string {
	var former []string
	for _, f := range a.Status.FormerMembers {
		former = append(former, f.Name)
	}
	slices.Sort(former)
	owner := ""
	if a.Status.Owner != nil {
		owner = a.Status.Owner.Name
	}
	return fmt.Sprintf("account %s: %s members=%+v seats=%s former=%v owner=%q %s",
		a.Name, a.Status.State, value(a.Status.Members), a.Status.SeatsSummary, former, owner, conditionsOf(a.Status.Conditions))
}

// Difference is what only one of two outcomes says; empty if they are the same.
func Difference(want, got []string) string {
	var out []string
	for _, line := range want {
		if !slices.Contains(got, line) {
			out = append(out, "  wanted: "+line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			out = append(out, "  got:    "+line)
		}
	}
	return strings.Join(out, "\n")
}

// UsersOf are those whom a password file lets in.
func UsersOf(file string) []string {
	var users []string
	for line := range strings.Lines(file) {
		user, _, _ := strings.Cut(line, ":")
		users = append(users, user)
	}
	return users
}

// rotated reports whether credentials have another API token than before their member was disabled.
func rotated(secret *corev1.Secret, members []usherv1.Member) bool {
	name, _ := credentials.MemberOf(secret.Name)
	return slices.ContainsFunc(members, func(m usherv1.Member) bool {
		return m.Name == name && m.Status.DisabledAt != nil && credentials.TokenRotatedFor(secret).Equal(m.Status.DisabledAt.Time)
	})
}

// told is who was told that the member's access ends.
func told(m *usherv1.Member) []string {
	var out []string
	for _, n := range m.Status.EndNotices {
		out = append(out, string(n.To)+"="+string(n.State))
	}
	slices.Sort(out)
	return out
}

func readyReason(conditions []metav1.Condition) string {
	if c := meta.FindStatusCondition(conditions, usherv1.ConditionReady); c != nil {
		return c.Reason
	}
	return ""
}

func conditionsOf(conditions []metav1.Condition) string {
	var out []string
	for _, c := range conditions {
		out = append(out, c.Type+"="+string(c.Status)+"/"+c.Reason)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}
