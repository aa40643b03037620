// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/moment"
)

// givesUp returns when a mail that fails temporarily is given up: one ttl after its first attempt; zero for never. An attempt that was due
// before that and was not made is made first, however late: the mail server was not ready, for example, or no operator ran. leaveOut then
// sees to it that the time in which the mail could not be tried does not count.
//
// So a mail is given up after as much time as the pauses between its attempts add up to, and each of them takes most of a minute at least.
func (p *Plan) givesUp(o Observation, now time.Time) time.Time {
	s := &p.Status
	if s.LastError == nil || s.LastError.Class != usherv1.ErrorTemporary || s.FirstAttemptAt == nil {
		return time.Time{}
	}
	if !clockOf(o, now).Believes(s.FirstAttemptAt.Time, 0) {
		s.FirstAttemptAt = moment.Ref(now)
	}
	end := s.FirstAttemptAt.Add(TTL(o.Invitation, o.Account))
	if due := s.NextAttemptAt; due != nil && due.Time.Before(end) && !now.Before(end) {
		return time.Time{}
	}
	return end
}

// leaveOut moves the first attempt forward by how late an attempt is made that was due at a time: only time in which the mail could be
// tried counts. Like every such time, it is not after now, whatever a wrong clock wrote.
func leaveOut(s *usherv1.InvitationStatus, due *metav1.Time, now time.Time) {
	if due == nil || s.FirstAttemptAt == nil || !now.After(due.Time) {
		return
	}
	moved := s.FirstAttemptAt.Add(now.Sub(due.Time))
	if moved.After(now) {
		moved = now
	}
	s.FirstAttemptAt = moment.Ref(moved)
}
