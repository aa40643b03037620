// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/invite"
)

// Events tell of transitions, once each, after they were written. None holds an address.

func (e Environment) announceMember(before, after *usherv1.Member) {
	ready := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionReady)
	if ready == nil || ready.Reason == conditions.Reason(before.Status.Conditions, usherv1.ConditionReady) {
		return
	}
	kind := corev1.EventTypeNormal
	if meta.IsStatusConditionTrue(after.Status.Conditions, usherv1.ConditionStalled) {
		kind = corev1.EventTypeWarning
	}
	e.Recorder.Eventf(after, nil, kind, ready.Reason, "Become"+string(after.Status.State), "%s", ready.Message)
}

func (e Environment) announceInvitation(before, after *usherv1.Invitation) {
	ready := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionReady)
	if ready == nil {
		return
	}
	if invite.Waits(&after.Status) {
		if ready.Reason != conditions.Reason(before.Status.Conditions, usherv1.ConditionReady) {
			e.Recorder.Eventf(after, nil, corev1.EventTypeNormal, ready.Reason, "Invite", "%s", ready.Message)
		}
		return
	}
	if before.Status.State == after.Status.State || after.Status.State == usherv1.InvitationSending {
		return
	}
	kind := corev1.EventTypeNormal
	if after.Status.LastError != nil || after.Status.State == usherv1.InvitationFailed {
		kind = corev1.EventTypeWarning
	}
	e.Recorder.Eventf(after, nil, kind, string(after.Status.State), "Invite", "%s", ready.Message)
}

func (e Environment) announceEnding(member *usherv1.Member, n usherv1.EndNotice) {
	to := "the member"
	if n.To == usherv1.NoticeToContact {
		to = "the account's contact"
	}
	switch n.State {
	case usherv1.EndNoticeSent:
		e.Recorder.Eventf(member, nil, corev1.EventTypeNormal, usherv1.ReasonAccessEnding, "Announce", "Told %s that access ends at %s", to, n.AccessUntil.UTC().Format(time.RFC3339))
	case usherv1.EndNoticeFailed:
		e.Recorder.Eventf(member, nil, corev1.EventTypeWarning, usherv1.ReasonAccessEnding, "Announce", "The mail server refused to tell %s that access ends (%s)", to, n.LastError.Code)
	}
}

func (e Environment) announceReminder(after *usherv1.Invitation, remind usherv1.Lead, failure *invite.Failure) {
	switch {
	case remind == "":
	case failure == nil:
		e.Recorder.Eventf(after, nil, corev1.EventTypeNormal, usherv1.ReasonReminded, "Remind", "The mail server accepted the reminder of %s before the end", remind)
	default:
		e.Recorder.Eventf(after, nil, corev1.EventTypeWarning, usherv1.ReasonReminderFailed, "Remind", "The reminder of %s before the end failed (%s, %s)", remind, failure.Class, failure.Code)
	}
}

func (e Environment) announceSeatPool(before, after *usherv1.SeatPool) {
	for kind, reason := range map[string]string{
		usherv1.ConditionFull:         usherv1.ReasonAllSeatsTaken,
		usherv1.ConditionOverCapacity: usherv1.ReasonSeatsReduced,
	} {
		c := meta.FindStatusCondition(after.Status.Conditions, kind)
		if c.Reason == reason && conditions.Reason(before.Status.Conditions, kind) != reason {
			e.Recorder.Eventf(after, nil, corev1.EventTypeWarning, reason, "Allocate", "%s", c.Message)
		}
	}
}

func (e Environment) announceAccount(before, after *usherv1.Account) {
	if before.Status.State != after.Status.State {
		e.Recorder.Eventf(after, nil, corev1.EventTypeNormal, conditions.Reason(after.Status.Conditions, string(after.Status.State)),
			"Become"+string(after.Status.State), "The account is %s", after.Status.State)
	}
	templates := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionTemplatesReady)
	if templates != nil && templates.Status == metav1.ConditionFalse &&
		templates.Reason != conditions.Reason(before.Status.Conditions, usherv1.ConditionTemplatesReady) {
		e.Recorder.Eventf(after, nil, corev1.EventTypeWarning, templates.Reason, "ReadTemplates", "%s", templates.Message)
	}
	if lost := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionNoAdmin); lost != nil && !meta.IsStatusConditionTrue(before.Status.Conditions, usherv1.ConditionNoAdmin) {
		e.Recorder.Eventf(after, nil, corev1.EventTypeWarning, lost.Reason, "LoseAdmin", "%s", lost.Message)
	}
	access := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionAccessReady)
	if access.Status == metav1.ConditionFalse && access.Reason != conditions.Reason(before.Status.Conditions, usherv1.ConditionAccessReady) {
		e.Recorder.Eventf(after, nil, corev1.EventTypeWarning, access.Reason, "GrantAccess", "%s", access.Message)
	}
	mail := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionMailReady)
	if mail == nil || mail.Reason == conditions.Reason(before.Status.Conditions, usherv1.ConditionMailReady) {
		return
	}
	if mail.Reason == usherv1.ReasonMailReady {
		e.Recorder.Eventf(after, nil, corev1.EventTypeNormal, "MailReady", "ProbeMailServer", "The mail server answered")
	} else {
		e.Recorder.Eventf(after, nil, corev1.EventTypeWarning, mail.Reason, "ProbeMailServer", "%s", mail.Message)
	}
}
