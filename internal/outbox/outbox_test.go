// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/invite"
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

// cached is a cache that holds nothing but these.
type cached struct {
	client.Reader
	invitations []usherv1.Invitation
	members     map[string]*usherv1.Member
	accounts    map[string]*usherv1.Account
}

func (c *cached) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*usherv1.InvitationList).Items = c.invitations
	return nil
}

func (c *cached) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	switch o := o.(type) {
	case *usherv1.Member:
		if m := c.members[key.String()]; m != nil {
			m.DeepCopyInto(o)
			return nil
		}
	case *usherv1.Account:
		if a := c.accounts[key.String()]; a != nil {
			a.DeepCopyInto(o)
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

// sends has an account of a namespace send mails to Ada, through a Secret of its own or, if that is empty, the default one.
func (c *cached) sends(namespace, secret string, mails int, at time.Time) *usherv1.Account {
	account := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "it"}}
	if secret != "" {
		account.Spec.Mail = &usherv1.AccountMail{SecretRef: &usherv1.SecretReference{Name: secret}}
	}
	if c.members == nil {
		c.members, c.accounts = map[string]*usherv1.Member{}, map[string]*usherv1.Account{}
	}
	c.accounts[namespace+"/it"] = account
	c.members[namespace+"/ada"] = &usherv1.Member{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada"},
		Spec:       usherv1.MemberSpec{AccountRef: usherv1.AccountReference{Name: "it"}},
	}
	for range mails {
		inv := usherv1.Invitation{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}}
		inv.Spec.MemberRef.Name = "ada"
		inv.Status = usherv1.InvitationStatus{Recipient: "ada@acme.example", SentAt: &metav1.Time{Time: at}}
		c.invitations = append(c.invitations, inv)
	}
	return account
}

// server is an endpoint without a limit.
type server string

func (s server) String() string              { return string(s) }
func (server) RatePerMinute() int            { return 0 }
func (server) MessageID(local string) string { return local }
func (server) Connections() int              { return 0 }

func defaultEndpoints(address server) *Endpoints {
	e := NewEndpoints(nil, nil, types.NamespacedName{Namespace: "usher-system", Name: "usher-smtp"}, 8)
	e.SetProbed(e.Default, Probed{Endpoint: address})
	return e
}

var noon = time.Date(2026, time.March, 8, 12, 0, 0, 0, time.UTC)

// A manager that starts does not count mails that a clock a year ahead says were sent: their recipient would get none until then.
func TestMailsOfAWrongClockAreNotRecalled(t *testing.T) {
	for sent, want := range map[time.Time]bool{noon.AddDate(1, 0, 0): false, noon.Add(-time.Minute): true, noon.Add(-time.Hour): false} {
		g := NewWithT(t)
		cache := &cached{}
		account := cache.sends("acme", "", delivery.MailsPerRecipient, sent)
		_, hold, err := defaultEndpoints("smtp.example:587").reserve(t.Context(), cache, account, server("smtp.example:587"), Counted{ID: "1", Recipient: "ada@acme.example"}, noon)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(hold != nil).To(Equal(want), "sent %s", sent)
	}
}

// What one namespace sent counts for another one only if both sent through the default server: before a restart and after it.
func TestWhatCountsForAnotherNamespace(t *testing.T) {
	const shared = server("smtp.example:587")
	for name, tt := range map[string]struct {
		// secret and through are those of the stranger, and own of the account that sends after it.
		secret  string
		through server
		own     string
		// alike: the account's second mail waits, for mails of the stranger.
		alike bool
	}{
		"both through the default Secret":                      {"", shared, "", true},
		"a Secret of the stranger leads to the default server": {"mine", "SMTP.example.:465", "", true},
		"the stranger has a server":                            {"mine", "smtp.evil.example:587", "", false},
		"the stranger names the other's server":                {"mine", "smtp.acme.example:587", "acme-smtp", false},
		"the other has a server":                               {"", shared, "acme-smtp", false},
	} {
		for _, restarts := range []bool{false, true} {
			g := NewWithT(t)
			cache, e := &cached{}, defaultEndpoints(shared)
			mails := 0
			if restarts {
				mails = delivery.MailsPerRecipient
			}
			stranger, account := cache.sends("evil", tt.secret, mails, noon), cache.sends("acme", tt.own, 0, noon)
			e.SetProbed(e.SecretOf(stranger), Probed{Endpoint: tt.through})
			through := shared
			if tt.own != "" {
				through = "smtp.acme.example:587"
			}
			reserve := func(a *usherv1.Account, through server, id string) *delivery.Hold {
				_, hold, err := e.reserve(t.Context(), cache, a, through, Counted{ID: id, Recipient: "Ada@acme.example"}, noon)
				g.Expect(err).NotTo(HaveOccurred())
				return hold
			}
			for i := range delivery.MailsPerRecipient - mails {
				g.Expect(reserve(stranger, tt.through, fmt.Sprint("evil", i))).To(BeNil(), name)
			}
			g.Expect(reserve(stranger, tt.through, "evil")).NotTo(BeNil(), name)
			g.Expect(reserve(account, through, "first")).To(BeNil(), name)
			hold := reserve(account, through, "second")
			g.Expect(hold != nil).To(Equal(tt.alike), "%s, restarts: %t", name, restarts)
			if !tt.alike {
				continue
			}
			held, lifted := e.Held(account, "second", "ada@acme.example", noon)
			g.Expect(held).To(Equal(hold), name)
			g.Expect(lifted).To(BeFalse(), name)
			account.Spec.Mail = &usherv1.AccountMail{SecretRef: &usherv1.SecretReference{Name: "another"}}
			held, lifted = e.Held(account, "second", "ada@acme.example", noon)
			g.Expect(held).To(BeNil(), name)
			g.Expect(lifted).To(BeTrue(), name)
		}
	}
}
