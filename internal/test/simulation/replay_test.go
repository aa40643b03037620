// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"testing"
)

// replays are the shortest schedules of bugs that the simulation found; none of them breaks anything any more.
var replays = []struct{ name, schedule string }{
	{
		// Two operators that decided the same at the same time; one was held up before it wrote the fence for longer than the
		// lease in it, so that the other took it for dead at once.
		name: "a fence that was written after its own lease",
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
		// The member was switched to Immediate, got credentials for an address that it had just lost, and was invited by mail, since
		// the reason "Inviting" stood for both.
		name: "a mail for a member that is activated without one",
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
		// An operator that had not heard of a member's deletion made credentials for it after it was gone.
		name: "credentials of a member that is gone",
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
		// Each operator recorded, over the other's, the invitation that it had chosen before it heard of the other's choice.
		name: "two operators that record different invitations in turn",
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
		// No mail is sent for a link that is delivered otherwise, and nothing checked whether the member still waited to be invited.
		name: "another link made from an old cache",
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
		// A mail server that was down kept an announcement waiting; its member was disabled, and the announcement was not given up when the end came.
		name: "an announcement that waits for a member who is not Active any more",
		schedule: `schedule seed=500466 fine=false week=false
			restart op=1
			mend-secret
			make-pool name=p0 n=2
			make-member name=m0 to=a0@acme.example n=3
			make-account name=acme
			rest to=invitations n=5000
			end name=m0 n=2
			deliver op=1 on=members
			begin op=1 on=endings name=m0
			go op=1 on=endings name=m0
			go op=1 on=endings name=m0
			go op=1 on=endings name=m0
			stop-server
			go op=1 on=endings name=m0
			disable name=m0
			go op=1 on=endings name=m0`,
	},
	{
		// An operator disabled a member and, since the claim was not in its old ledger, gave the seat back in the same write.
		name: "a seat given back by an old ledger, before the access that it gave is withdrawn",
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
		// A member who had lost its access with the plan waited for ever to give back the seat of a pool that was deleted.
		name: "no mark for whom the plan, and then the pool, was taken",
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
		// A fence took some seconds to be written. Its sender, who could not renew the lease, was still at it when that was over.
		name: "a conversation that outlasts its lease",
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
		// An operator that meant the Member before made credentials for the next of its name, which had no finalizer yet and went. The
		// one after that took them for its own, come back from a backup.
		name: "credentials for the next member of a name",
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
		// Two members had one address. The one that it did not belong to held a claim, and then named two pools, so that it
		// kept its seat instead of being a duplicate; the other waited for ever beside a free seat.
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
			begin op=1 on=grants name=acme
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
}

func TestReplays(t *testing.T) {
	for _, replay := range replays {
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
