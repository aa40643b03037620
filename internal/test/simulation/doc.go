// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package simulation runs Usher's own reconcilers, watches and portal in a small world. A seed decides every detail, and
// every promise is checked after every step.
//
// # The world
//
//   - an API server in memory (API): resourceVersions, conflicts, UIDs, generations, finalizers, preconditions, the status
//     subresource, times without fractions, and the CEL rules that the proof in package seat relies on;
//   - two operators without leader election. Each has one cache per kind that lags behind by as many events as the schedule
//     wants, work queues that are fed by the watches that ship, and in-memory state that a crash takes away;
//   - reconciles that run one at a time and change places only where they call the API server or the mail server, so that one
//     of them may be held there for as long as the schedule wants, fail, lose the answer, or die;
//   - invitees who open the links of the mails that were delivered in the portal that ships, late, twice, or with an old link, and
//     members who sign in there and change their profile;
//   - an admin who changes specs at random, mail servers that misbehave, and a clock that only moves when it is told to.
//
// # A schedule
//
// A schedule is a list of Steps. The seed draws each from those that are possible. It ends with a calm: nothing fails or changes
// any more, and everything that is due happens. Then the desired state must have been reached, and a forced resync must write
// nothing. The list replays exactly; with steps left out it still runs, since a step that is not
// possible is passed over. So a failing schedule is shrunk by leaving steps out for as long as it still fails in the same way.
//
// # Adding an effect
//
// A new call of a reconciler goes through wire.go, which panics where it does not know it. A new kind gets a line in objects.go,
// and its CEL rules go into rules.go. A new choice of the admin's or an invitee's is an Action in admin.go or visit.go with a line
// in draw.go. What is promised of it is a check in promises.go, or in rest.go if it need only be true in the end; and a way to
// break it in mutation_test.go shows that the check can fail.
//
// # What is not simulated
//
//   - real HTTP, SMTP and serialisation (but for the fractions of times), and admission other than the rules in rules.go;
//   - leader election, and mail server verdicts that differ between two operators that run at once: each would write its own over
//     the other's until they agree again, which leader election spares;
//   - clocks that differ between operators;
//   - a mail that takes longer than its lease, and the renewal of leases: an attempt ends, or its operator dies, before another
//     may begin;
//   - an admin who writes status, removes finalizers or deletes credentials by hand.
package simulation
