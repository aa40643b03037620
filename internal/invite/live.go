// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

// NeedsLiveReads reports whether the plan ends a link or hands one out without sending a mail, and so must be made from live reads.
// A plan that sends is made from live reads again by whoever sends.
func (p Plan) NeedsLiveReads() bool { return !p.Send && p.endsOrHandsOut }
