// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// administer draws what the admin could do.
func (d *draw) administer() (Step, bool) {
	if len(d.actions) == 0 {
		return Step{}, false
	}
	s := Step{Do: d.actions[d.random.IntN(len(d.actions))], Name: fmt.Sprintf("m%d", d.random.IntN(d.members))}
	if complete := adminDraws[s.Do]; complete != nil {
		complete(d, &s)
	}
	return s, true
}

// adminDraws complete a step of the admin that names a member. An action that is not listed needs only the name.
var adminDraws = map[Action]func(*draw, *Step){
	MakeAccount: onAccount, DeleteAccount: onAccount, EnableAccount: onAccount, DisableAccount: onAccount,
	DeliverBy: func(d *draw, s *Step) {
		s.Name, s.To = accountName, oneOf(d, string(usherv1.DeliverySMTP), string(usherv1.DeliveryLink))
	},
	KeepPasswords: func(d *draw, s *Step) { s.Name, s.To = accountName, oneOf(d, "", "passwords", "passwords", "others") },
	Subscribe:     func(d *draw, s *Step) { s.Name, s.To = accountName, oneOf(d, "", planKey.Name, planKey.Name) },

	MakePool:   func(d *draw, s *Step) { *s = d.pool(d.poolName()) },
	DeletePool: onPool, AllowPool: onPool, SwitchPool: onPool,
	ForegroundDelete: onAccount, Finalize: onAccount, Reap: onAccount,
	ScalePool: func(d *draw, s *Step) { s.Name, s.N = d.poolName(), int64(d.random.IntN(4)) },

	MakeMember: func(d *draw, s *Step) {
		s.To = d.address(int(s.Name[1] - '0'))
		if d.chance(4) {
			s.N = 1
		}
	},
	Readdress: readdress,
	Move:      func(d *draw, s *Step) { s.To = oneOf(d, "", "p0", "p1", "p0,p1") },
	End:       func(d *draw, s *Step) { s.N = oneOf[int64](d, 0, -1, 1, 2, 24, 8*24) },
	Appoint:   func(d *draw, s *Step) { s.To = oneOf(d, "", "", "admin", "seller") },
	Entitle:   func(d *draw, s *Step) { s.N = int64(d.random.IntN(2)) },

	WriteByHand: func(d *draw, s *Step) { s.To, s.Name = s.Name, oneOf(d, "by-hand", s.Name) },
	Resend:      onInvitation, Revoke: onInvitation, Reopen: onInvitation, Tear: onInvitation,

	BreakSecret: withoutName, MendSecret: withoutName, DeleteSecret: withoutName,
	StopServer: withoutName, StartServer: withoutName, DeletePlan: withoutName,
	Word:  func(d *draw, s *Step) { s.Name, s.To = "", oneOf(d, "right", "right", "wrong", "") },
	Squat: onSecret, Leave: onSecret,
	MakePlan: withPlan, ChangePlan: withPlan,
}

// readdress mostly changes an address to one that no member was made with, or back.
func readdress(d *draw, s *Step) {
	i := d.members + d.random.IntN(2)
	switch d.random.IntN(6) {
	case 0:
		i = d.random.IntN(d.members)
	case 1:
		i = int(s.Name[1] - '0')
	}
	s.To = d.address(i)
}

func onAccount(_ *draw, s *Step)   { s.Name = accountName }
func onPool(d *draw, s *Step)      { s.Name = d.poolName() }
func withoutName(_ *draw, s *Step) { s.Name = "" }
func withPlan(d *draw, s *Step)    { s.Name, s.N = "", int64(d.random.IntN(len(planSpecs))) }

func onInvitation(d *draw, s *Step) {
	if d.chance(4) {
		s.Name = "by-hand"
	}
}

func onSecret(d *draw, s *Step) {
	if d.chance(4) {
		s.Name = "passwords"
	}
}

func (d *draw) poolName() string { return fmt.Sprintf("p%d", d.random.IntN(2)) }
