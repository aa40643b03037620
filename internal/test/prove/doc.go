// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package prove checks that Usher keeps its guarantees while things fail. It runs the whole manager, the portal, a real API server and
// real SMTP conversations, with a wire between them that loses, delays and refuses calls.
//
// The files without _test have what a harness judges by: every revision of the ledgers and of the members ([Record],
// [History.Violations]), and the final state of a story ([Outcome]). The harnesses are tests. Most of them run the same steps: the
// story in story_test.go. If you add an effect to Usher, add a step there; the harnesses then try every cut point, lost event and
// stale cache of the new effect.
//
//	go test ./internal/test/prove              a share of every harness
//	PROVE=full go test ./internal/test/prove   all of it, or `make prove`
//	go test ./internal/test/prove -run CutPoints -seed 7
package prove
