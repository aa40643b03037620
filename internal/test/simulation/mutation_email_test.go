// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/message"
)

// emailMutations break what is promised of changes of address.
var emailMutations = []mutation{
	{
		name:    "access follows the address in the spec at once",
		options: Options{Wrap: followWanted},
		caught:  []string{"proven"},
	},
	{
		name:    "signing in follows the address in the spec at once",
		options: Options{WrapPortal: membersAs(inUseIsWanted)},
		caught:  []string{"profile-of-the-active"},
	},
	{
		name:    "a link to a new address works after its end",
		options: Options{WrapPortal: membersAs(neverExpires)},
		caught:  []string{"dead-change-link"},
	},
	{
		name:    "a link to a new address is for any change to that address",
		options: Options{WrapSender: tokenOfAnyChange, WrapPortal: membersAs(changeOfAnyTime)},
		caught:  []string{"dead-change-link"},
	},
	{
		name:    "the address in use is not told of a change",
		options: Options{Wrap: membersAs(told)},
		caught:  []string{"told-first"},
	},
	{
		name:    "the link to a new address goes to the one in use",
		options: Options{WrapSender: linkToFormer},
		caught:  []string{"link-to-wanted"},
	},
	{
		name:    "a disabled account sends mails about changes of address",
		options: Options{Wrap: enabled},
		caught:  []string{"change-true"},
	},
	{
		name:    "the mark of the address in use is ignored after the status was lost",
		options: Options{Wrap: membersAs(markLost)},
		caught:  []string{"restored", "acceptance-kept", "welcome-stands"},
	},
	{
		name:    "an address is reported as confirmed and is not",
		options: Options{WrapPortal: unwritten},
		caught:  []string{"confirmed-is-stored"},
	},
}

// membersAs changes every Member that is read.
func membersAs(change func(*usherv1.Member)) func(ClientSite, client.Client) client.Client {
	return func(_ ClientSite, c client.Client) client.Client {
		return rewritten(c, func(o client.Object) {
			if m, ok := o.(*usherv1.Member); ok {
				change(m)
			}
		})
	}
}

func inUseIsWanted(m *usherv1.Member) {
	if m.Status.AcceptedAt != nil {
		m.Status.Email = string(m.Spec.Email)
	}
}

// followWanted has every list of members, from which access is given, say that the wanted address is in use.
func followWanted(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, list: rewritten(c, func(o client.Object) {
		if m, ok := o.(*usherv1.Member); ok {
			inUseIsWanted(m)
		}
	}).(*tampered).list}
}

// enabled reads every account as one that is not disabled.
func enabled(_ ClientSite, c client.Client) client.Client {
	return rewritten(c, func(o client.Object) {
		if a, ok := o.(*usherv1.Account); ok {
			a.Spec.State = usherv1.StateActive
		}
	})
}

func neverExpires(m *usherv1.Member) {
	if m.Status.EmailChange != nil {
		m.Status.EmailChange.ExpiresAt = nil
	}
}

func changeOfAnyTime(m *usherv1.Member) {
	if m.Status.EmailChange != nil {
		m.Status.EmailChange.RequestedAt = metav1.Time{Time: epoch}
	}
}

// told has the address in use refuse the mail before it is sent.
func told(m *usherv1.Member) {
	if c := m.Status.EmailChange; c != nil && !slices.ContainsFunc(c.Mails, func(mail usherv1.EmailChangeMail) bool {
		return mail.To == usherv1.MailToFormerAddress
	}) {
		c.Mails = append(c.Mails, usherv1.EmailChangeMail{To: usherv1.MailToFormerAddress, State: usherv1.EndNoticeFailed})
	}
}

func markLost(m *usherv1.Member) {
	if m.Status.State == "" {
		delete(m.Annotations, usherv1.EmailInUseAnnotation)
	}
}

// changesThrough is a channel that changes mails about changes of address before they are sent.
type changesThrough struct {
	channel.Channel
	change func(message.EmailChange) message.EmailChange
}

func (c changesThrough) Send(ctx context.Context, to channel.Endpoint, m message.Message) error {
	if mail, ok := m.(message.EmailChange); ok && mail.Link != "" {
		m = c.change(mail)
	}
	return c.Channel.Send(ctx, to, m)
}

func linkToFormer(at ClientSite, c channel.Channel) channel.Channel {
	return changesThrough{c, func(m message.EmailChange) message.EmailChange {
		if former := changingTo(at, m.To); former != nil {
			m.To = string(former.EmailInUse())
		}
		return m
	}}
}

// tokenOfAnyChange makes links without the time at which their change was noticed.
func tokenOfAnyChange(at ClientSite, c channel.Channel) channel.Channel {
	return changesThrough{c, func(m message.EmailChange) message.EmailChange {
		member := changingTo(at, m.To)
		if member == nil {
			return m
		}
		member = member.DeepCopy()
		changeOfAnyTime(member)
		change, _ := invite.ChangeOf(member)
		path, err := at.Keys.ChangePath(member, change)
		if err != nil {
			panic(err) // the key is a constant
		}
		m.Link = portalURL + path
		return m
	}}
}

// changingTo returns the member that an operator knows to change its address to that; nil if there is none.
func changingTo(at ClientSite, address string) *usherv1.Member {
	var all usherv1.MemberList
	if at.Cached.List(context.Background(), &all) != nil {
		return nil
	}
	for i := range all.Items {
		if change, changes := invite.ChangeOf(&all.Items[i]); changes && change.Wanted.SameAs(usherv1.EmailAddress(address)) {
			return &all.Items[i]
		}
	}
	return nil
}
