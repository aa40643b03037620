// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestForget(t *testing.T) {
	remembered := remembersUID(adaUID)
	remembersMany := func(n int, age time.Duration) edit {
		return func(o *Observation) {
			for i := range n {
				o.Account.Status.Departures = append(o.Account.Status.Departures, usherv1.Departure{UID: fmt.Sprintf("uid-%02d", i), DeletedAt: *later(-age)})
			}
		}
	}
	tests := []struct {
		name  string
		edits []edit
		want  bool
	}{
		{name: "nothing of it is left", edits: []edit{deleting, remembered}, want: true},
		{name: "it is not being deleted", edits: []edit{remembered}},
		{name: "its credentials exist", edits: []edit{deleting, remembered, credentials()}},
		{name: "a pool still has its claim", edits: []edit{deleting, remembered, recorded("base", 7, 7), claims("base", 7)}},
		{name: "a pool still has a claim that the member never took", edits: []edit{deleting, remembered, claims("base", 7)}},
		{name: "its claim is dropped", edits: []edit{deleting, remembered, recorded("base", 7, 7)}, want: true},
		{name: "its pool does not exist", edits: []edit{deleting, remembered, recorded("base", 7, 0), noPools}, want: true},
		{name: "the account does not remember it yet", edits: []edit{deleting}},
		{name: "the account remembers another member with this name", edits: []edit{deleting, remembersUID("uid-former")}},
		{name: "the account does not exist", edits: []edit{deleting, noAccount}, want: true},
		{name: "the account is being deleted", edits: []edit{deleting, func(o *Observation) { o.Account.DeletionTimestamp = later(0) }}, want: true},
		{name: "the account remembers 50 that were deleted later", edits: []edit{deleting, remembersMany(50, 0)}, want: true},
		{name: "the account remembers 50 that were deleted earlier", edits: []edit{deleting, remembersMany(50, time.Hour)}},
		{name: "the account remembers 49 that were deleted later", edits: []edit{deleting, remembersMany(49, 0)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			NewWithT(t).Expect(Decide(observed(tt.edits...), now).Forget).To(Equal(tt.want))
		})
	}
}

func leaver(name string, ago time.Duration, edits ...func(*usherv1.Member)) usherv1.Member {
	m := usherv1.Member{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), DeletionTimestamp: later(-ago)}}
	m.Spec.Email = usherv1.EmailAddress(name + "@acme.example")
	for _, e := range edits {
		e(&m)
	}
	return m
}

// remember calls Remember for an account that remembers former.
func remember(former []usherv1.FormerMember, members []usherv1.Member) []usherv1.FormerMember {
	return Remember(&usherv1.Account{Status: usherv1.AccountStatus{FormerMembers: former}}, members)
}

func namesOf(former []usherv1.FormerMember) []string {
	list := []string{}
	for _, f := range former {
		list = append(list, f.Name)
	}
	return list
}

func TestRemember(t *testing.T) {
	g := NewWithT(t)
	g.Expect(remember(nil, nil)).To(BeEmpty())

	stays := leaver("eve", 0, func(m *usherv1.Member) { m.DeletionTimestamp = nil })
	former := remember(nil, []usherv1.Member{leaver("ada", time.Hour), stays, leaver("bob", time.Minute), leaver("carl", time.Hour)})
	g.Expect(namesOf(former)).To(Equal([]string{"bob", "ada", "carl"}), "the latest first, then by name")
	g.Expect(former[0]).To(Equal(usherv1.FormerMember{Name: "bob", UID: "uid-bob", Email: "bob@acme.example", DeletedAt: *later(-time.Minute)}))

	again := remember(former, []usherv1.Member{leaver("bob", time.Minute), leaver("ada", time.Hour)})
	g.Expect(again).To(Equal(former), "no member is remembered twice")

	namesake := leaver("bob", 0, func(m *usherv1.Member) { m.UID = "uid-2" })
	g.Expect(namesOf(remember(former, []usherv1.Member{namesake}))).
		To(Equal([]string{"bob", "bob", "ada", "carl"}), "another member with the same name has its own entry")

	role := func(spec, status string) string {
		return remember(nil, []usherv1.Member{leaver("ada", 0, func(m *usherv1.Member) { m.Spec.Role, m.Status.Role = spec, status })})[0].Role
	}
	g.Expect(role("", "")).To(BeEmpty())
	g.Expect(role("admin", "")).To(Equal("admin"))
	g.Expect(role("", "member")).To(Equal("member"))
	g.Expect(role("admin", "member")).To(Equal("member"), "the role that it had")
}

