// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// shardSize is the largest number of members in one binding. An address is at most 254 bytes long and a member has at most two names, so
// that a binding stays under a megabyte, two thirds of what etcd accepts.
const shardSize = 1000

// Users returns the names under which Kubernetes may know a Member, each once: its address as it is written, and in lower case, because
// some OIDC providers put addresses into lower case and others leave them as they are.
func (o Observation) Users(m *usherv1.Member) []string {
	written, lower := o.UserPrefix+string(m.EmailInUse()), o.UserPrefix+m.EmailInUse().LowerCase()
	if written == lower {
		return []string{written}
	}
	return []string{written, lower}
}

// shard is the users of one binding, and how many members they are.
type shard struct {
	users   []string
	members int
}

func (s *shard) add(users []string) {
	s.users = append(s.users, users...)
	s.members++
}

// bind adds the bindings of a grant. A member that is in a binding stays in it; the others go into the first that has room.
func (p *Projection) bind(o Observation, g grant, marks []string) {
	homes := homesOf(shardsOf(o.Bindings, g.stem))
	shards := map[int]*shard{}
	of := func(index int) *shard {
		if shards[index] == nil {
			shards[index] = &shard{}
		}
		return shards[index]
	}
	var homeless [][]string
	for _, m := range g.members {
		users := o.Users(m)
		home, there := homes.of(users)
		_, gains := Entitled(m)
		if gains && len(there) < len(users) {
			p.Added, there = append(p.Added, m.Name), users
		}
		switch {
		case home >= 0 && of(home).members < shardSize:
			of(home).add(there)
		case gains:
			homeless = append(homeless, users)
			p.Added = append(p.Added, m.Name)
		}
	}
	slices.SortFunc(homeless, slices.Compare)
	for index := 0; len(homeless) > 0; index++ {
		for len(homeless) > 0 && of(index).members < shardSize {
			of(index).add(homeless[0])
			homeless = homeless[1:]
		}
	}
	for index, s := range shards {
		b := rbacv1.RoleBinding{ObjectMeta: o.meta(g.stem + "-" + strconv.Itoa(index)), RoleRef: g.ref}
		slices.Sort(s.users)
		for _, user := range slices.Compact(s.users) {
			b.Subjects = append(b.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user})
		}
		if group := o.supportGroup(); group != "" {
			b.Subjects = append(b.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group})
		}
		mark(&b, marks)
		p.Bindings = append(p.Bindings, b)
	}
}

// ReservedPrefix begins the names of the users and groups that Kubernetes itself assigns.
const ReservedPrefix = "system:"

// supportGroup returns the group that has the access of every role; empty for none. The schema refuses a reserved name, but an object that
// was stored before the schema did may have one.
func (o Observation) supportGroup() string {
	if o.Account.Spec.Access == nil || strings.HasPrefix(string(o.Account.Spec.Access.SupportGroup), ReservedPrefix) {
		return ""
	}
	return string(o.Account.Spec.Access.SupportGroup)
}

// homes are the numbers of the bindings of a grant that name a user.
type homes map[string]int

func homesOf(present map[int]*rbacv1.RoleBinding) homes {
	h := homes{}
	for _, index := range slices.Sorted(maps.Keys(present)) {
		for _, s := range present[index].Subjects {
			if _, known := h[s.Name]; !known && s.Kind == rbacv1.UserKind {
				h[s.Name] = index
			}
		}
	}
	return h
}

// of returns the number of the first binding that names a member by one of its names, and the names in it; -1 if there is none.
func (h homes) of(users []string) (home int, there []string) {
	home = -1
	for _, user := range users {
		if index, known := h[user]; known && (home < 0 || index < home) {
			home = index
		}
	}
	for _, user := range users {
		if index, known := h[user]; known && index == home {
			there = append(there, user)
		}
	}
	return home, there
}

// shardsOf returns the present bindings of a grant, by their number.
func shardsOf(bindings []rbacv1.RoleBinding, stem string) map[int]*rbacv1.RoleBinding {
	shards := map[int]*rbacv1.RoleBinding{}
	for i := range bindings {
		number, found := strings.CutPrefix(bindings[i].Name, stem+"-")
		if index, err := strconv.Atoi(number); found && err == nil && index >= 0 && number == strconv.Itoa(index) {
			shards[index] = &bindings[i]
		}
	}
	return shards
}

// WithdrawnAnnotation on a binding or a password file holds the marks of the members that its writer left out because they had lost their
// access.
const WithdrawnAnnotation = "usher.dev/withdrawn"

// maxMarks is how many marks there are at once, since an annotation has a limit. The others follow when these are gone.
const maxMarks = 3000

