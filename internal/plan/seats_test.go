// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func pool(name string, seats int32, edits ...func(*usherv1.SeatPool)) usherv1.SeatPool {
	p := usherv1.SeatPool{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.Time{Time: t0}}}
	p.Spec.AccountRef.Name, p.Spec.Seats = "acme", &seats
	for _, e := range edits {
		e(&p)
	}
	return p
}

func of(addOn string) func(*usherv1.SeatPool) {
	return func(p *usherv1.SeatPool) { p.Spec.AddOn = addOn }
}
func older(p *usherv1.SeatPool)   { p.CreationTimestamp.Time = t0.Add(-time.Hour) }
func leaving(p *usherv1.SeatPool) { p.DeletionTimestamp = &metav1.Time{Time: t0} }
func claimed(p *usherv1.SeatPool) { p.Status.Claims = map[string]int64{"uid-ada": 1} }
func elsewhere(p *usherv1.SeatPool) {
	p.Spec.AccountRef.Name = "globex"
}

// counted sets the pool's status.
func counted(included, capacity, assigned int32) func(*usherv1.SeatPool) {
	return func(p *usherv1.SeatPool) {
		p.Status.Included, p.Status.Capacity, p.Status.Assigned = included, &capacity, &assigned
	}
}

func selling(rule usherv1.SeatPurchase) *usherv1.Plan {
	return proPlan(func(s *usherv1.PlanSpec) { s.SeatPurchase = rule })
}

