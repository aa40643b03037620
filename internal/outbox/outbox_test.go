// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/outbox/ratelimit"
)

// invitationRecord is the Record of an invitation's own mail.
type invitationRecord struct{ Mail[*usherv1.Invitation] }

func (invitationRecord) Attempt(inv *usherv1.Invitation) delivery.Attempt {
	return invite.AttemptOf(&inv.Status, "")
}

// An attempt belongs to one object. Another object with the same name may have a claim that looks the same.
func TestSameAttempt(t *testing.T) {
	g := NewWithT(t)
	claim := &usherv1.Invitation{ObjectMeta: metav1.ObjectMeta{Name: "ada", UID: "one"}}
	claim.Status = usherv1.InvitationStatus{
		State: usherv1.InvitationSending, LinkGeneration: 2, Attempts: 3, NextAttemptAt: &metav1.Time{Time: time.Unix(1000, 0)},
	}
	same := claim.DeepCopy()
	same.ResourceVersion = "later"
	g.Expect(sameAttempt(invitationRecord{}, same, claim)).To(BeTrue())
	for name, edit := range map[string]func(*usherv1.Invitation){
		"another object":  func(i *usherv1.Invitation) { i.UID = "two" },
		"another attempt": func(i *usherv1.Invitation) { i.Status.Attempts++ },
		"another link":    func(i *usherv1.Invitation) { i.Status.LinkGeneration++ },
		"concluded":       func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationSent },
	} {
		is := claim.DeepCopy()
		edit(is)
		g.Expect(sameAttempt(invitationRecord{}, is, claim)).To(BeFalse(), name)
	}
}

// An error of the channel means something for the next attempt and the mail.
func TestChannelErrors(t *testing.T) {
	refused := &channel.Error{Class: usherv1.ErrorPermanent, Code: "550 5.1.1"}
	down := &channel.Error{Class: usherv1.ErrorConfiguration, Code: "535 5.7.8", Reason: usherv1.ReasonAuthFailed}
	lost := &channel.Error{Class: usherv1.ErrorTemporary, Code: "timeout", Reason: usherv1.ReasonServerUnreachable, InDoubt: true}
	for name, tt := range map[string]struct {
		err     error
		class   usherv1.ErrorClass
		wentOut bool
	}{
		"accepted":                {nil, "", true},
		"the recipient refused":   {refused, usherv1.ErrorPermanent, false},
		"the endpoint refused":    {down, usherv1.ErrorConfiguration, false},
		"the connection was lost": {lost, usherv1.ErrorTemporary, true},
		"Usher's own":             {errors.New("oops"), usherv1.ErrorTemporary, false},
	} {
		g := NewWithT(t)
		failure := failureOf(tt.err)
		g.Expect(failure == nil).To(Equal(tt.err == nil), name)
		if failure != nil {
			g.Expect(failure.Class).To(Equal(tt.class), name)
			g.Expect(failure.Code).NotTo(BeEmpty(), name)
		}
		g.Expect(wentOut(tt.err)).To(Equal(tt.wentOut), name)
	}
}

// cachedInvitations is a cache that holds nothing but these.
type cachedInvitations struct {
	client.Reader
	all []usherv1.Invitation
}

func (c cachedInvitations) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*usherv1.InvitationList).Items = c.all
	return nil
}

// A manager that starts does not count mails that a clock a year ahead says were sent: their recipient would get none until then.
func TestMailsOfAWrongClockAreNotRecalled(t *testing.T) {
	now := time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)
	for sent, want := range map[time.Time]bool{now.AddDate(1, 0, 0): false, now.Add(-time.Minute): true} {
		g := NewWithT(t)
		var cache cachedInvitations
		for range delivery.MailsPerRecipient {
			inv := usherv1.Invitation{Status: usherv1.InvitationStatus{Recipient: "ada@acme.example", SentAt: &metav1.Time{Time: sent}}}
			cache.all = append(cache.all, inv)
		}
		endpoints := NewEndpoints(nil, nil, types.NamespacedName{Name: "usher-smtp"}, 8)
		_, hold, err := endpoints.reserve(t.Context(), cache, &usherv1.Account{}, ratelimit.Mail{ID: "1", Recipient: "ada@acme.example"}, now)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(hold != nil).To(Equal(want), "sent %s", sent)
	}
}
