// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package prove shows that Usher keeps its promises while things fail: the whole manager, the portal, a real API server and a
// real SMTP conversation, and between them a wire that loses, delays and refuses.
//
// This file's neighbours without _test hold what a harness judges by: every revision of the ledgers and of the members
// ([Record], [History.Violations]), and what a story comes to in the end ([Outcome]). The harnesses are tests. What members go
// through in most of them is one table, the story in story_test.go. To add an effect to Usher, add a step there;
// every cut point, lost event and stale cache of the new effect is then tried.
//
//	go test ./internal/test/prove              a share of every harness
//	PROVE=full go test ./internal/test/prove   all of it, or `make prove`
//	go test ./internal/test/prove -run CutPoints -seed 7
package prove
