// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bench measures Usher from outside: the program that ships in a process of its own, a real etcd and kube-apiserver, a real mail
// server. `make bench` runs it and keeps its tables in docs/performance.md.
//
// Absolute rates drift with the machine, so every rate is also divided by what a plain client reaches on the same API server in the same
// run ([rawClient]), and the counts of calls come first. What is counted comes from the programs' own metrics:
//
//   - calls: the API server's apiserver_request_total, less the bench's own calls;
//   - processor time: process_cpu_seconds_total of the API server and of the manager;
//   - live heap: go_gc_heap_live_bytes of the manager, of a collection that began at rest;
//   - times: a watch of the bench on the Members and RoleBindings.
//
// A [Line] is one measurement; run.go runs them. Each has its own control plane, so that none works on the data of another.
package bench
