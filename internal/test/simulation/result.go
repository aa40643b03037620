// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

// Result is how a run ended.
type Result struct {
	// Schedule is what was done; Play repeats it.
	Schedule Schedule
	// Violation is the first promise that was broken; nil if none was.
	Violation *Violation
	// Digest is equal for equal runs.
	Digest uint64
	Counts
}

// Counts are the numbers of what was done.
type Counts struct {
	// Steps of the schedule, and Faults among them; Calls that left an operator, also in the calm; Changes of objects.
	Steps, Faults, Calls, Changes int
	// Mails that were delivered, and Copies of them; Welcomes are acceptances that were confirmed.
	Mails, Copies, Welcomes int
	// Activations of members, Withdrawals of their access, and Rotations of their API tokens.
	Activations, Withdrawals, Rotations int
	// Passwords counts the password files that have a member in the end, Profiles the changes of profiles that were confirmed.
	Passwords, Profiles int
	// Confirmed counts the addresses that were confirmed, Resets the passwords that were set by a mailed link.
	Confirmed, Resets int
	// Skews of a clock, and Squats: Secrets that users made with names that Usher would use.
	Skews, Squats int
	// Losses of all objects, objects Restored, and Wipes of a status; Compared counts the members that had the same afterwards.
	Losses, Restored, Wipes, Compared int
}

// Add adds the counts of another run.
func (c *Counts) Add(o Counts) {
	c.Steps += o.Steps
	c.Faults += o.Faults
	c.Calls += o.Calls
	c.Changes += o.Changes
	c.Mails += o.Mails
	c.Copies += o.Copies
	c.Welcomes += o.Welcomes
	c.Activations += o.Activations
	c.Withdrawals += o.Withdrawals
	c.Rotations += o.Rotations
	c.Passwords += o.Passwords
	c.Profiles += o.Profiles
	c.Confirmed += o.Confirmed
	c.Resets += o.Resets
	c.Skews += o.Skews
	c.Squats += o.Squats
	c.Losses += o.Losses
	c.Restored += o.Restored
	c.Wipes += o.Wipes
	c.Compared += o.Compared
}