// Mark returns the mark of the last time that a Member was Active; empty if it has no seat to give back after it.
func Mark(m *usherv1.Member) string {
	if m.Status.State == usherv1.ObservedActive || m.Status.ActivatedAt == nil {
		return ""
	}
	for _, s := range m.Status.Seats {
		if s.AddOn == "" && s.Held() {
			return fmt.Sprintf("%s.%d.%d", m.UID, s.Grant, m.Status.ActivatedAt.Unix())
		}
	}
	return ""
}

// marksOf returns the marks of the members that lost their access, as many as there is room for. Members that give their seat back come
// first. Others keep it as a rule, but their pool may be deleted.
func marksOf(members []usherv1.Member) []string {
	var leavers, others []string
	for i := range members {
		m := Mark(&members[i])
		switch {
		case m == "":
		case leaves(&members[i]):
			leavers = append(leavers, m)
		default:
			others = append(others, m)
		}
	}
	slices.Sort(leavers)
	slices.Sort(others)
	marks := append(leavers, others...)
	return marks[:min(len(marks), maxMarks)]
}

func mark(place metav1.Object, marks []string) {
	if len(marks) > 0 {
		place.SetAnnotations(map[string]string{WithdrawnAnnotation: strings.Join(marks, " ")})
	}
}

// marked reports whether a present place has all marks that it should have.
func marked(present, wanted metav1.Object) bool {
	there := map[string]bool{}
	for _, mark := range Marked(present) {
		there[mark] = true
	}
	return !slices.ContainsFunc(Marked(wanted), func(mark string) bool { return !there[mark] })
}

// Withdrawn reports whether no place can give a Member access any more. places are the account's bindings and password files. m and places
// were read live, in this order.
func Withdrawn(m *usherv1.Member, places []metav1.Object) bool {
	mark := Mark(m)
	if m.Status.State == usherv1.ObservedActive {
		return false
	}
	for _, place := range places {
		if mark != "" && AccountOf(place) == m.Spec.AccountRef.Name && !slices.Contains(Marked(place), mark) {
			return false
		}
	}
	return true
}

// Withhold returns the present bindings without the users who keep no access, for an account whose plan cannot be read: what it grants is
// not known, but who is to lose it is. Marks stay as they are.
func Withhold(o Observation) Projection {
	keeps := map[string]bool{}
	for i := range o.Members {
		if kept, _ := Entitled(&o.Members[i]); kept && o.Account.Spec.State != usherv1.StateDisabled {
			for _, user := range o.Users(&o.Members[i]) {
				keeps[user] = true
			}
		}
	}
	var p Projection
	for i := range o.Bindings {
		b := *o.Bindings[i].DeepCopy()
		b.Subjects = slices.DeleteFunc(b.Subjects, func(s rbacv1.Subject) bool { return s.Kind == rbacv1.UserKind && !keeps[s.Name] })
		p.Bindings = append(p.Bindings, b)
	}
	p.Removed = removed(o.Bindings, p.Bindings)
	return p
}

// Marked returns the marks of a binding or a password file.
func Marked(place metav1.Object) []string {
	return strings.Fields(place.GetAnnotations()[WithdrawnAnnotation])
}

// MemberOf returns the UID of the Member that a mark stands for.
func MemberOf(mark string) string {
	uid, _, _ := strings.Cut(mark, ".")
	return uid
}

// Holds reports whether a present binding is as it should be. Marks of members that have gone since do no harm.
func Holds(present, wanted *rbacv1.RoleBinding) bool {
	return marked(present, wanted) && equality.Semantic.DeepEqual(present.Subjects, wanted.Subjects) &&
		present.RoleRef == wanted.RoleRef && sameMeta(present, wanted)
}

// OnlyAdds reports whether a present binding lacks subjects and nothing else: all its subjects are wanted, and no member waits for a mark
// on it.
func OnlyAdds(present, wanted *rbacv1.RoleBinding) bool {
	for _, s := range present.Subjects {
		if !slices.Contains(wanted.Subjects, s) {
			return false
		}
	}
	rest := wanted.DeepCopy()
	rest.Subjects = present.Subjects
	return Holds(present, rest)
}

// removed returns the users in a present binding that are in no wanted binding to the same role.
func removed(present, wanted []rbacv1.RoleBinding) []string {
	type place struct {
		ref  rbacv1.RoleRef
		user string
	}
	named := map[place]bool{}
	for i := range wanted {
		for _, s := range wanted[i].Subjects {
			named[place{wanted[i].RoleRef, s.Name}] = true
		}
	}
	var users []string
	for i := range present {
		for _, s := range present[i].Subjects {
			if s.Kind == rbacv1.UserKind && !named[place{present[i].RoleRef, s.Name}] {
				users = append(users, s.Name)
			}
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}
