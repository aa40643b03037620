// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"math/rand/v2"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// draw decides the steps of one schedule. Which things happen, and how often, differs from seed to seed: a schedule with
// a little of everything does not find defects that need much of one thing.
type draw struct {
	random     *rand.Rand
	fine, week bool

	setup []Step
	// length in steps.
	length int
	// weights of what may come next.
	deliver              [operators][kinds]int
	crash, relist, pass  int
	rest                 int
	admin, visit, faults int
	// paces are the weights of tasks; see pace.
	paces [5]int
	// actions of the admin that happen.
	actions []Action
	members int
	// rests are the kinds of work that a rest may leave to be interleaved; empty for none.
	rests []string
	// profiles: members change their profiles.
	profiles bool
	// forgets: members forget their passwords.
	forgets bool
	// skews is the weight of changes of the clocks.
	skews int
	// alone: mostly one operator runs, as with leader election.
	alone bool
	// restores is the weight of what the platform does.
	restores int
	// days: days pass more often.
	days bool
	// still: the admin changes nothing while it is known what members must have again.
	still bool
	// then are the steps that come next in any case.
	then []Step

	candidates []Step
	weights    []int
	total      int
}

func newDraw(seed uint64) *draw {
	d := &draw{random: rand.New(rand.NewPCG(seed, 0x5ea75))}
	d.fine = d.chance(4)
	d.week = d.chance(5)
	d.length = 20 + d.random.IntN(120)
	for op := range d.deliver {
		for k := range d.deliver[op] {
			d.deliver[op][k] = []int{1, 4, 10, 30}[d.random.IntN(4)]
		}
	}
	d.crash = []int{0, 0, 1}[d.random.IntN(3)]
	d.relist = []int{0, 1, 2}[d.random.IntN(3)]
	d.pass = []int{1, 4, 8}[d.random.IntN(3)]
	d.rest = []int{0, 1, 2}[d.random.IntN(3)]
	d.rests = []string{"", "members", "pools", "invitations", "invitations", "visits"}
	d.admin = []int{2, 6, 15}[d.random.IntN(3)]
	d.visit = []int{0, 6, 20, 20}[d.random.IntN(4)]
	d.faults = []int{0, 0, 5, 20}[d.random.IntN(4)] // percent of calls
	for i := range d.paces {
		d.paces[i] = []int{1, 10, 10, 40, 100}[d.random.IntN(5)]
	}
	d.members = 1 + d.random.IntN(3)
	for _, action := range adminActions {
		if d.chance(2) {
			d.actions = append(d.actions, action)
		}
	}
	last := d.theme(seed)
	d.prepare()
	d.setup = append(d.setup, last...)
	return d
}

var adminActions = []Action{
	MakeAccount, DeleteAccount, EnableAccount, DisableAccount,
	MakePool, DeletePool, AllowPool, ScalePool, SwitchPool,
	MakeMember, DeleteMember, Enable, Disable, Readdress, Move, Immediate, End,
	Resend, Revoke, Reopen, WriteByHand, Tear,
	BreakSecret, MendSecret, DeleteSecret, StopServer, StartServer, Word, DeliverBy, Collect,
	MakePlan, DeletePlan, ChangePlan, Subscribe, Subscribe, Appoint, Entitle, KeepPasswords,
	ForegroundDelete, Finalize, Reap, Squat, Leave,
}

// chance returns true in one of n cases.
func (d *draw) chance(n int) bool { return d.random.IntN(n) == 0 }

// prepare draws the setup that most schedules begin with, in any order.
func (d *draw) prepare() {
	d.setup = []Step{
		{Do: MakeAccount, Name: accountName}, {Do: MendSecret}, {Do: Restart, Op: 0}, d.pool("p0"),
	}
	if !d.alone {
		d.setup = append(d.setup, Step{Do: Restart, Op: 1})
	}
	if d.chance(3) {
		d.setup = append(d.setup, d.pool("p1"))
	}
	if d.chance(3) {
		d.setup = append(d.setup, Step{Do: MakePlan, N: int64(d.random.IntN(len(planSpecs)))},
			Step{Do: Subscribe, Name: accountName, To: planKey.Name})
	}
	if d.chance(3) {
		d.setup = append(d.setup, Step{Do: KeepPasswords, Name: accountName, To: "passwords"})
	}
	for i := range d.members {
		d.setup = append(d.setup, Step{Do: MakeMember, Name: fmt.Sprintf("m%d",
			i), To: d.address(i), N: []int64{0, 0, 0, 0, 0, 3}[d.random.IntN(6)]})
	}
	d.random.Shuffle(len(d.setup), func(i, j int) { d.setup[i], d.setup[j] = d.setup[j], d.setup[i] })
}

func (d *draw) pool(name string) Step {
	s := Step{Do: MakePool, Name: name, N: int64(d.random.IntN(3))}
	switch {
	case d.chance(4):
		s.To = string(usherv1.ReserveOnAcceptance)
	case name == "p1" && d.chance(2):
		s.To = "extra"
	}
	return s
}

