// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// hashOf returns a string that has the form of a bcrypt hash.
func hashOf(n int) string { return fmt.Sprintf("$2a$12$%053d", n) }

func TestPasswords(t *testing.T) {
	hashes := map[string]string{"ada": hashOf(1), "bob": hashOf(2), "eve": hashOf(3), "old": "", "sly": "x\nmallory@acme.example:" + hashOf(4), "md5": "$apr1$abc$def"}
	line := func(name string, n int) string { return name + "@acme.example:" + hashOf(n) + "\n" }
	disabled := func(o *Observation) { o.Account.Spec.State = usherv1.StateDisabled }
	problem := func(o *Observation) { o.Terms.Problem = "There is no Plan" }
	unreadable := func(o *Observation) { o.Unreadable = true }
	unseen := func(m *usherv1.Member) { m.Generation++ }
	off := func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled }
	leaving := func(m *usherv1.Member) { m.DeletionTimestamp = &t0 }
	tests := []struct {
		name             string
		members          []usherv1.Member
		change           func(*Observation)
		present, want    string
		changed, removed []string
	}{
		{name: "no members"},
		{
			name: "in order", members: []usherv1.Member{member("eve", "seller"), member("ada", "seller"), member("bob", "guest")},
			want: line("ada", 1) + line("bob", 2) + line("eve", 3), changed: []string{"ada", "bob", "eve"},
		},
		{name: "without a password", members: []usherv1.Member{member("old", "seller")}},
		{name: "a hash that contains a line break", members: []usherv1.Member{member("sly", "seller")}},
		{name: "not a bcrypt hash", members: []usherv1.Member{member("md5", "seller")}},
		{name: "unchanged", members: []usherv1.Member{member("ada", "seller")}, present: line("ada", 1), want: line("ada", 1)},
		{name: "another password", members: []usherv1.Member{member("ada", "seller")}, present: line("ada", 9), want: line("ada", 1), changed: []string{"ada"}},
		{name: "not Active", members: []usherv1.Member{member("ada", "seller", gone)}, present: line("ada", 1), removed: []string{"ada@acme.example"}},
		{name: "about to be disabled", members: []usherv1.Member{member("ada", "seller", off)}, present: line("ada", 1), removed: []string{"ada@acme.example"}},
		{name: "being deleted", members: []usherv1.Member{member("ada", "seller", leaving)}, present: line("ada", 1), removed: []string{"ada@acme.example"}},
		{name: "the status is about an older spec: not added", members: []usherv1.Member{member("ada", "seller", unseen)}},
		{
			name: "the status is about an older spec: kept", members: []usherv1.Member{member("ada", "seller", unseen)}, present: line("ada", 1),
			want: line("ada", 1),
		},
		{name: "edited by hand", members: []usherv1.Member{member("ada", "seller")}, present: "# hello\n" + line("mallory", 1) + line("ada", 1), want: line("ada", 1), removed: []string{"mallory@acme.example"}},
		{name: "the account is disabled", members: []usherv1.Member{member("ada", "seller")}, change: disabled, present: line("ada", 1), removed: []string{"ada@acme.example"}},
		{
			name: "the account or its plan cannot be decoded", members: []usherv1.Member{member("ada", "seller"), member("bob", "seller", gone), member("eve", "seller")},
			change: unreadable, present: line("ada", 1) + line("bob", 2), want: line("ada", 1), removed: []string{"bob@acme.example"},
		},
		{
			name: "the account's plan does not exist", members: []usherv1.Member{member("ada", "seller")}, change: problem, present: line("ada", 1),
			removed: []string{"ada@acme.example"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(tt.members...)
			if tt.change != nil {
				tt.change(&o)
			}
			present := o.NewPasswords("acme-htpasswd")
			present.Data[KeyPasswords] = []byte(tt.present)
			p := o.Passwords(present, hashes)
			g.Expect(string(p.Secret.Data[KeyPasswords])).To(Equal(tt.want))
			g.Expect(p.Changed).To(Equal(tt.changed))
			g.Expect(p.Removed).To(Equal(tt.removed))
			g.Expect(p.Left).To(BeZero())
			g.Expect(HoldsPasswords(present, p.Secret)).To(Equal(tt.present == tt.want && !strings.Contains(tt.name, "not Active")))
			g.Expect(PasswordsOf(p.Secret)).To(Equal("acme"))
		})
	}
}

