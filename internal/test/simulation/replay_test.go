// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"testing"
)

// replay is the shortest schedule of a bug that the simulation has found.
type replay struct{ name, schedule string }

// replays break no promise now.
var replays = []replay{
	{
		// A manager with an old cache made the credentials of a member that had been lost and restored meanwhile. It deleted them again, since
		// the member that it had decided about was gone; but the restored one accepts by them.
		name: "credentials made for a member that was restored meanwhile",
		schedule: `schedule seed=737 fine=false week=false
			make-member name=m1 to=invalid1@acme.example
			make-pool name=p0 n=1
			make-account name=acme
			restart op=0
			immediate name=m1
			rest to=members n=5000
			begin op=0 on=members name=m1
			go op=0 on=members name=m1
			back-up
			lose
			restart op=1 n=1
			begin op=1 on=members name=m1`,
	},
	{
		// The simulation did not notice that time passes with each call: a clock that is two hours ahead came to the end of an access while
		// the reconcile that recorded it was under way.
		name: "an end of access that comes between two calls",
		schedule: `schedule seed=2310 fine=true week=false
			restart op=0
			pass n=50
			restart op=1 n=2
			make-member name=m2 to=a2@acme.example
			rest to=invitations n=5000
			pass n=50
			end name=m2 n=-1
			rest n=5000
			pass n=50
			end name=m2 n=2
			skew op=0 n=7200000
			rest n=5000`,
	},
	{
		// A clock that was a day ahead ended a member's access before the invitation was looked at, and nothing told of the end when it came
		// by the right clock.
		name: "an end of access that only the member has heard of",
		schedule: `schedule seed=20742 fine=false week=true
			make-pool name=p0 n=2
			make-member name=m2 to=a2@acme.example
			restart op=0
			make-account name=acme
			rest n=5000
			end name=m2 n=24
			skew op=0 n=90000000
			rest to=invitations n=5000`,
	},
	{
		// The pool's reconciler read the Account, which was on a plan that did not exist, and then the Plan, which was created after the
		// Account had left it: the pool got seats that it had never been entitled to.
		name: "an account and a plan that were never together",
		schedule: `schedule seed=18528 fine=false week=false
			restart op=0
			make-account name=acme
			make-pool name=p0 to=OnAcceptance n=2
			rest to=pools n=5000
			begin op=0 on=pools name=p0
			go op=0 on=pools name=p0
			subscribe name=acme to=plan
			go op=0 on=pools name=p0
			subscribe name=acme
			make-plan n=2`,
	},
	{
		// The end was set to an hour, and back to a day. It is told of again, with the Message-ID of the first notice: the judge took that for
		// a second copy.
		name: "an end that is set back",
		schedule: `schedule seed=10060 fine=false week=false
			restart op=0
			mend-secret
			make-account name=acme
			make-pool name=p0 n=1
			make-member name=m0 to=a0@acme.example n=3
			rest to=invitations n=5000
			end name=m0 n=1
			rest to=visits n=5000
			end name=m0 n=24`,
	},
	{
		// Two operators decided the same at the same time. One was delayed before it wrote its claim, for longer than the lease in the
		// claim, so that the lease was over for the other at once.
		name: "a claim that was written after its own lease",
		schedule: `schedule seed=1 fine=false week=false
			restart op=0
			restart op=1
			mend-secret
			make-account name=acme
			make-pool name=p0 n=2
			make-member name=m0 to=a0@acme.example
			rest n=5000 to=invitations
			begin op=0 on=invitations name=m0
			go op=0 on=invitations name=m0
			go op=0 on=invitations name=m0
			go op=0 on=invitations name=m0
			go op=0 on=invitations name=m0
			pass n=40000
			go op=0 on=invitations name=m0
			deliver op=1 on=invitations
			begin op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			go op=0 on=invitations name=m0`,
	},
	{
		// The member was switched to Immediate, got credentials for an address that it had just lost, and was invited by mail,
		// because the reason "Inviting" had both meanings.
		name: "a mail to a member that is activated without an invitation",
		schedule: `schedule seed=115 fine=true week=false
			make-pool name=p0
			make-member name=m0 to=a0@acme.example
			restart op=0
			make-account name=acme
			deliver op=0 on=accounts
			begin op=0 on=secrets
			immediate name=m0
			deliver op=0 on=members
			begin op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			readdress name=m0 to=a1@acme.example
			write-invitation name=by-hand to=m0`,
	},
	{
		// An operator that had not received a member's deletion created credentials for it after the deletion.
		name: "credentials of a deleted member",
		schedule: `schedule seed=4999 fine=true week=false
			restart op=1
			restart op=0
			make-pool name=p0 to=OnAcceptance n=2
			make-member name=m0 to=a0@acme.example
			make-account name=acme
			rest n=5000
			immediate name=m0
			deliver op=0 on=members
			delete-member name=m0
			pass n=1000
			begin op=0 on=accounts name=acme
			deliver op=0 on=members
			deliver op=1 on=members
			begin op=1 on=members name=m0
			begin op=0 on=members name=m0`,
	},
	{
		// Each operator overwrote the other's invitationRef with the invitation that it had chosen before it received the other's choice.
		name: "two operators that overwrite each other's invitationRef",
		schedule: `schedule seed=110536 fine=false week=false
			restart op=0
			make-member name=m0 to=a0@acme.example
			make-pool name=p0 n=1
			make-account name=acme
			restart op=1
			rest to=pools n=5000
			write-invitation name=m0 to=m0
			begin op=0 on=pools name=p0
			go op=0 on=pools name=p0
			go op=0 on=pools name=p0
			write-invitation name=by-hand to=m0
			delete-member name=m0
			deliver op=1 on=members
			begin op=1 on=members name=m0
			rest to=pools n=5000`,
	},
	{
		// With delivery by link, nothing checked whether the member was still to be invited.
		name: "another link because of an old cache",
		schedule: `schedule seed=12751 fine=false week=false
			make-pool name=p0 n=1
			restart op=1
			make-member name=m0 to=a0@acme.example
			make-account name=acme
			deliver-by name=acme to=Link
			rest n=5000
			resend name=m0
			resend name=m0
			deliver op=1 on=invitations
			begin op=1 on=members name=m0
			go op=1 on=members name=m0
			begin op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			disable name=m0
			deliver op=1 on=members
			begin op=1 on=invitations name=m0`,
	},
	{
		// An announcement waited for a mail server that was down. Its member was disabled, and at the end of access it stayed Pending.
		name: "an announcement that waits for a member that is no longer Active",
		schedule: `schedule seed=500466 fine=false week=false
			restart op=1
			mend-secret
			make-pool name=p0 n=2
			make-member name=m0 to=a0@acme.example n=3
			make-account name=acme
			rest to=invitations n=5000
			end name=m0 n=2
			deliver op=1 on=members
			begin op=1 on=expirynotices name=m0
			go op=1 on=expirynotices name=m0
			go op=1 on=expirynotices name=m0
			go op=1 on=expirynotices name=m0
			stop-server
			go op=1 on=expirynotices name=m0
			disable name=m0
			go op=1 on=expirynotices name=m0`,
	},
	{
		// An operator disabled a member and, since the claim was not in its old ledger, gave the seat back in the same write.
		name: "a seat that is given back because of an old ledger, before its access is withdrawn",
		schedule: `schedule seed=12727 fine=true week=false
			make-pool name=p0 n=2
			make-account name=acme
			restart op=0
			make-member name=m1 to=a2@acme.example
			make-member name=m0 to=a0@acme.example
			immediate name=m0
			appoint name=m0 to=admin
			appoint name=m1 to=admin
			rest to=invitations n=5000
			disable name=m0
			appoint name=m1
			restart op=1 n=2
			deliver op=1 on=members
			begin op=1 on=members name=m0`,
	},
	{
		// A member that had lost its access with the plan never gave back the seat of a deleted pool.
		name: "no mark for a member that lost its plan and then its pool",
		schedule: `schedule seed=413230 fine=false week=false
			restart op=1
			make-account name=acme
			make-member name=m0 to=a0@acme.example n=3
			restart op=0
			make-pool name=p0 n=2
			keep-passwords name=acme to=passwords
			deliver op=0 on=pools
			deliver op=1 on=pools
			begin op=1 on=pools name=p0
			go op=1 on=pools name=p0
			go op=1 on=pools name=p0
			deliver op=1 on=members
			deliver op=0 on=pools
			go op=1 on=pools name=p0
			go op=1 on=pools name=p0
			delete-pool name=p0
			allow-pool name=p0
			begin op=0 on=members name=m0
			subscribe name=acme to=plan
			deliver op=0 on=pools`,
	},
	{
		// A claim took some seconds to be written. Its sender could not renew the lease, and was still sending when the lease was over.
		name: "a mail conversation that is longer than its lease",
		schedule: `schedule seed=801101 fine=false week=false
			restart op=0
			restart op=1
			make-member name=m0 to=a0@acme.example
			mend-secret
			make-pool name=p0 n=2
			make-account name=acme
			rest to=invitations n=5000
			begin op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			go op=1 on=invitations name=m0
			pass n=4000
			go op=1 on=invitations name=m0
			pass n=4000
			go op=1 on=invitations name=m0
			rest to=invitations n=5000
			pass
			begin op=0 on=invitations name=m0`,
	},
	{
		// An operator with an old cache created credentials for a deleted Member in the name of the next one, which had no finalizer yet and
		// was deleted too. The Member after that took them for its own, restored from a backup.
		name: "credentials for the next member with a name",
		schedule: `schedule seed=5008127 fine=false week=false
			restart op=1
			make-account name=acme
			restart op=0
			make-pool name=p0
			make-member name=m0 to=a0@acme.example n=3
			deliver op=0 on=members
			begin op=0 on=members name=m0
			deliver op=0 on=pools
			go op=0 on=members name=m0
			delete-member name=m0
			disable name=m0
			end name=m0 n=192
			go op=0 on=members name=m0
			end name=m0
			enable name=m0
			deliver op=0 on=members
			deliver op=0 on=members
			begin op=0 on=accounts name=acme
			go op=0 on=accounts name=acme
			go op=0 on=accounts name=acme
			appoint name=m0 to=admin
			relist op=1 on=members n=5
			begin op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			deliver op=1 on=secrets
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			begin op=1 on=members name=m0
			make-member name=m0 to=a0@acme.example n=1
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			delete-member name=m0
			make-member name=m0 to=a0@acme.example n=1`,
	},
	{
		// Two members had one address. The duplicate held a claim and then named a pool that does not exist, so that it kept its seat. The other
		// member never got the free seat.
		name: "a duplicate that names a missing pool",
		schedule: `schedule seed=118153 fine=false week=false
			make-plan n=2
			make-pool name=p0 n=1
			make-member name=m1 to=a0@acme.example
			make-account name=acme
			restart op=1
			make-member name=m0 to=a0@acme.example
			subscribe name=acme to=plan
			begin op=1 on=pools name=p0
			move name=m1 to=p1
			pass n=61000`,
	},
	{
		// The same, where the duplicate named two pools.
		name: "a duplicate that names two pools",
		schedule: `schedule seed=118153 fine=false week=false
			make-plan n=2
			make-pool name=p0 n=1
			make-member name=m1 to=a0@acme.example
			make-account name=acme
			restart op=1
			make-member name=m0 to=a0@acme.example
			subscribe name=acme to=plan
			begin op=1 on=pools name=p0
			make-pool name=p1
			move name=m1 to=p0,p1
			pass n=61000`,
	},
	{
		// A member was reconciled from a cache that had not heard of its account's deletion.
		name: "an invitation for an account that is gone",
		schedule: `schedule seed=49 fine=false week=false
			restart op=0
			make-account name=acme
			make-pool name=p0 n=2
			make-member name=m2 to=a2@acme.example
			rest to=members n=5000
			delete-account name=acme
			begin op=0 on=members name=m2`,
	},
	{
		// The garbage collector had deleted the password file of an account that was being deleted, and the cache had both as they were.
		name: "a password file that a foreground deletion had removed",
		schedule: `schedule seed=908 fine=false week=false
			make-account name=acme
			restart op=1
			keep-passwords name=acme to=passwords
			rest to=invitations n=5000
			delete-account-foreground name=acme
			deliver op=1 on=accounts
			begin op=1 on=accountaccess name=acme
			reap name=acme`,
	},
	{
		// A pool that people sit in was deleted by mistake; they keep their access, and a new pool takes them over as it has seats.
		name: "a pool that is deleted under its members",
		schedule: `schedule seed=1 fine=false week=false
			restart op=0
			restart op=1
			mend-secret
			make-account name=acme
			make-pool name=p0 n=2
			make-member name=m0 to=a0@acme.example n=1
			make-member name=m1 to=a1@acme.example n=1
			rest n=5000
			delete-pool name=p0
			rest n=5000
			make-pool name=p1 n=1
			rest n=5000`,
	},
	{
		// A user's Secret had the name of the credentials, and the invitation took it for an answer that was about to be recorded.
		name: "an invitation that is revoked while a user's Secret is in the way",
		schedule: `schedule seed=272 fine=false week=false
			make-pool name=p0 n=2
			make-member name=m1 to=a1@acme.example
			make-account name=acme
			restart op=1
			rest to=invitations n=5000
			revoke name=m1
			squat name=m1`,
	},
	{
		// After a restore the duplicate was judged first, as a duplicate. It counted as the one that already had the address.
		name: "a duplicate that is judged first after a restore",
		schedule: `schedule seed=4761 fine=false week=false
			restart op=1
			make-member name=m0 to=a0@acme.example
			make-account name=acme
			make-member name=m2 to=a0@acme.example
			make-pool name=p0 to=OnAcceptance n=1
			immediate name=m0
			rest n=5000
			back-up
			lose
			restore to=all n=52444
			restart op=0
			begin op=0 on=members name=m2`,
	},
	{
		// The status of a member was lost, and another one with its address, whose access had ended, came before it.
		name: "a lost status, and another member with the address",
		schedule: `schedule seed=11609 fine=false week=false
			mend-secret
			restart op=0
			make-account name=acme
			make-member name=m0 to=a0@acme.example
			make-member name=m1 to=a0@acme.example n=3
			make-pool name=p0 n=2
			pass n=691200000
			rest n=5000
			accept op=0 name=m0 n=1
			rest n=5000
			wipe name=m0 to=members`,
	},
	{
		// An operator had read a member that was being deleted, and was held up until the next one of its name had accepted. Then it deleted
		// those credentials.
		name: "credentials of the next member with a name that are deleted",
		schedule: `schedule seed=11222 fine=false week=false
			make-member name=m0 to=a0@acme.example
			restart op=0
			make-account name=acme
			make-pool name=p0 to=OnAcceptance
			mend-secret
			restart op=1
			rest to=members n=5000
			begin op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			relist op=1 on=members
			pass n=61000
			begin op=0 on=accounts name=acme
			go op=0 on=accounts name=acme
			begin op=1 on=accounts name=acme
			relist op=0 on=members
			go op=1 on=accounts name=acme
			pass n=5000
			go op=1 on=accounts name=acme
			deliver op=1 on=accounts
			go op=0 on=accounts name=acme
			delete-member name=m0
			begin op=0 on=accounts name=acme
			go op=0 on=accounts name=acme
			go op=0 on=accounts name=acme
			deliver op=1 on=members
			begin op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			go op=1 on=members name=m0
			relist op=0 on=members
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			deliver op=0 on=accounts
			begin op=0 on=accounts name=acme
			go op=0 on=accounts name=acme
			go op=0 on=accounts name=acme
			deliver op=1 on=accounts
			begin op=1 on=members name=m0
			begin op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=1 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			deliver op=0 on=members
			make-member name=m0 to=a0@acme.example n=1
			deliver op=0 on=members
			begin op=0 on=members name=m0`,
	},
}

func TestReplays(t *testing.T) {
	for _, replay := range slices.Concat(replays, emailReplays) {
		t.Run(replay.name, func(t *testing.T) {
			schedule, err := ParseSchedule(replay.schedule)
			if err != nil {
				t.Fatal(err)
			}
			if r := Play(Options{}, schedule); r.Violation != nil {
				t.Errorf("%v\n%s", r.Violation, Explain(Options{}, schedule))
			}
		})
	}
}
