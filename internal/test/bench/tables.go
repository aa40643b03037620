// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Tables returns the report as tables.
func (r *Report) Tables() []Table {
	var tables []Table
	if len(r.Rollouts) > 0 {
		tables = append(tables, r.rolloutTable())
	}
	tables = append(tables, r.profileTables()...)
	if len(r.Units) > 0 {
		tables = append(tables, unitTable(r.Units))
	}
	for _, f := range r.Fairness {
		tables = append(tables, f.table())
	}
	if len(r.Pages) > 0 {
		tables = append(tables, portalTable(r.Pages, r.Rate))
	}
	if len(r.Scales) > 0 {
		tables = append(tables, scaleTable(r.Scales))
	}
	if others := r.othersTable(); len(others.Rows) > 0 {
		tables = append(tables, others)
	}
	return tables
}

// Markdown writes what the run was, and its tables.
func (r *Report) Markdown(out io.Writer) error {
	if _, err := io.WriteString(out, r.About.String()); err != nil {
		return err
	}
	for _, t := range r.Tables() {
		if _, err := io.WriteString(out, "\n"); err != nil {
			return err
		}
		if err := t.markdown(out); err != nil {
			return err
		}
	}
	return nil
}

// row is one line of the table of roll-outs.
type row struct {
	name, target string
	cell         func(r *Rollout) string
}

// rolloutRows are the lines about one roll-out each: ratios, then what one member costs, then absolute figures.
var rolloutRows = []row{
	{"invited/s over the raw client's status patches/s", ">= 0.12; 10,000: >= 0.115",
		func(r *Rollout) string { return number(perSecond(r.N, r.Invite.Wall)/r.Raw.Patches, 3) }},
	{"time created -> invited over the raw client's for the same writes", "<= 1.2",
		func(r *Rollout) string { return number(r.Invite.Wall.Seconds()/r.Invite.Raw.Seconds(), 2) }},
	{"time accepted -> Active over the raw client's for the same writes", "<= 1.2",
		func(r *Rollout) string { return number(r.Accept.Wall.Seconds()/r.Accept.Raw.Seconds(), 2) }},
	{"created -> invited: writes per member", "<= 5", func(r *Rollout) string { return r.perMember(r.Invite.Writes) }},
	{"of which to the member and its invitation", "", func(r *Rollout) string { return r.perMember(r.Invite.Own) }},
	{"created -> invited: Events per member", "<= 1", func(r *Rollout) string { return r.perMember(r.Invite.Events) }},
	{"created -> invited: live reads per member", "<= 2", func(r *Rollout) string { return r.perMember(r.Invite.Reads) }},
	{"accepted -> Active: writes per member", "<= 3", func(r *Rollout) string { return r.perMember(r.Accept.Writes) }},
	{"of which to the member and its invitation", "", func(r *Rollout) string { return r.perMember(r.Accept.Own) }},
	{"accepted -> Active: Events per member", "<= 1", func(r *Rollout) string { return r.perMember(r.Accept.Events) }},
	{"accepted -> Active: live reads per member", "<= 2", func(r *Rollout) string { return r.perMember(r.Accept.Reads) }},
	{"conflicts per successful write, one manager", "", func(r *Rollout) string {
		return percent(float64(r.Invite.Conflicts+r.Accept.Conflicts) / float64(r.Invite.Writes+r.Accept.Writes))
	}},
	{"writes and Events after a restart at rest", "0", func(r *Rollout) string { return strconv.Itoa(r.Restart.Writes) }},
	{"manager, created -> invited: ms of processor time per member", "<= 5; 10,000: <= 6",
		func(r *Rollout) string { return number(milliseconds(r.Invite.Manager)/float64(r.N), 1) }},
	{"manager, accepted -> Active: ms of processor time per member", "",
		func(r *Rollout) string { return number(milliseconds(r.Accept.Manager)/float64(r.N), 1) }},
	{"API server, created -> invited: ms of processor time per call", "",
		func(r *Rollout) string { return number(milliseconds(r.Invite.Server)/float64(r.Invite.Calls), 2) }},
	{"API server, accepted -> Active: ms of processor time per call", "",
		func(r *Rollout) string { return number(milliseconds(r.Accept.Server)/float64(r.Accept.Calls), 2) }},
	{"live heap after a restart, KB per member", "", func(r *Rollout) string { return number(r.heapPerMember(r.Restart.Heap)/kilo, 1) }},
	{"live heap right after the roll-out, KB per member", "", func(r *Rollout) string { return number(r.heapPerMember(r.FullHeap)/kilo, 1) }},
	{"live heap without members, MB", "", func(r *Rollout) string { return number(float64(r.EmptyHeap)/kilo/kilo, 1) }},
	{"created -> invited, s", "", func(r *Rollout) string { return number(r.Invite.Wall.Seconds(), 1) }},
	{"accepted -> Active, s", "", func(r *Rollout) string { return number(r.Accept.Wall.Seconds(), 1) }},
	{"invited/s", "", func(r *Rollout) string { return number(perSecond(r.N, r.Invite.Wall), 1) }},
	{"Active/s", "", func(r *Rollout) string { return number(perSecond(r.N, r.Accept.Wall), 1) }},
	{"restart: /readyz after, s", "<= 10", func(r *Rollout) string { return number(r.Restart.Ready.Seconds(), 1) }},
	{"restart: every object reconciled after, s", "", func(r *Rollout) string { return number(r.Restart.Rest.Seconds(), 1) }},
	{"raw client: status patches/s", "", func(r *Rollout) string { return number(r.Raw.Patches, 0) }},
	{"raw client: creates/s", "", func(r *Rollout) string { return number(r.Raw.Creates, 0) }},
	{"raw client: the writes of created -> invited, s", "", func(r *Rollout) string { return number(r.Invite.Raw.Seconds(), 1) }},
	{"raw client: the writes of accepted -> Active, s", "", func(r *Rollout) string { return number(r.Accept.Raw.Seconds(), 1) }},
}

