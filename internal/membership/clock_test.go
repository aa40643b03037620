// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
)

// throughTheServer is a value as the API server gives it back.
func throughTheServer[T any](t interface{ Fatal(...any) }, value T) T {
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var read T
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// An end with any fraction of a second is announced once to the member and once to the contact. Each decision is made from what the API
// server stored of the last.
func TestAnEndWithAFractionIsAnnouncedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := time.Duration(rapid.Int64Range(int64(time.Hour), int64(7*day)).Draw(t, "the end"))
		fraction := time.Duration(rapid.Int64Range(0, 1e9-1).Draw(t, "fraction of now"))
		o := announced(in)
		at := now.Add(fraction)
		var sent []usherv1.EndNoticeRecipient
		for range 5 {
			p := DecideExpiryNotices(o, at)
			o.Member.Status.EndNotices = throughTheServer(t, p.Notices)
			if p.Send == "" {
				continue
			}
			sent = append(sent, p.Send)
			if second := DecideExpiryNotices(o, at); second.Send == p.Send {
				t.Fatalf("an operator that sees the claim sends the notice to %s, too", p.Send)
			}
			ConcludeNotice(o.Member, p.Send, nil, at)
			o.Member.Status = throughTheServer(t, o.Member.Status)
		}
		if !slices.Equal(sent, []usherv1.EndNoticeRecipient{usherv1.NoticeToMember, usherv1.NoticeToContact}) {
			t.Fatalf("sent to %v", sent)
		}
		after := DecideExpiryNotices(o, at)
		if !equality.Semantic.DeepEqual(after.Notices, o.Member.Status.EndNotices) || after.NeedsLiveReads() {
			t.Fatalf("decided again: %+v", after.Notices)
		}
		ended := DecideExpiryNotices(o, o.Member.Spec.AccessUntil.Time)
		if !equality.Semantic.DeepEqual(ended.Notices, o.Member.Status.EndNotices) {
			t.Fatalf("at the end: %+v", ended.Notices)
		}
	})
}

// Whatever a clock that is wrong by any amount wrote of a notice, it waits for no longer than for what a right clock could have written.
func TestNoNoticeWaitsForAClockThatWasAhead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wrong := now.Add(time.Duration(rapid.Int64Range(0, int64(2*365*day)).Draw(t, "error of the writer's clock")))
		state := rapid.SampledFrom([]usherv1.EndNoticeState{usherv1.EndNoticeSending, usherv1.EndNoticePending}).Draw(t, "state")
		longest := map[usherv1.EndNoticeState]time.Duration{
			usherv1.EndNoticeSending: delivery.SendLease, usherv1.EndNoticePending: delivery.LongestWait,
		}[state]
		next := moment.Ref(wrong.Add(time.Duration(rapid.Int64Range(1, int64(longest)).Draw(t, "pause"))))
		o := announced(7*day - time.Minute)
		o.Member.Status.EndNotices = []usherv1.EndNotice{{
			To: usherv1.NoticeToMember, AccessUntil: *o.Member.Spec.AccessUntil, State: state, Attempts: 1, NextAttemptAt: next,
		}}
		if p := DecideExpiryNotices(o, now); p.Notices[0].Attempts == 1 && next.Sub(now) > longest+moment.Skew {
			t.Fatalf("waits until %s", next)
		}
	})
	o := announced(-time.Second)
	o.Member.Status.EndNotices = []usherv1.EndNotice{{
		To: usherv1.NoticeToMember, AccessUntil: *o.Member.Spec.AccessUntil, State: usherv1.EndNoticeSending, NextAttemptAt: later(365 * day),
	}}
	NewWithT(t).Expect(DecideExpiryNotices(o, now).Notices[0].State).To(Equal(usherv1.EndNoticeFailed), "given up at the end")
}

// A condition that a clock a year ahead wrote must not keep every probe of that year from being reported.
func TestAVerdictIsReportedAfterAClockThatWasAhead(t *testing.T) {
	g := NewWithT(t)
	a := newAccount()
	ahead := MailVerdict{Reason: "ServerUnreachable", Message: "no answer", At: now.AddDate(1, 0, 0)}
	a.Status, _ = Summarize(AccountObservation{Account: a, Mail: &ahead}, now.AddDate(1, 0, 0))
	probed := MailVerdict{Ready: true, Reason: "Ready", At: now}
	g.Expect(probed.Outdated(a, now)).To(BeFalse())
	a.Status, _ = Summarize(AccountObservation{Account: a, Mail: &probed}, now)
	for _, c := range a.Status.Conditions {
		g.Expect(c.LastTransitionTime.Time).To(Equal(now), c.Type)
	}
	expectSettled(g, a)
}

func expectSettled(g *WithT, a *usherv1.Account) {
	again, _ := Summarize(AccountObservation{Account: a}, now)
	g.Expect(equality.Semantic.DeepEqual(again, a.Status)).To(BeTrue(), "decided twice")
}

// A Member of which the operator's clock says that it was made in the future does not wait for that moment to say what it is.
func TestASlowClockDefersNoStatus(t *testing.T) {
	g := NewWithT(t)
	o := observed(func(o *Observation) { o.Member.CreationTimestamp = *later(0) })
	g.Expect(Decide(o, now).DeferStatus).To(BeTrue())
	g.Expect(Decide(o, now.Add(-time.Hour)).DeferStatus).To(BeFalse())
}

// A fraction of a second in status.disabledAt does not have the API token replaced again and again.
func TestATokenIsReplacedOnceForATimeWithAFraction(t *testing.T) {
	g := NewWithT(t)
	o := observed(active, disabled, was(usherv1.ObservedDisabled), func(o *Observation) {
		o.Member.Status.DisabledAt = later(700 * time.Millisecond)
		o.Credentials.TokenRotatedFor = throughTheServer(t, metav1.Time{Time: o.Member.Status.DisabledAt.Time}).Time
	})
	g.Expect(Decide(o, now).RotateToken).To(BeFalse())
}
