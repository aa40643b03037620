// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

// emailReplays are the replays about changes of address.
var emailReplays = []replay{
	{
		// Both changes were noticed in the same second, and their mails had one Message-ID.
		name: "two changes of address in one second",
		schedule: `schedule seed=170 fine=false week=false
			make-member name=m2 to=a2@acme.example
			make-pool name=p0 n=2
			restart op=0
			make-account name=acme
			mend-secret
			rest n=5000
			accept op=0 name=m2
			rest n=5000
			readdress name=m2 to=a4@acme.example
			rest to=accountaccess n=5000
			readdress name=m2 to=a3@acme.example`,
	},
	{
		// The account controller did not hear that the address in use of its owner had changed, for the spec was the same.
		name: "an owner that confirms another address",
		schedule: `schedule seed=12210 fine=false week=false
			make-account name=acme
			make-plan
			make-pool name=p0
			restart op=0
			restart op=1
			subscribe name=acme to=plan
			make-member name=m0 to=a0@acme.example
			mend-secret
			rest n=5000
			accept op=0 name=m0
			rest n=5000
			readdress name=m0 to=a3@acme.example
			pass n=3600000
			rest to=visits n=5000
			confirm op=1 name=m0`,
	},
	{
		// The portal looked for members that have the address in a cache that had not heard of the first confirmation.
		name: "an address that two members confirm, one after the other",
		schedule: `schedule seed=170 fine=false week=false
			make-pool name=p0
			restart op=1
			restart op=0
			make-account name=acme
			mend-secret
			make-member name=m0 to=a0@acme.example
			make-member name=m1 to=a1@acme.example
			scale-pool name=p0 n=3
			rest n=5000
			accept op=0 name=m0
			accept op=0 name=m1
			rest n=5000
			readdress name=m0 to=a3@acme.example
			readdress name=m1 to=a3@acme.example
			rest n=5000
			confirm op=0 name=m0 n=1
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			go op=0 on=visits name=confirm-m0
			deliver op=0 on=secrets
			begin op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			go op=0 on=members name=m0
			confirm op=1 name=m1 n=1`,
	},
}
