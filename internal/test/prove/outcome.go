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

// Outcome returns the state of a namespace as lines without times, UIDs, grant numbers and attempts, so that runs with and without
// faults are equal. A claim without a member appears as such.
func Outcome(ctx context.Context, api client.Reader, namespace string) ([]string, error) {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }

	var members usherv1.MemberList
	var pools usherv1.SeatPoolList
	var invitations usherv1.InvitationList
	var accounts usherv1.AccountList
	var secrets corev1.SecretList
	var roles rbacv1.RoleList
	var bindings rbacv1.RoleBindingList
	var owned corev1.ConfigMapList
	for _, list := range []client.ObjectList{&owned, &members, &pools, &invitations, &accounts, &secrets, &roles, &bindings} {
		if err := api.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
	}

	names := map[string]string{}
	for i := range members.Items {
		m := &members.Items[i]
		names[string(m.UID)] = m.Name
		var seats []string
		for _, s := range m.Status.Seats {
			if s.Held() {
				seats = append(seats, s.Pool)
			}
		}
		say("member %s: %s %s seats=%v accepted=%t name=%q role=%s leaving=%t told=%v %s",
			m.Name, m.Status.State, readyReason(m.Status.Conditions), seats,
			m.Status.AcceptedAt != nil, m.Status.DisplayName, m.Status.Role, m.DeletionTimestamp != nil, told(m), conditionsOf(m.Status.Conditions))
	}
	for i := range pools.Items {
		p := &pools.Items[i]
		var holders []string
		for uid := range p.Status.Claims {
			if name, known := names[uid]; known {
				holders = append(holders, name)
			} else {
				holders = append(holders, "LEAKED")
			}
		}
		slices.Sort(holders)
		say("pool %s: claims=%v capacity=%d assigned=%d reserved=%d available=%d waiting=%d %s", p.Name, holders, value(p.Status.Capacity),
			value(p.Status.Assigned), value(p.Status.Reserved), value(p.Status.Available), value(p.Status.Waiting), conditionsOf(p.Status.Conditions))
	}
	for i := range invitations.Items {
		inv := &invitations.Items[i]
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
		say("invitation %s: %s link=%d generation=%d to=%s owned=%t error=%t reminded=%v", inv.Name, inv.Status.State, inv.Status.LinkGeneration,
			inv.Status.SendGeneration, inv.Status.Recipient, owned, inv.Status.LastError != nil, reminded)
	}
	for i := range accounts.Items {
		a := &accounts.Items[i]
		var former []string
		for _, f := range a.Status.FormerMembers {
			former = append(former, f.Name)
		}
		slices.Sort(former)
		owner := ""
		if a.Status.Owner != nil {
			owner = a.Status.Owner.Name
		}
		say("account %s: %s members=%+v seats=%s former=%v owner=%q %s",
			a.Name, a.Status.State, value(a.Status.Members), a.Status.SeatsSummary, former, owner,
			conditionsOf(a.Status.Conditions))
	}
	for i := range secrets.Items {
		s := &secrets.Items[i]
		say("secret %s: %v rotated=%t lets in %v", s.Name, slices.Sorted(maps.Keys(s.Data)), rotated(s, members.Items),
			UsersOf(string(s.Data[access.KeyPasswords])))
	}
	for i := range roles.Items {
		say("role %s: %v", roles.Items[i].Name, roles.Items[i].Rules)
	}
	for i := range bindings.Items {
		b := &bindings.Items[i]
		say("binding %s: %s %v", b.Name, b.RoleRef.Name, b.Subjects)
	}
	for i := range owned.Items {
		say("configmap %s: of %s", owned.Items[i].Name, owned.Items[i].Labels[usherv1.OwnerLabel])
	}
	slices.Sort(lines)
	return lines, nil
}

// Difference returns the lines that only one of two outcomes has; empty if they are equal.
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

// UsersOf returns the users in a password file.
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

// told returns who got a notice that the member's access ends.
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
