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
	o := outcome{names: map[string]string{}}
	for _, list := range []client.ObjectList{&o.owned, &o.members, &o.pools, &o.invitations, &o.accounts, &o.secrets, &o.roles, &o.bindings} {
		if err := api.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
	}
	o.addMembers()
	o.addPools()
	o.addInvitations()
	o.addAccounts()
	o.addAccess()
	for i := range o.owned.Items {
		o.add("configmap %s: of %s", o.owned.Items[i].Name, o.owned.Items[i].Labels[usherv1.OwnerLabel])
	}
	slices.Sort(o.lines)
	return o.lines, nil
}

// outcome has what Outcome reads, and the lines so far.
type outcome struct {
	members     usherv1.MemberList
	pools       usherv1.SeatPoolList
	invitations usherv1.InvitationList
	accounts    usherv1.AccountList
	secrets     corev1.SecretList
	roles       rbacv1.RoleList
	bindings    rbacv1.RoleBindingList
	owned       corev1.ConfigMapList

	// names of the members, by UID.
	names map[string]string
	lines []string
}

func (o *outcome) add(format string, args ...any) {
	o.lines = append(o.lines, fmt.Sprintf(format, args...))
}

func (o *outcome) addMembers() {
	for i := range o.members.Items {
		m := &o.members.Items[i]
		o.names[string(m.UID)] = m.Name
		var seats []string
		for _, s := range m.Status.Seats {
			if s.Held() {
				seats = append(seats, s.Pool)
			}
		}
		o.add("member %s: %s %s seats=%v accepted=%t email=%s changes=%t name=%q role=%s leaving=%t told=%v %s",
			m.Name, m.Status.State, readyReason(m.Status.Conditions), seats,
			m.Status.AcceptedAt != nil, m.Status.Email, m.Status.EmailChange != nil, m.Status.DisplayName, m.Status.Role,
			m.DeletionTimestamp != nil, told(m), conditionsOf(m.Status.Conditions))
	}
}

func (o *outcome) addPools() {
	for i := range o.pools.Items {
		p := &o.pools.Items[i]
		var holders []string
		for uid := range p.Status.Claims {
			if name, known := o.names[uid]; known {
				holders = append(holders, name)
			} else {
				holders = append(holders, "LEAKED")
			}
		}
		slices.Sort(holders)
		o.add("pool %s: claims=%v capacity=%d assigned=%d reserved=%d available=%d waiting=%d %s", p.Name, holders, value(p.Status.Capacity),
			value(p.Status.Assigned), value(p.Status.Reserved), value(p.Status.Available), value(p.Status.Waiting),
			conditionsOf(p.Status.Conditions))
	}
}

func (o *outcome) addInvitations() {
	for i := range o.invitations.Items {
		inv := &o.invitations.Items[i]
		owned := false
		if owner := metav1.GetControllerOf(inv); owner != nil {
			_, owned = o.names[string(owner.UID)]
		}
		var reminded []usherv1.Lead
		for _, r := range inv.Status.Reminders {
			if r.SentAt != nil {
				reminded = append(reminded, r.Before)
			}
		}
		o.add("invitation %s: %s link=%d generation=%d to=%s owned=%t error=%t reminded=%v", inv.Name, inv.Status.State,
			inv.Status.LinkGeneration, inv.Status.SendGeneration, inv.Status.Recipient, owned, inv.Status.LastError != nil, reminded)
	}
}

func (o *outcome) addAccounts() {
	for i := range o.accounts.Items {
		a := &o.accounts.Items[i]
		var former []string
		for _, f := range a.Status.FormerMembers {
			former = append(former, f.Name)
		}
		slices.Sort(former)
		owner := ""
		if a.Status.Owner != nil {
			owner = a.Status.Owner.Name
		}
		o.add("account %s: %s members=%+v seats=%s former=%v owner=%q %s",
			a.Name, a.Status.State, value(a.Status.Members), a.Status.SeatsSummary, former, owner,
			conditionsOf(a.Status.Conditions))
	}
}

// addAccess adds Secrets, Roles and RoleBindings.
func (o *outcome) addAccess() {
	for i := range o.secrets.Items {
		s := &o.secrets.Items[i]
		o.add("secret %s: %v rotated=%t mails=%v lets in %v", s.Name, slices.Sorted(maps.Keys(s.Data)), rotated(s, o.members.Items),
			passwordMails(s), UsersOf(string(s.Data[access.KeyPasswords])))
	}
	for i := range o.roles.Items {
		o.add("role %s: %v", o.roles.Items[i].Name, o.roles.Items[i].Rules)
	}
	for i := range o.bindings.Items {
		b := &o.bindings.Items[i]
		o.add("binding %s: %s %v", b.Name, b.RoleRef.Name, b.Subjects)
	}
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

// passwordMails returns what is recorded of the mails about a password.
func passwordMails(s *corev1.Secret) []string {
	var out []string
	for kind, mail := range credentials.PasswordMailsOf(s) {
		out = append(out, string(kind)+"="+string(mail.State))
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
