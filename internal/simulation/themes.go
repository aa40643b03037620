// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

// Some schedules are about one thing, which takes more in a row than chance brings together.

// comeBack is a schedule about members who, once they are in, change what they said of themselves, while they lose their access
// and get it again.
func (d *draw) comeBack() {
	d.actions = []Action{Disable, Enable, Disable, Enable, End, Readdress, EnableAccount, DisableAccount}
	d.length, d.visit, d.admin, d.rest = 60+d.random.IntN(100), 20, []int{2, 6}[d.random.IntN(2)], 2
}

// comeAndGo is a schedule about access: admins come and go, while one operator hears of all that others write, and hardly of members,
// or hardly of pools.
func (d *draw) comeAndGo() {
	d.actions = []Action{Enable, Disable, End, ScalePool, DeleteMember, MakeMember, Appoint}
	d.length, d.pass, d.admin, d.rest = 60+d.random.IntN(100), 8, 6, 1
	for k := range d.deliver[1] {
		d.deliver[1][k] = 30
	}
	d.deliver[1][[]kind{members, pools}[d.random.IntN(2)]] = d.random.IntN(2)
}
