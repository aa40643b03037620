// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import "strconv"

// bytesPerMember is what a member takes in etcd: its own objects and its share of what it shares with others.
func (r *Scale) bytesPerMember() float64 {
	var all float64
	for _, s := range r.Stored {
		all += s.Mean * float64(s.Count)
	}
	return all / float64(r.N)
}

func scaleTable(scales []*Scale) Table {
	t := Table{
		Title: "Members at rest, all Active, with access by RBAC, in accounts of " + grouped(scaleAccount),
		Head:  []string{"", "target"},
	}
	for _, r := range scales {
		t.Head = append(t.Head, grouped(r.N))
	}
	add := func(name, target string, cell func(*Scale) string) {
		row := []string{name, target}
		for _, r := range scales {
			row = append(row, cell(r))
		}
		t.Rows = append(t.Rows, row)
	}
	add("restart: writes and Events", "0", func(r *Scale) string { return strconv.Itoa(r.Second.Writes) })
	add("restart: /readyz after, s", "<= 10", func(r *Scale) string { return number(r.Second.Ready.Seconds(), 1) })
	add("restart: every object reconciled after, s", "", func(r *Scale) string { return number(r.Second.Rest.Seconds(), 1) })
	add("restart: ms of processor time per member, manager", "",
		func(r *Scale) string { return number(milliseconds(r.Second.Manager)/float64(r.N), 2) })
	add("restart: ms of processor time per member, API server", "",
		func(r *Scale) string { return number(milliseconds(r.Second.Server)/float64(r.N), 2) })
	add("manager: live heap, MB", "", func(r *Scale) string { return megabytes(r.Second.Heap) })
	add("manager: resident memory, MB", "", func(r *Scale) string { return megabytes(r.Second.Resident) })
	add("API server: live heap, MB", "", func(r *Scale) string { return megabytes(r.Full.heap) })
	add("API server: live heap, KB per member", "",
		func(r *Scale) string { return number(float64(r.Full.heap-r.Empty.heap)/float64(r.N)/kilo, 1) })
	add("API server: resident memory, MB", "", func(r *Scale) string { return megabytes(r.Full.resident) })
	add("etcd: in use, MB", "", func(r *Scale) string { return megabytes(r.Full.inUse) })
	add("etcd: in use, KB per member", "",
		func(r *Scale) string { return number(float64(r.Full.inUse-r.Empty.inUse)/float64(r.N)/kilo, 2) })
	add("etcd: in use with the revisions since the first object, MB", "", func(r *Scale) string { return megabytes(r.History) })
	add("etcd: file, MB", "", func(r *Scale) string { return megabytes(r.Full.total) })
	for i, s := range scales[0].Stored {
		add("etcd: bytes of each "+s.Kind, "", func(r *Scale) string { return number(r.Stored[i].Mean, 0) })
	}
	add("etcd: bytes of keys and values per member", "", func(r *Scale) string { return number(r.bytesPerMember(), 0) })
	add("bytes of a claim in its ledger", "", func(r *Scale) string { return number(r.ClaimBytes, 0) })
	add("the first start: writes and Events, of what members share", "", func(r *Scale) string { return grouped(r.First.Writes) })
	add("the bench makes the objects in, s", "", func(r *Scale) string { return number(r.Made.Seconds(), 0) })
	return t
}

func megabytes(bytes int64) string { return number(float64(bytes)/kilo/kilo, 1) }
