// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package breaker tells a server's refusal of us from its refusal of a recipient, and holds the mails while it refuses us. It is pure:
// the caller gives the time.
//
// A Breaker belongs to the mails that share a fate: those of one namespace through one Secret. The caller has a second one for all
// namespaces of a Secret, for refusals of the sender before the server knows the recipient. So recipients of one tenant, whose own
// server may answer whatever it likes, hold up no one else's mails.
//
// # What a refusal is taken for
//
//	the same refusal has opened the breaker                        Hold
//	before and after a mail that was accepted                      Final; for Configuration, Again the first time
//	Configuration, a third time after that                         Final
//	Configuration                                                  opens the breaker; Hold
//	Permanent, the third recipient with this refusal in a row      opens the breaker; Hold
//	Permanent, for the second time                                 Final
//	Permanent, the first recipient, and the reply names it         Final
//	Permanent otherwise                                            Again
//
// Recipients are "in a row" if no mail was accepted in between, within an hour. So an address that does not exist costs its recipient the
// invitation at once, but if the server says the same of everyone, only the first recipient's has ended when the breaker opens: Doubts
// tells which ones have to be asked again.
//
// # While it is open
//
// Mails register with Await and get a turn one after the other, at growing intervals of up to a minute. Each goes to the end of the queue
// after its turn, so that a recipient that is refused for its own sake does not keep the breaker open. The first mail that is accepted
// closes it.
//
// The state is lost with the process. A new one begins with a closed breaker, and what it then does wrong is what the table says: at most
// one invitation ends that a few seconds later is asked for again.
package breaker
