// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// A member whom an operator disabled while its clock was a year ahead can sign in again once they are enabled.
func TestDisabledSince(t *testing.T) {
	g := NewWithT(t)
	now := time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)
	member := &usherv1.Member{}
	g.Expect(disabledSince(member, now, now)).To(BeFalse())
	for in, want := range map[time.Duration]bool{-time.Second: false, 0: true, time.Minute: true, 365 * 24 * time.Hour: false} {
		member.Status.DisabledAt = &metav1.Time{Time: now.Add(in)}
		g.Expect(disabledSince(member, now, now.Add(time.Minute))).To(Equal(want), in.String())
	}
}
