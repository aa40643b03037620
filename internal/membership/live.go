// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import usherv1 "github.com/usher-dev/usher/api/v1alpha1"

// NeedsLiveReads reports whether the decision takes something away, gives the owner's role, or concerns a Member that is being
// deleted, and so must be made from live reads.
func (d Decision) NeedsLiveReads() bool {
	return d.Withdraws || d.Elevates || d.Awaits && d.before != usherv1.ObservedActive || d.DropCredentials || d.deleting
}
