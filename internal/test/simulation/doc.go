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
//     decides, work queues that Usher's own watches fill, and in-memory state that is lost in a crash;
//   - reconciles that run one at a time and are interrupted only at calls of the API server or the mail server. There the schedule may
//     delay them, make the call fail, lose the response, cut the operator off from the API server for a while, or kill it;
//   - invitees who open the links of delivered mails in Usher's portal, late, twice, or with an old link, members who sign in
//     there and change their profile, or who have forgotten the password and set another one with the link that they were mailed, and
//     people who get the link that confirms a new address;
//   - an admin who changes specs at random, users whose Secrets have names that Usher would use, mail servers that misbehave, and a clock
//     that moves only in steps of the schedule;
//   - a platform that makes backups, loses everything and restores it, all at once or one object after the other, takes the deletion of a
//     member back, and loses single statuses;
//   - operators' clocks that are wrong for a while, by up to a year.
//
// # A schedule
//
// A schedule is a list of Steps. The seed draws each from those that are possible. It ends with a calm: nothing fails or changes
// any more, and everything that is due happens. Then the desired state must have been reached, and a forced resync must write
// nothing. The list replays exactly; with steps left out it still runs, because a step that is not
// possible is skipped. So a failing schedule is shrunk by leaving out steps while it still fails in the same way.
//
// # Adding an effect
//
// A new call of a reconciler goes through wire.go, which panics if it does not know the call. A new kind gets a line in objects.go,
// and its CEL rules go into rules.go. A new choice of the admin's or an invitee's is an Action in admin.go or visit.go with a line
// in draw.go; one of the platform's is in restore.go, with a line in draw_platform.go. What must be true of it is a check in promises.go,
// or in rest.go if it need be true only in the end. A mutation in mutation_test.go shows that the check can fail.
//
// # What is not simulated
//
//   - real HTTP, SMTP and serialisation (but for the fractions of times), and admission other than the rules in rules.go;
//   - leader election, and two concurrent operators with different results of probing a mail server: each would overwrite the
//     other's condition until the results agree again, which leader election prevents;
//   - what two operators promise while their clocks differ: they overwrite each other's verdicts, and may send a mail twice, which leader
//     election prevents;
//   - statuses in a backup, and restored objects beside others that were made anew under their names;
//   - what is promised of two members that confirm one address at the same time: that both are admitted is no violation, and one of them
//     becomes a duplicate;
//   - the order of the work queues, in which namespaces take turns: a schedule may reconcile any key that is due next, so that it reaches
//     every order, and says nothing about fairness;
//   - a mail that takes longer than its lease, and the renewal of leases: an attempt ends, or its operator dies, before another
//     may begin;
//   - an admin who writes status (but for losing it), removes finalizers or deletes credentials by hand.
package simulation