// A member that loses its access is marked, and the seat is given back when the mark is written.
func TestPasswordsAreMarked(t *testing.T) {
	g := NewWithT(t)
	ada := member("ada", "seller")
	o := observed(ada)
	present := o.NewPasswords("acme-htpasswd")
	gone(&ada)
	g.Expect(Withdrawn(&ada, []metav1.Object{present})).To(BeFalse())
	o.Members = []usherv1.Member{ada}
	next := o.Passwords(present, nil).Secret
	g.Expect(HoldsPasswords(present, next)).To(BeFalse())
	g.Expect(Withdrawn(&ada, []metav1.Object{next})).To(BeTrue())
	g.Expect(Withdrawn(&ada, []metav1.Object{next, present})).To(BeFalse(), "one of two files still has the member")
}

func TestHoldsPasswords(t *testing.T) {
	g := NewWithT(t)
	o := observed(member("ada", "seller"))
	hashes := map[string]string{"ada": hashOf(1)}
	wanted := o.Passwords(o.NewPasswords("acme-htpasswd"), hashes).Secret
	g.Expect(HoldsPasswords(wanted.DeepCopy(), wanted)).To(BeTrue())
	for name, spoil := range map[string]func(*corev1.Secret){
		"another key": func(s *corev1.Secret) { s.Data["more"] = []byte("x") },
		"no data":     func(s *corev1.Secret) { s.Data = nil },
		"a label":     func(s *corev1.Secret) { delete(s.Labels, PasswordsLabel) },
		"another UID": func(s *corev1.Secret) { s.OwnerReferences[0].UID = "before-the-restore" },
	} {
		other := wanted.DeepCopy()
		spoil(other)
		g.Expect(HoldsPasswords(other, wanted)).To(BeFalse(), name)
	}
	strange := wanted.DeepCopy()
	delete(strange.Labels, PasswordsLabel)
	g.Expect(PasswordsOf(strange)).To(BeEmpty())
}

// A Secret holds 1 MiB. Members that are in the file stay, and the others are left out until there is room.
func TestPasswordsHaveALimit(t *testing.T) {
	g := NewWithT(t)
	const many = 15000
	hashes := map[string]string{}
	var members []usherv1.Member
	for i := range many {
		m := member(fmt.Sprintf("member-%05d", i), "seller")
		hashes[m.Name] = hashOf(i)
		members = append(members, m)
	}
	o := observed(members[1:]...)
	p := o.Passwords(o.NewPasswords("acme-htpasswd"), hashes)
	file := p.Secret.Data[KeyPasswords]
	g.Expect(len(file)).To(BeNumerically("~", corev1.MaxSecretSize, 100))
	g.Expect(len(file)).To(BeNumerically("<=", corev1.MaxSecretSize))
	fits := strings.Count(string(file), "\n")
	g.Expect(fits).To(BeNumerically(">", 10000))
	g.Expect(p.Left).To(Equal(many - 1 - fits))

	o.Members = members // one more, which sorts first
	again := o.Passwords(p.Secret, hashes)
	g.Expect(again.Secret.Data[KeyPasswords]).To(Equal(file))
	g.Expect(again.Left).To(Equal(p.Left + 1))
	g.Expect(again.Removed).To(BeEmpty())
	g.Expect(HoldsPasswords(p.Secret, again.Secret)).To(BeTrue(), "nothing is written")
}