const kilo = 1000

func (r *Report) rolloutTable() Table {
	t := Table{Title: "Roll-out", Head: []string{"", "target"}}
	for _, each := range r.Rollouts {
		t.Head = append(t.Head, each.Shape.title(each.N))
	}
	add := func(name, target string, cell func(*Rollout) string) {
		cells := []string{name, target}
		for _, each := range r.Rollouts {
			cells = append(cells, cell(each))
		}
		t.Rows = append(t.Rows, cells)
	}
	if slices.ContainsFunc(Shapes, func(s Shape) bool { return len(r.ofShape(s)) > 1 }) {
		add("time created -> invited over that of the smallest N, divided by N over the smallest N", "<= 1.05", r.growth)
		add("live heap after a restart, slope over N, KB per member", "<= 2.5", r.heapSlope)
	}
	for _, each := range rolloutRows {
		add(each.name, each.target, each.cell)
	}
	return t
}

// ofShape returns the roll-outs of one shape.
func (r *Report) ofShape(shape Shape) (all []*Rollout) {
	for _, each := range r.Rollouts {
		if each.Shape == shape {
			all = append(all, each)
		}
	}
	return all
}

// growth is how much more time a member takes than in the smallest roll-out of the same shape.
func (r *Report) growth(of *Rollout) string {
	smallest := r.ofShape(of.Shape)[0]
	if smallest == of {
		return "1"
	}
	return number(of.Invite.Wall.Seconds()/smallest.Invite.Wall.Seconds()/(float64(of.N)/float64(smallest.N)), 2)
}

// heapSlope is that of all roll-outs of the same shape, shown at the largest.
func (r *Report) heapSlope(of *Rollout) string {
	all := r.ofShape(of.Shape)
	if len(all) < 2 || all[len(all)-1] != of {
		return ""
	}
	var points []point
	for _, each := range all {
		points = append(points, point{float64(each.N), float64(each.Restart.Heap)})
	}
	return number(slope(points)/kilo, 2)
}

func (r *Rollout) perMember(n int) string { return number(float64(n)/float64(r.N), 2) }

func (f *Fairness) table() Table {
	t := Table{
		Title: fmt.Sprintf("Fairness: during a roll-out of %s in one account", grouped(f.N)),
		Head:  []string{"until it has its effect, s", "target p99", "p50", "p99", "longest", "times"},
	}
	for _, p := range f.Probes {
		target := "<= 1"
		if p.What == whatNew {
			target = "<= 2"
		}
		cells := []string{p.What + ", " + p.Where, target}
		for _, share := range []float64{0.5, 0.99, 1} {
			cells = append(cells, number(percentile(p.Took, share).Seconds(), 2))
		}
		t.Rows = append(t.Rows, append(cells, strconv.Itoa(len(p.Took))))
	}
	return t
}

func (r *Report) othersTable() Table {
	t := Table{Title: "Mails, two managers, and the raw client", Head: []string{"", "target", "measured"}}
	add := func(target, value, format string, args ...any) {
		t.Rows = append(t.Rows, []string{fmt.Sprintf(format, args...), target, value})
	}
	for _, m := range r.Mails {
		target := ""
		if m.Delay > 0 {
			target = ">= 0.8"
		}
		add(target, number(m.Usher/m.Bare, 3), "mails/s over a bare loop's, %d connections, a server that takes %d ms",
			m.Connections, m.Delay.Milliseconds())
	}
	if c := r.Conflicts; c != nil {
		add("< 1 %", percent(c.Share()), "conflicts per successful write, two managers at work, %s members", grouped(c.N))
		add(strconv.Itoa(c.N), strconv.Itoa(c.Mails), "mails to these %s members", grouped(c.N))
	}
	for _, m := range r.Mails {
		add("", number(m.Usher, 1), "Usher's mails/s, a server that takes %d ms", m.Delay.Milliseconds())
		add("", number(m.Bare, 1), "the bare loop's mails/s, a server that takes %d ms", m.Delay.Milliseconds())
	}
	for _, m := range r.Machine {
		how := "without"
		if m.Fsync {
			how = "with"
		}
		add("", number(m.Patches, 0), "raw client: status patches/s, etcd %s fsync", how)
		add("", number(m.Creates, 0), "raw client: creates/s, etcd %s fsync", how)
	}
	return t
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

func percent(share float64) string { return number(share*100, 2) + " %" }

// number writes a number with that many decimals, and with commas.
func number(value float64, decimals int) string {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return "-"
	}
	text := strconv.FormatFloat(value, 'f', decimals, 64)
	whole, rest, _ := strings.Cut(text, ".")
	if n, err := strconv.Atoi(whole); err == nil && n >= 1000 {
		whole = grouped(n)
	}
	if decimals == 0 {
		return whole
	}
	return whole + "." + rest
}