func TestRememberKeepsFifty(t *testing.T) {
	g := NewWithT(t)
	var all []usherv1.Member
	for i := range 60 {
		all = append(all, leaver(fmt.Sprintf("m%02d", i), time.Hour)) // all at the same time
	}
	former := remember(nil, all)
	g.Expect(former).To(HaveLen(50))
	g.Expect(namesOf(former)).To(HaveExactElements(namesOf(remember(former, all))), "the same fifty on every call")
	slices.Reverse(all)
	g.Expect(remember(nil, all)).To(Equal(former), "also in another order")

	before := slices.Clone(former)
	newer := remember(former, []usherv1.Member{leaver("zoe", time.Minute)})
	g.Expect(newer).To(HaveLen(50))
	g.Expect(newer[0].Name).To(Equal("zoe"))
	g.Expect(namesOf(newer)).NotTo(ContainElement("m49"), "the last entry is dropped")
	g.Expect(former).To(Equal(before), "the argument is unchanged")
	g.Expect(remember(former, []usherv1.Member{leaver("abe", 2*time.Hour)})).To(Equal(former), "too long ago")
}

// An account drops the entries that it does not retain at once, but keeps their departures.
func TestRetention(t *testing.T) {
	var all []usherv1.Member
	for i := range 5 {
		all = append(all, leaver(fmt.Sprintf("m%d", i), time.Duration(i)*time.Hour))
	}
	for retained, want := range map[int32][]string{0: {}, 1: {"m0"}, 3: {"m0", "m1", "m2"}, 50: {"m0", "m1", "m2", "m3", "m4"}} {
		g := NewWithT(t)
		a := &usherv1.Account{Status: usherv1.AccountStatus{FormerMembers: remember(nil, all)}}
		a.Spec.RetainFormerMembers = &retained
		g.Expect(namesOf(Remember(a, nil))).To(Equal(want), "lowered to %d", retained)
		a.Status.FormerMembers = nil
		g.Expect(namesOf(Remember(a, all))).To(Equal(want), "%d from the start", retained)
		a.Status.Departures = Depart(a, all)
		g.Expect(a.Status.Departures).To(HaveLen(5))
		for i := range all {
			g.Expect(a.Remembers(string(all[i].UID))).To(BeTrue())
		}
		g.Expect(Depart(a, all)).To(Equal(a.Status.Departures), "no member departs twice")
	}
}

// Neither the credentials nor the manifest of a member that was restored and deleted again count for the next member of its name.
func TestARestoredMemberDepartsWithBothUIDs(t *testing.T) {
	g := NewWithT(t)
	restored := leaver("ada", 0, func(m *usherv1.Member) {
		m.Annotations = map[string]string{usherv1.MemberUIDAnnotation: "uid-before"}
	})
	a := &usherv1.Account{}
	a.Status.Departures = Depart(a, []usherv1.Member{restored})
	g.Expect(a.Remembers("uid-ada")).To(BeTrue())
	g.Expect(a.Remembers("uid-before")).To(BeTrue())
	g.Expect(Depart(a, []usherv1.Member{restored})).To(Equal(a.Status.Departures), "no member departs twice")
}

// A member that lost its credentials in a restore and accepted anew is marked with its new UID. It departs with the earlier one, too: the
// credentials of the backup are not those of the next member of its name.
func TestAMarkedMemberDepartsWithAllUIDs(t *testing.T) {
	g := NewWithT(t)
	marked := leaver("ada", 0, func(m *usherv1.Member) {
		m.Annotations = map[string]string{usherv1.MemberUIDAnnotation: "uid-before,uid-first"}
	})
	marked.Annotations[usherv1.MemberUIDAnnotation] = marked.MarkedUIDs()
	g.Expect(marked.UIDs()).To(Equal([]string{"uid-ada", "uid-before", "uid-first"}))
	g.Expect(marked.MarkedUIDs()).To(Equal(marked.Annotations[usherv1.MemberUIDAnnotation]), "marked once")
	a := &usherv1.Account{}
	a.Status.Departures = Depart(a, []usherv1.Member{marked})
	for _, uid := range marked.UIDs() {
		g.Expect(marked.Is(uid)).To(BeTrue())
		g.Expect(a.Remembers(uid)).To(BeTrue())
		next := usherv1.Member{}
		next.UID, next.Annotations = "uid-next", map[string]string{usherv1.MemberUIDAnnotation: uid}
		g.Expect(next.IsCopy(a)).To(BeTrue(), uid)
	}
	for range 50 {
		marked.UID += "x"
		marked.Annotations[usherv1.MemberUIDAnnotation] = marked.MarkedUIDs()
	}
	g.Expect(marked.UIDs()).To(HaveLen(10), "the list ends")
	g.Expect(marked.UIDs()[0]).To(Equal(string(marked.UID)))
}

// A status without departures, of an earlier version, gets them from its former members.
func TestDepartTakesOverFormerMembers(t *testing.T) {
	g := NewWithT(t)
	a := &usherv1.Account{Status: usherv1.AccountStatus{FormerMembers: remember(nil, []usherv1.Member{leaver("ada", time.Hour)})}}
	g.Expect(Depart(a, []usherv1.Member{leaver("bob", 0)})).To(Equal([]usherv1.Departure{
		{UID: "uid-bob", DeletedAt: *later(0)}, {UID: "uid-ada", DeletedAt: *later(-time.Hour)},
	}))
}
