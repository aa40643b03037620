// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reason

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
)

// constant is a reason as api/v1alpha1 declares it.
type constant struct {
	name, value, comment string
	// group is the comment of the declaration that the constant is in.
	group string
}

// constants are all that are declared in api/v1alpha1/conditions.go.
func constants(t *testing.T) []constant {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../api/v1alpha1/conditions.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var all []constant
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			declared := spec.(*ast.ValueSpec)
			name := declared.Names[0].Name
			if !strings.HasPrefix(name, "Reason") {
				continue
			}
			value, err := strconv.Unquote(declared.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			comment := declared.Doc.Text()
			if comment == "" && !group.Lparen.IsValid() {
				comment = group.Doc.Text()
			}
			all = append(all, constant{name: name, value: value, comment: strings.Join(strings.Fields(comment), " "), group: group.Doc.Text()})
		}
	}
	if len(all) < 50 {
		t.Fatalf("found only %d constants", len(all))
	}
	return all
}

// A constant without a row would be a reason that no rule knows, and that no one can look up.
func TestEveryConstantHasARow(t *testing.T) {
	for _, c := range constants(t) {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			meaning, found := strings.CutPrefix(c.comment, c.name+" means: ")
			g.Expect(found).To(BeTrue(), "the comment begins with %q; it is %q", c.name+" means: ", c.comment)
			var meanings []string
			for _, e := range Explain(c.value) {
				meanings = append(meanings, e.Meaning+".")
			}
			g.Expect(meanings).To(ContainElement(meaning), "add a row to internal/reason/member.go (account.go, invitation.go, others.go) whose Meaning is the constant's comment")
		})
	}
}

// Every reason of a Member's state has a row that says what it means to the rules, and the Invitation's, MailReady's and AccessReady's do.
func TestEveryConstantThatARuleReadsHasARowOfItsKind(t *testing.T) {
	g := NewWithT(t)
	type table struct {
		file string
		has  func(string) bool
	}
	tables := map[string]table{
		"Reasons of a Member's state":                   {"member.go", func(r string) bool { return MemberRow(r).Reason != "" }},
		"Reasons of an Invitation whose mail":           {"invitation.go", func(r string) bool { return InvitationRow(r).Limited }},
		"Reasons of an Account's MailReady condition":   {"account.go", func(r string) bool { return deliveryRow(r).Reason != "" }},
		"Reasons of an Account's AccessReady condition": {"account.go", func(r string) bool { return AccessRow(r).Reason != "" }},
	}
	seen := map[string]int{}
	for _, c := range constants(t) {
		for group, rows := range tables {
			if strings.HasPrefix(c.group, group) {
				seen[group]++
				g.Expect(rows.has(c.value)).To(BeTrue(), "%s has no row in the table of its kind; add one to internal/reason/%s", c.name, rows.file)
			}
		}
	}
	g.Expect(seen).To(HaveLen(len(tables)))
	g.Expect(seen["Reasons of a Member's state"]).To(Equal(len(members)), "no row without a constant")
	for _, state := range []usherv1.InvitationState{
		usherv1.InvitationPending, usherv1.InvitationSending, usherv1.InvitationSent, usherv1.InvitationAccepted,
		usherv1.InvitationDeclined, usherv1.InvitationExpired, usherv1.InvitationRevoked, usherv1.InvitationFailed,
	} {
		g.Expect(InvitationRow(string(state)).Reason).NotTo(BeEmpty(), "state %s", state)
	}
}

func deliveryRow(reason string) Delivery {
	return OfDelivery(&usherv1.Account{Status: usherv1.AccountStatus{Conditions: []metav1.Condition{
		{Type: usherv1.ConditionMailReady, Reason: reason},
	}}})
}

// What a row says agrees with itself.
func TestMemberRows(t *testing.T) {
	for _, m := range Members() {
		t.Run(m.Reason, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(m.State).NotTo(BeEmpty())
			g.Expect(m.Allows(m.Outlook, m.Custody)).To(BeTrue())
			g.Expect(m.OtherOutlook).NotTo(ContainElement(m.Outlook))
			g.Expect(m.OtherCustody).NotTo(ContainElement(m.Custody))
			g.Expect(m.OtherCustody).NotTo(ContainElement(Released), "the seat rules decide by the row alone")
			if m.State == usherv1.ObservedActive {
				g.Expect(m.Custody).To(Equal(Taken), "an Active member has a seat")
				g.Expect(m.Outlook).To(Equal(conditions.Done))
			}
			if m.Invitable || m.Remindable {
				g.Expect(m.State).To(Equal(usherv1.ObservedPending))
				g.Expect(m.Custody).To(Equal(Taken), "the member is invited to the seat that it has")
			}
			g.Expect(m.Invitable && m.Remindable).To(BeFalse())
			g.Expect(m.Remindable).To(Equal(m.WaitsFor == Invitee))
			if m.KeepsSeat {
				g.Expect(m.Custody).To(Equal(Kept))
			}
			if m.Duplicate {
				g.Expect(m.RefusesSeat()).To(BeTrue(), "one address, one seat")
			}
			switch m.Outlook {
			case conditions.Stuck:
				g.Expect(m.WaitsFor).To(Equal(Correction))
			case conditions.Working:
				g.Expect(m.WaitsFor).To(BeElementOf(Controller, MailServer), "something ends it without a user")
			}
			if m.WaitsFor == Correction {
				g.Expect(m.Action).NotTo(BeEmpty(), "a user has to do something")
			}
			if m.Graced {
				g.Expect(m.Outlook).To(Equal(conditions.Stuck), "only that is put off")
			}
		})
	}
}

// Each row can be looked up, and none hides another.
func TestRowsAreUnique(t *testing.T) {
	g := NewWithT(t)
	seen := map[[3]string]bool{}
	for _, e := range All() {
		key := [3]string{e.Kind, e.Condition, e.Reason}
		g.Expect(seen).NotTo(HaveKey(key))
		seen[key] = true
		g.Expect(e.Meaning).NotTo(BeEmpty(), "%v", key)
		g.Expect(e.Meaning).NotTo(HaveSuffix("."))
		g.Expect(e.Action).NotTo(HaveSuffix("."))
	}
	for _, m := range members {
		g.Expect(MemberRow(m.Reason)).To(Equal(m))
	}
	g.Expect(Explain(usherv1.ReasonPlanNotFound)).To(HaveLen(4), "Member, its deletion, Account and SeatPool")
}

func TestUnknownReasonsMeanNothing(t *testing.T) {
	g := NewWithT(t)
	g.Expect(MemberRow("Unheard")).To(BeZero())
	g.Expect(MemberRow("Unheard").RefusesSeat()).To(BeFalse())
	g.Expect(OfMember(&usherv1.Member{})).To(BeZero())
	g.Expect(InvitationRow("")).To(BeZero())
	g.Expect(OfInvitation(&usherv1.InvitationStatus{})).To(BeZero())
	g.Expect(OfDelivery(&usherv1.Account{})).To(BeZero())
	g.Expect(AccessRow("")).To(BeZero())
}

// Callers cannot change the table.
func TestMembersIsACopy(t *testing.T) {
	rows := Members()
	rows[0].Reason = "Changed"
	if slices.ContainsFunc(members, func(m Member) bool { return m.Reason == "Changed" }) {
		t.Fatal("the table changed")
	}
}
