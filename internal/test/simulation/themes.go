// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import "fmt"

// theme makes more than half of the schedules be about one subject, to get long sequences that are rare at random. It returns the last
// steps of such a schedule's setup.
func (d *draw) theme(seed uint64) (last []Step) {
	switch seed % 16 {
	case 6:
		return d.clockTheme()
	case 12:
		return d.passwordTheme()
	case 14:
		d.wordingTheme()
		return nil
	}
	switch seed % 8 {
	case 2:
		return d.emailTheme()
	case 1:
		return d.restoreTheme()
	case 3:
		d.profileTheme()
	case 5:
		d.mailTheme()
		last = []Step{{Do: ScalePool, Name: "p0", N: 3}}
	case 7:
		d.accessTheme()
		for i := range d.members {
			m := fmt.Sprintf("m%d", i)
			last = append(last, Step{Do: Immediate, Name: m}, Step{Do: Appoint, Name: m, To: "admin"})
		}
	}
	return last
}

// profileTheme is a schedule about members who, once they are in, change what they said of themselves, while they lose their access
// and get it again.
func (d *draw) profileTheme() {
	d.profiles = true
	d.actions = []Action{Disable, Enable, Disable, Enable, End, Readdress, EnableAccount, DisableAccount}
	d.length, d.visit, d.admin, d.rest = 60+d.random.IntN(100), 20, []int{2, 6}[d.random.IntN(2)], 2
}

// passwordTheme is a schedule about members who, once they are in, forget their passwords and set new ones, while the links come to their
// end, and they lose their access or change their address.
func (d *draw) passwordTheme() (last []Step) {
	d.forgets, d.profiles = true, d.chance(2)
	d.actions = []Action{
		Disable, Enable, Readdress, EnableAccount, DisableAccount, DeliverBy, StopServer, StartServer, DeleteMember, MakeMember,
	}
	d.length, d.visit, d.admin, d.rest = 60+d.random.IntN(120), 12, []int{1, 3}[d.random.IntN(2)], 4
	d.members, d.rests = 1+d.random.IntN(2), []string{"", "", "passwordresets", "passwordresets", "visits"}
	last = []Step{{Do: ScalePool, Name: "p0", N: 3}, {Do: Rest, N: 5000}}
	for i := range d.members {
		last = append(last, Step{Do: VisitAccept, Name: fmt.Sprintf("m%d", i)})
	}
	last = append(last, Step{Do: Rest, N: 5000})
	for i := range d.members {
		last = append(last, Step{Do: VisitForgot, Name: fmt.Sprintf("m%d", i)})
	}
	if !d.chance(3) {
		last = append(last, d.restful())
	}
	return last
}

// accessTheme is a schedule about access: admins come and go, while one operator hears of all that others write, and hardly of members,
// or hardly of pools.
func (d *draw) accessTheme() {
	d.actions = []Action{Enable, Disable, End, ScalePool, DeleteMember, MakeMember, Appoint}
	d.length, d.pass, d.admin, d.rest = 120+d.random.IntN(160), 16, 6, 1
	for k := range d.deliver[1] {
		d.deliver[1][k] = 30
	}
	d.deliver[1][[]kind{members, pools}[d.random.IntN(2)]] = d.random.IntN(2)
}

// mailTheme is a schedule about mails: members are invited again, and old mails are opened, while both operators hear of
// all else that happens, and each is held up here and there between the claim and the record of what it sends.
func (d *draw) mailTheme() {
	d.actions = []Action{Resend, Resend, Resend, Readdress, Enable, Disable}
	d.length, d.pass, d.visit, d.admin, d.rest = 60+d.random.IntN(60), 1, 6, 1, 4
	d.paces, d.rests = [...]int{1, 1, 10, 40, 100}, []string{"invitations"}
	for op := range d.deliver {
		d.deliver[op][invitations] = 30
	}
}

// wordingTheme is a schedule about the account's own wording: it changes while little else does.
func (d *draw) wordingTheme() {
	d.actions = []Action{Word, Word, Word, Resend, Readdress, DeliverBy}
	d.length, d.admin, d.rest = 30+d.random.IntN(60), 6, 4
}

// restoreTheme is a schedule about backups and restores: members get in, then all is lost and restored, or one status is.
func (d *draw) restoreTheme() (last []Step) {
	d.restores, d.visit, d.pass = 6, 20, 2
	d.actions = []Action{
		MakePool, MakePool, ScalePool, DeleteMember, DeleteMember, MakeMember, Disable, Enable, Revoke, Resend, Appoint, End, Collect,
	}
	d.length, d.admin, d.rest = 60+d.random.IntN(120), []int{1, 3}[d.random.IntN(2)], 3
	d.members, d.still = 2+d.random.IntN(2), !d.chance(3)
	if !d.chance(3) {
		last = append(last, Step{Do: MakePlan, N: oneOf[int64](d, 0, 2)}, Step{Do: Subscribe, Name: accountName, To: planKey.Name})
	}
	if !d.chance(3) {
		last = append(last, Step{Do: ScalePool, Name: "p0", N: 3})
	}
	for i := range d.members {
		if d.chance(2) {
			last = append(last, Step{Do: Immediate, Name: fmt.Sprintf("m%d", i)})
		}
	}
	return last
}

// clockTheme is a schedule about clocks that are wrong for a while, in half of them from the beginning.
func (d *draw) clockTheme() (last []Step) {
	d.skews = 1
	d.actions = []Action{Resend, Resend, End, End, Disable, Enable, Readdress, MakeMember, DeleteMember, BreakSecret, StopServer, StartServer}
	d.length, d.pass, d.visit, d.admin, d.rest = 60+d.random.IntN(120), 4, 8, 3, 10
	d.rests, d.alone = []string{"", "", "invitations"}, !d.chance(3)
	if !d.chance(3) {
		last = append(last, Step{Do: Skew, Op: d.random.IntN(operators), N: d.skew()})
	}
	return last
}

// emailTheme is a schedule about members whose addresses change after they have accepted, and people who open the links. Days pass in it,
// until links do not work any more.
func (d *draw) emailTheme() (last []Step) {
	d.actions = []Action{
		Readdress, Readdress, Readdress, Readdress, Readdress, Disable, Enable, Enable, End, DeliverBy, MakeMember, DeleteMember,
	}
	if d.chance(3) {
		d.actions = append(d.actions, Immediate, StopServer, StartServer, DisableAccount, EnableAccount)
	}
	d.length, d.visit, d.admin, d.rest = 80+d.random.IntN(140), 8, []int{3, 6}[d.random.IntN(2)], 10
	d.members, d.days, d.profiles = 1+d.random.IntN(3), true, d.chance(3)
	d.rests = []string{"", "", "emailchanges", "members", "accountaccess", "visits"}
	if d.chance(3) {
		d.restores, d.still = 3, d.chance(2)
	}
	last = []Step{{Do: ScalePool, Name: "p0", N: 3}, {Do: KeepPasswords, Name: accountName, To: "passwords"}, {Do: Rest, N: 5000}}
	for i := range d.members {
		last = append(last, Step{Do: VisitAccept, Name: fmt.Sprintf("m%d", i)})
	}
	last = append(last, Step{Do: Rest, N: 5000})
	for i := range d.members {
		last = append(last, Step{Do: Readdress, Name: fmt.Sprintf("m%d", i), To: d.address(d.members + i/2)})
	}
	if !d.chance(3) {
		last = append(last, d.restful())
	}
	return last
}