func TestSeatsOf(t *testing.T) {
	onlyFull := usherv1.SeatPurchase{WhenFull: ptr.To(true)}
	tests := []struct {
		name             string
		terms            Terms
		pool             usherv1.SeatPool
		others           []usherv1.SeatPool
		included, bought int32
		reason, problem  string
		missing          bool
		most             int32
	}{
		{name: "no plan", terms: For(&usherv1.Account{}, nil), pool: pool("base", 5), bought: 5, most: 10000},
		{
			name: "no plan, an add-on", terms: For(&usherv1.Account{}, nil), pool: pool("pipes", 5, of("pipelines")), missing: true,
			reason:  usherv1.ReasonAddOnNotInPlan,
			problem: "An account without a plan has no add-on pipelines, so no seat of this pool counts; set the Account's spec.planRef",
		},
		{name: "no account", terms: For(nil, nil), pool: pool("base", 5), bought: 5, most: 10000},
		{name: "included and bought", terms: For(account(), proPlan()), pool: pool("base", 5), included: 3, bought: 5, most: 10000},
		{name: "the older pool has the included seats", terms: For(account(), proPlan()), pool: pool("base", 5),
			others: []usherv1.SeatPool{pool("zoo", 0, older)}, bought: 5, most: 10000},
		{name: "of two pools of the same age, the higher name has no included seats", terms: For(account(), proPlan()), pool: pool("base", 5),
			others: []usherv1.SeatPool{pool("a", 0)}, bought: 5, most: 10000},
		{name: "of two pools of the same age, the lower name has the included seats", terms: For(account(), proPlan()), pool: pool("a", 5),
			others: []usherv1.SeatPool{pool("base", 0)}, included: 3, bought: 5, most: 10000},
		{
			name: "pools that do not count", terms: For(account(), proPlan()), pool: pool("base", 5), included: 3, bought: 5, most: 10000,
			others: []usherv1.SeatPool{pool("a", 0, leaving), pool("b", 0, older, elsewhere), pool("c", 0, older, of("pipelines"))},
		},
		{name: "a pool that is being deleted has them until the last seat came back", terms: For(account(), proPlan()),
			pool: pool("base", 5, leaving, claimed), included: 3, bought: 5, most: 10000},
		{name: "another pool has them only then", terms: For(account(), proPlan()), pool: pool("base", 5),
			others: []usherv1.SeatPool{pool("a", 0, leaving, claimed)}, bought: 5, most: 10000},
		{name: "a pool that is being deleted has none", terms: For(account(), proPlan()), pool: pool("base", 5, leaving), bought: 5, most: 10000},
		{name: "an add-on", terms: For(account("pipelines"), proPlan()), pool: pool("pipes", 5, of("pipelines")),
			others: []usherv1.SeatPool{pool("base", 1, older)}, included: 2, bought: 5, most: 10000},
		{
			name: "an add-on that the account does not have", terms: For(account(), proPlan()), pool: pool("pipes", 5, of("pipelines")),
			reason: usherv1.ReasonAddOnNotInAccount, missing: true,
			problem: "The account does not have the add-on pipelines, so no seat of this pool counts; add it to the Account's spec.addOns",
		},
		{
			name: "an add-on that the plan does not have", terms: For(account("charts"), proPlan()), pool: pool("charts", 5, of("charts")),
			reason: usherv1.ReasonAddOnNotInPlan, missing: true, problem: "Plan pro has no add-on charts, so no seat of this pool counts; choose another plan",
		},
		{
			name: "no seats for sale", terms: For(account(), selling(usherv1.SeatPurchase{Policy: usherv1.PurchaseNotAllowed})),
			pool: pool("base", 5), included: 3,
			reason:  usherv1.ReasonPurchaseNotAllowed,
			problem: "Plan pro sells no seats, so the 5 in spec.seats do not count; set it to 0, or choose another plan",
		},
		{name: "no seats for sale, none in spec", terms: For(account(), selling(usherv1.SeatPurchase{Policy: usherv1.PurchaseNotAllowed})),
			pool: pool("base", 0), included: 3},
		{
			name: "more seats than the plan sells", terms: For(account(), selling(usherv1.SeatPurchase{Maximum: ptr.To[int32](4)})),
			pool:     pool("base", 5),
			included: 3, bought: 4, most: 4,
			reason:  usherv1.ReasonAboveMaximum,
			problem: "Plan pro sells at most 4 seats, so 1 of the 5 in spec.seats do not count; lower it, or choose another plan",
		},
		{name: "all that the plan sells", terms: For(account(), selling(usherv1.SeatPurchase{Maximum: ptr.To[int32](5)})), pool: pool("base", 5),
			included: 3, bought: 5, most: 5},
		{name: "when full: a new pool's seats count", terms: For(account(), selling(onlyFull)), pool: pool("base", 5),
			included: 3, bought: 5, most: 10000},
		{
			name: "when full: not full", terms: For(account(), selling(onlyFull)), pool: pool("base", 5, counted(3, 4, 3)), included: 3, bought: 1,
			most:   10000,
			reason: usherv1.ReasonSeatsUnassigned,
			problem: "Plan pro sells seats only while all are assigned: 4 of the 5 in spec.seats do not count " +
				"until every existing seat (4) is assigned to an Active member",
		},
		{name: "when full: full", terms: For(account(), selling(onlyFull)), pool: pool("base", 5, counted(3, 4, 4)), included: 3, bought: 5,
			most: 10000},
		{name: "when full: seats that have counted still count", terms: For(account(), selling(onlyFull)),
			pool: pool("base", 5, counted(3, 8, 4)), included: 3, bought: 5, most: 10000},
		{name: "when full: fewer than before", terms: For(account(), selling(onlyFull)), pool: pool("base", 2, counted(3, 8, 4)), included: 3,
			bought: 2, most: 10000},
		{
			name: "the plan does not exist", terms: For(account(), nil), pool: pool("base", 5, counted(3, 8, 4)), included: 3, bought: 5,
			most:   10000,
			reason: usherv1.ReasonPlanNotFound, missing: true, problem: "There is no Plan pro; create it, or correct spec.planRef of Account acme",
		},
		{
			name: "the plan does not exist: no additional seats count", terms: For(account(), nil), pool: pool("base", 9, counted(3, 8, 4)),
			included: 3, bought: 5, most: 10000,
			reason: usherv1.ReasonPlanNotFound, missing: true, problem: "There is no Plan pro; create it, or correct spec.planRef of Account acme",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			s := tt.terms.SeatsOf(&tt.pool, append(tt.others, tt.pool))
			g.Expect([]int32{s.Included, s.Bought, s.Most}).To(Equal([]int32{tt.included, tt.bought, tt.most}), "included, bought, most")
			g.Expect([]string{s.Reason, s.Problem}).To(Equal([]string{tt.reason, tt.problem}))
			g.Expect(s.Missing).To(Equal(tt.missing), "Missing")
			g.Expect(s.Capacity()).To(BeEquivalentTo(tt.included + tt.bought))
		})
	}
}