// address mostly returns an address that only this member has.
func (d *draw) address(i int) string {
	switch {
	case d.chance(6):
		i = d.random.IntN(3)
	case d.chance(12):
		return fmt.Sprintf("%s%d@acme.example", badAddress, i)
	}
	return fmt.Sprintf("a%d@acme.example", i)
}

// next draws the step after i steps; false ends the schedule.
func (d *draw) next(w *world, i int) (Step, bool) {
	if i < len(d.setup) {
		return d.setup[i], true
	}
	if i == len(d.setup) && d.rest > 0 {
		return d.restful(), true
	}
	if w.steps >= d.length {
		return Step{}, false
	}
	if len(d.then) > 0 {
		s := d.then[0]
		d.then = d.then[1:]
		return s, true
	}
	d.candidates, d.weights, d.total = d.candidates[:0], d.weights[:0], 0
	for _, o := range w.ops {
		d.addOperator(w, o)
	}
	d.add(d.pass, Step{Do: Pass, N: int64([]int{0, 0, 0, 50, 1000, 5000, 61000, 3600_000}[d.random.IntN(8)])})
	if d.chance(4) {
		d.add(d.rest, d.restful())
	}
	if d.chance(60) || d.days && d.chance(30) {
		d.add(d.pass, Step{Do: Pass, N: 8 * 24 * 3600_000})
	}
	d.addAdmin(w)
	d.addVisit(w)
	d.addProfile(w)
	d.addConfirm(w)
	d.addPasswords(w)
	d.addPlatform(w)
	d.addSkews(w)
	return d.settled()
}

// addAdmin adds one action of the admin; it draws at most four times for one that is possible.
func (d *draw) addAdmin(w *world) {
	if d.still && w.granted != nil {
		return
	}
	for range 4 {
		if s, possible := d.administer(); possible && w.concerns(s) {
			d.add(d.admin, s)
			return
		}
	}
}

// pick draws one of the candidates by weight.
func (d *draw) pick() (Step, bool) {
	n := d.random.IntN(d.total)
	for j, weight := range d.weights {
		if n -= weight; n < 0 {
			return d.candidates[j], true
		}
	}
	return Step{}, false
}

// restful returns a rest that mostly leaves one kind of work to be interleaved.
func (d *draw) restful() Step {
	return Step{Do: Rest, N: 5000, To: d.rests[d.random.IntN(len(d.rests))]}
}

func (d *draw) add(weight int, s Step) {
	d.candidates, d.weights = append(d.candidates, s), append(d.weights, weight)
	d.total += weight
}

// addOperator adds what one operator could do.
func (d *draw) addOperator(w *world, o *operator) {
	if !o.up {
		d.add(d.restart(w), Step{Do: Restart, Op: o.id, N: int64(d.random.IntN(3))})
		return
	}
	for k := range o.caches {
		if lag := o.caches[k].lag(w.api); lag > 0 {
			d.add(d.deliver[o.id][k], Step{Do: Deliver, Op: o.id, On: kind(k)})
			if d.relist > 0 && lag > 1 {
				d.add(d.relist, Step{Do: Relist, Op: o.id, On: kind(k), N: int64(d.random.IntN(lag - 1))})
			}
		}
	}
	for k := range o.queues {
		for i := range o.queues[k].items {
			if it := &o.queues[k].items[i]; it.ready(w.clock) && o.busy(kind(k)) < workers {
				s := Step{Do: Begin, Op: o.id, On: kind(k), Name: it.key.Name}
				if kind(k) == secrets || kind(k) == plans {
					s.Name = ""
				}
				d.add(8, s)
			}
		}
	}
	for _, t := range o.tasks {
		d.add(d.pace(t), Step{Do: Go, Op: o.id, On: t.on, Name: t.key.Name, Fault: d.fault(t)})
	}
	if d.crash > 0 && len(o.tasks) > 0 {
		d.add(d.crash, Step{Do: Crash, Op: o.id})
	}
}

// pace is the weight of a task's next step. Some tasks are delayed at every call while the rest of the world continues.
func (d *draw) pace(t *task) int {
	return d.paces[(uint(t.began)*7+uint(t.on)*3+uint(t.op.id))%uint(len(d.paces))]
}

// fault draws the fault of the call that a task waits for.
func (d *draw) fault(t *task) Fault {
	if d.faults == 0 || d.random.IntN(100) >= d.faults || t.pending.verb == "cacheRead" {
		return None
	}
	switch t.pending.verb {
	case "mail":
		return []Fault{Refused, AnswerLost, Temporary, Greylisted, Permanent, Configuration, Away}[d.random.IntN(7)]
	case "probe":
		return Configuration
	}
	if t.on == visits && t.pending.verb == "delete" {
		return None // the portal retries after a pause on the wall clock
	}
	return []Fault{Refused, AnswerLost}[d.random.IntN(2)]
}

// oneOf draws one of the values; a value that is listed twice is twice as likely.
func oneOf[T any](d *draw, values ...T) T { return values[d.random.IntN(len(values))] }
