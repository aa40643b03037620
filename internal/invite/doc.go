// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package invite decides what happens to an Invitation. It is pure: an Observation and now go in, a Plan comes out.
//
//	    ┌───────────── a temporary failure: later and later ─────────────┐
//	    ▼                                                                │
//	Pending ──── member has a seat, mail server ready ───▶ Sending ──────┤
//	    │ tried for one ttl                                   │          │ refused for good
//	    ▼                                                     ▼          ▼
//	 Failed                                                 Sent      Failed
//	                                                          │
//	                    ┌──────────────┬───────────────┬──────┴───────┐
//	                    ▼              ▼               ▼              ▼
//	                Accepted       Declined         Expired        Revoked
//
// A higher sendGeneration, another address of the Member, or a Revoked one that is open again asks for a new link: from any state back
// to Sending. An acceptance wins over every other state, since it is the invitee's own act.
//
// # The fence
//
// SMTP has no idempotency key. So the state Sending is written first, with the resourceVersion that was read: of two operators
// one gets a conflict and does nothing. The write also says until when (nextAttemptAt) the sender counts as alive (SendLease). A
// sender whose conversation lasts extends the lease, and one that cannot hangs up. An operator that finds Sending after that moment
// sends the same link again, with the same Message-ID. A second copy therefore needs a lost
// connection before the server's 250, or the end of the sender's process, or another sender, between that and the record of it.
//
// # Reminders
//
// An invitee who does not answer is reminded at the points that the account asks for, counted back from the expiry. The invitation
// stays Sent; each point has an entry of its own in status.reminders, which is the fence, the lease and the record of its mail. A
// point is over once its mail was accepted, refused permanently, or half of the time that it announces is gone: no invitee reads of two
// days an hour before the end, and an operator that was away for long sends one reminder and not three.
package invite
