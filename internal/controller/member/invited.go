// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// invitedLately is for how long a cache may lack an Invitation that was made.
	invitedLately = 10 * time.Second
	// manyInvited is at how many Members those are forgotten that were not invited lately.
	manyInvited = 4096
)

// invitedMembers remembers for which Members this process has made Invitations lately. It is safe for concurrent use.
type invitedMembers struct {
	mu sync.Mutex
	at map[types.UID]time.Time
}

func (i *invitedMembers) note(member types.UID, now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.at) >= manyInvited {
		for uid, at := range i.at {
			if now.Sub(at) >= invitedLately {
				delete(i.at, uid)
			}
		}
	}
	if i.at == nil {
		i.at = map[types.UID]time.Time{}
	}
	i.at[member] = now
}

// lately reports whether an Invitation was made for the Member lately.
func (i *invitedMembers) lately(member types.UID, now time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	at, known := i.at[member]
	return known && now.Sub(at) < invitedLately
}