// Which pool has the included seats is recorded on it, since creation times do not survive a restore.
func TestIncludedSeatsStay(t *testing.T) {
	g := NewWithT(t)
	terms := For(account(), proPlan())
	recorded := func(p *usherv1.SeatPool) { p.Annotations = map[string]string{usherv1.IncludedSeatsAnnotation: "true"} }
	had, other := pool("zzz", 0, recorded), pool("aaa", 0, older)
	pools := []usherv1.SeatPool{had, other}
	g.Expect(terms.SeatsOf(&had, pools).Included).To(BeEquivalentTo(3))
	g.Expect(terms.SeatsOf(&other, pools).Included).To(BeZero())

	both := pool("aaa", 0, older, recorded)
	pools = []usherv1.SeatPool{had, both}
	g.Expect(terms.SeatsOf(&had, pools).Included).To(BeZero(), "an annotation does not multiply seats")
	g.Expect(terms.SeatsOf(&both, pools).Included).To(BeEquivalentTo(3))

	gone := pool("zzz", 0, recorded, leaving)
	g.Expect(terms.SeatsOf(&other, []usherv1.SeatPool{gone, other}).Included).To(BeEquivalentTo(3))
	elsewhere := pool("zzz", 0, recorded, elsewhere)
	g.Expect(terms.SeatsOf(&other, []usherv1.SeatPool{elsewhere, other}).Included).To(BeEquivalentTo(3))
	addOn := pool("zzz", 0, recorded, of("pipelines"))
	g.Expect(terms.SeatsOf(&other, []usherv1.SeatPool{addOn, other}).Included).To(BeEquivalentTo(3))

	fresh := pool("base", 0)
	record := func(terms Terms, p *usherv1.SeatPool, others ...usherv1.SeatPool) string {
		pools := append(others, *p)
		says, changes := terms.IncludedRecord(p, pools, terms.SeatsOf(p, pools))
		if !changes {
			return "as it is"
		}
		return says
	}
	fresh.UID = "uid-fresh"
	g.Expect(record(terms, &fresh)).To(Equal("uid-fresh"))
	g.Expect(record(terms, &had)).To(Equal("as it is"), "recorded already")
	g.Expect(record(terms, &fresh, had)).To(Equal("as it is"), "another has them")
	g.Expect(record(terms, &had, both)).To(BeEmpty(), "another is recorded, and comes first")
	g.Expect(record(terms, &both, had)).To(Equal("as it is"))
	known := pool("base", 0, counted(3, 3, 0))
	missing := For(account(), nil)
	g.Expect(record(missing, &known)).To(Equal("as it is"), "nothing is decided without the plan")
}

// The manager runs while pools are restored, and the one that had the included seats comes last: it gets them back.
func TestIncludedSeatsAreRestored(t *testing.T) {
	g := NewWithT(t)
	terms := For(account(), proPlan())
	marked := func(uid string) func(*usherv1.SeatPool) {
		return func(p *usherv1.SeatPool) { p.Annotations = map[string]string{usherv1.IncludedSeatsAnnotation: uid} }
	}
	early, late := pool("aaa", 0, older, marked("uid-aaa")), pool("zzz", 0, marked("uid-of-the-backup"))
	early.UID, late.UID = "uid-aaa", "uid-zzz"
	pools := []usherv1.SeatPool{early, late}
	g.Expect(terms.SeatsOf(&late, pools).Included).To(BeEquivalentTo(3))
	g.Expect(terms.SeatsOf(&early, pools).Included).To(BeZero())
	says, changes := terms.IncludedRecord(&early, pools, terms.SeatsOf(&early, pools))
	g.Expect(changes).To(BeTrue())
	g.Expect(says).To(BeEmpty(), "or the next restore would not know which of them had the seats")
	_, changes = terms.IncludedRecord(&late, pools, terms.SeatsOf(&late, pools))
	g.Expect(changes).To(BeFalse())
}
