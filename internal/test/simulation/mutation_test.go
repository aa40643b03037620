// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/store"
)

// mutation is a way to break the design.
type mutation struct {
	name    string
	options Options
	// caught are the promises of which one must be broken.
	caught []string
}

// mutationSchedules is how many schedules a mutation may survive.
const mutationSchedules = 20000

// TestMutations breaks the design in one place at a time, and checks that the simulation notices.
func TestMutations(t *testing.T) {
	for _, m := range slices.Concat(mutations, emailMutations, passwordMutations) {
		t.Run(m.name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("takes a while")
			}
			t.Parallel()
			o := m.options
			o.Coroutines = &Coroutines{}
			defer o.Coroutines.Close()
			others := 0
			for seed := range uint64(mutationSchedules) {
				r := Run(o, seed)
				if r.Violation == nil {
					continue
				}
				if !slices.Contains(m.caught, r.Violation.Promise) {
					others++
					continue
				}
				t.Logf("caught after %d schedules, %d of which broke another promise: %v", seed+1, others, r.Violation)
				return
			}
			t.Fatalf("survived %d schedules", mutationSchedules)
		})
	}
}

var mutations = []mutation{
	{
		name:    "ledger written without its resourceVersion",
		options: Options{Unlocked: []string{"seatpools"}},
		caught:  []string{"held-is-claimed", "grants-grow"},
	},
	{
		name:    "ledger written from an old cache, CEL off",
		options: Options{Unlocked: []string{"seatpools"}, Without: []Rule{LedgerBound}},
		caught:  []string{"never-oversold"},
	},
	{
		name:    "a pool that is being deleted takes its seats back, and no user has allowed that",
		options: Options{Wrap: takeBack},
		caught:  []string{"access-kept"},
	},
	{
		name:    "an account that is being deleted is read as one that is not",
		options: Options{Wrap: undeleted},
		caught:  []string{"never-makes", "mail-wanted", "dead-link"},
	},
	{
		name:    "claim dropped before releasedGrant",
		options: Options{Wrap: dropEarly},
		caught:  []string{"held-is-claimed"},
	},
	{
		name:    "claim dropped because the cache has no such member",
		options: Options{Wrap: goneByCache},
		caught:  []string{"held-is-claimed"},
	},
	{
		name:    "release written before the withdrawal, CEL off",
		options: Options{Wrap: releaseFirst, Without: []Rule{ActiveHoldsSeat}},
		caught:  []string{"active-holds-seat", "held-is-claimed"},
	},
	{
		name:    "expired invitation keeps its seat",
		options: Options{Wrap: keep(usherv1.ReasonInvitationExpired)},
		caught:  []string{"converged", "rests", "comes-to-rest"},
	},
	{
		name:    "the seat rules do not know a reason that gives the seat back",
		options: Options{Wrap: unknownReason(usherv1.ReasonInvitationDeclined)},
		caught:  []string{"rests", "comes-to-rest"},
	},
	{
		name:    "sent without the claim",
		options: Options{Wrap: withoutClaim},
		caught:  []string{"mailed-once"},
	},
	{
		name:    "what became of a mail is forgotten when it could not be recorded",
		options: Options{Forgetful: true},
		caught:  []string{"known-outcome"},
	},
	{
		name:    "an expiry notice without the claim",
		options: Options{Wrap: noticeWithoutClaim},
		caught:  []string{"announced-once"},
	},
	{
		name:    "a member whose access has ended keeps the seat",
		options: Options{Wrap: keep(usherv1.ReasonAccessEnded)},
		caught:  []string{"converged", "rests", "comes-to-rest"},
	},
	{
		name:    "claim written after the mail was sent",
		options: Options{Wrap: sendBeforeClaim},
		caught:  []string{"mailed-once"},
	},
	{
		name:    "a reminder without the claim",
		options: Options{Wrap: remindWithoutClaim},
		caught:  []string{"mailed-once"},
	},
	{
		name:    "a reminder with a link of its own",
		options: Options{WrapSender: otherLink},
		caught:  []string{"reminder-same-link"},
	},
	{
		name:    "a refusal of us is taken for one of the recipient",
		options: Options{WrapSender: blameRecipient},
		caught:  []string{"refusal-of-us"},
	},
	{
		name:    "the lease of a send is ignored",
		options: Options{Wrap: withoutLease},
		caught:  []string{"mailed-once"},
	},
	{
		name:    "a cached absence of the account is trusted",
		options: Options{Wrap: believeAccount},
		caught:  []string{"access-kept", "mail-wanted", "dead-link"},
	},
	{
		name:    "a cached absence of credentials is trusted",
		options: Options{Wrap: believeCredentials},
		caught:  []string{"acceptance-kept", "access-kept", "mail-wanted"},
	},
	{
		name:    "link without its generation",
		options: Options{WrapSender: tokenOfFirst, WrapPortal: verifyFirst},
		caught:  []string{"dead-link"},
	},
	{
		name:    "portal reads a cache",
		options: Options{WrapPortal: cachedPortal},
		caught:  []string{"dead-link"},
	},
	{
		name:    "a second answer replaces the first",
		options: Options{WrapPortal: overwrite},
		caught:  []string{"first-answer-stands", "dead-link"},
	},
	{
		name:    "a profile is reported as saved and is not written",
		options: Options{WrapPortal: unwritten},
		caught:  []string{"profile-saved"},
	},
	{
		name:    "the profile page is open to every member with a password",
		options: Options{WrapPortal: alwaysActive},
		caught:  []string{"profile-of-the-active"},
	},
	{
		name:    "seat given back before the access is withdrawn",
		options: Options{Wrap: noBindings},
		caught:  []string{"access-before-seat"},
	},
	{
		name:    "seat given back while the password file still has the member",
		options: Options{Wrap: noPasswords},
		caught:  []string{"access-before-seat"},
	},
	{
		name:    "the members named in a binding are not read again",
		options: Options{Wrap: believeMembers},
		caught:  []string{"access-before-seat"},
	},
	{
		name:    "seat given back before the API token is replaced",
		options: Options{Wrap: keepToken},
		caught:  []string{"token-before-seat"},
	},
	{
		name:    "no check whether the API token was replaced",
		options: Options{Wrap: forgetToken},
		caught:  []string{"token-once"},
	},
	{
		name:    "accounts get no events of members",
		options: Options{Deaf: func(changed, controller string) bool { return changed == "members" && controller == "accounts" }},
		caught:  []string{"converged", "rests", "comes-to-rest"},
	},
	{
		name:    "the seats of an old plan are granted",
		options: Options{Wrap: believePlan},
		caught:  []string{"seats-by-the-plan"},
	},
	{
		name:    "pools get no events of plans",
		options: Options{Deaf: func(changed, controller string) bool { return changed == "plans" && controller == "seatpools" }},
		caught:  []string{"converged", "rests"},
	},
	{
		name:    "members get no events of credentials",
		options: Options{Deaf: func(changed, controller string) bool { return changed == "secrets" && controller == "members" }},
		caught:  []string{"converged", "rests", "comes-to-rest"},
	},
	{
		name:    "accounts get no events of their templates",
		options: Options{Deaf: func(changed, controller string) bool { return changed == "configmaps" }},
		caught:  []string{"converged", "rests"},
	},
	{
		name:    "the mark of the first member is ignored",
		options: Options{Wrap: withoutMark(usherv1.FirstMemberAnnotation)},
		caught:  []string{"restored"},
	},
	{
		name:    "the mark of the pool that a member has its seat from is ignored",
		options: Options{Wrap: withoutMark(usherv1.SeatPoolAnnotation)},
		caught:  []string{"restored", "converged"},
	},
	{
		name:    "what an invitation's times say is believed however far ahead they are",
		options: Options{Wrap: credulous},
		caught:  []string{"converged", "believed"},
	},
	{
		name:    "a user's Secret counts as credentials",
		options: Options{Wrap: takeForOurs},
		caught:  []string{"foreign-untouched"},
	},
}

// takeBack reads every pool that is being deleted as one whose deletion a user has allowed.
func takeBack(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, list: func(list client.ObjectList, next func() error) error {
		err := next()
		if all, ok := list.(*usherv1.SeatPoolList); ok {
			for i := range all.Items {
				if p := all.Items[i].DeepCopy(); p.DeletionTimestamp != nil {
					metav1.SetMetaDataAnnotation(&p.ObjectMeta, usherv1.AllowDeletionAnnotation, "true")
					all.Items[i] = *p
				}
			}
		}
		return err
	}}
}

func undeleted(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, get: func(_ client.ObjectKey, o client.Object, next func() error) error {
		err := next()
		if a, ok := o.(*usherv1.Account); ok {
			a.DeletionTimestamp = nil
		}
		return err
	}}
}

func dropEarly(at ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, list: func(list client.ObjectList, next func() error) error {
		if err := next(); err != nil {
			return err
		}
		if all, ok := list.(*usherv1.MemberList); ok {
			for i := range all.Items {
				m := all.Items[i].DeepCopy()
				if m.Spec.State == usherv1.StateDisabled {
					for j := range m.Status.Seats {
						m.Status.Seats[j].ReleasedGrant = max(m.Status.Seats[j].ReleasedGrant, m.Status.Seats[j].Grant)
					}
				}
				all.Items[i] = *m
			}
		}
		return nil
	}}
}

func goneByCache(at ClientSite, c client.Client) client.Client {
	if !at.Live {
		return c
	}
	return &tampered{Client: c, list: func(list client.ObjectList, next func() error) error {
		page, ok := list.(*metav1.PartialObjectMetadataList)
		if !ok || kindOf(page) != members {
			return next()
		}
		var all usherv1.MemberList
		err := at.Cached.List(context.Background(), &all)
		for i := range all.Items {
			page.Items = append(page.Items, metav1.PartialObjectMetadata{ObjectMeta: all.Items[i].ObjectMeta})
		}
		return err
	}}
}

func releaseFirst(at ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, put: func(o client.Object, next func(client.Object) error) error {
		m, ok := o.(*usherv1.Member)
		before := &usherv1.Member{}
		if !ok || at.Cached.Get(context.Background(), client.ObjectKeyFromObject(o), before) != nil ||
			before.Status.State != usherv1.ObservedActive || m.Status.State == usherv1.ObservedActive {
			return next(o)
		}
		first := before.DeepCopy()
		first.ResourceVersion, first.Status.Seats = m.ResourceVersion, m.Status.Seats
		if err := next(first); err != nil {
			return err
		}
		m.ResourceVersion = first.ResourceVersion
		return next(m)
	}}
}

// keep keeps the seats of a member that is Disabled or Pending for a reason.
func keep(reason string) func(ClientSite, client.Client) client.Client {
	return func(_ ClientSite, c client.Client) client.Client {
		return &tampered{Client: c, put: func(o client.Object, next func(client.Object) error) error {
			if m, ok := o.(*usherv1.Member); ok && readyReason(m.Status.Conditions) == reason {
				for i := range m.Status.Seats {
					if s := &m.Status.Seats[i]; s.Grant > 0 && s.Grant == s.ReleasedGrant {
						s.ReleasedGrant--
					}
				}
			}
			return next(o)
		}}
	}
}

// unknownReason replaces a reason by one that is not in the table, in every list of an account's members: the seat rules read it there.
func unknownReason(reason string) func(ClientSite, client.Client) client.Client {
	return func(_ ClientSite, c client.Client) client.Client {
		return &tampered{Client: c, list: func(list client.ObjectList, next func() error) error {
			err := next()
			if all, ok := list.(*usherv1.MemberList); ok {
				for i := range all.Items {
					if m := all.Items[i].DeepCopy(); readyReason(m.Status.Conditions) == reason {
						for j := range m.Status.Conditions {
							m.Status.Conditions[j].Reason = "Unheard"
						}
						all.Items[i] = *m
					}
				}
			}
			return err
		}}
	}
}

func noticeWithoutClaim(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, put: func(o client.Object, next func(client.Object) error) error {
		if m, ok := o.(*usherv1.Member); ok && slices.ContainsFunc(m.Status.EndNotices, func(n usherv1.EndNotice) bool {
			return n.State == usherv1.EndNoticeSending
		}) {
			return nil
		}
		return next(o)
	}}
}

func withoutClaim(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, put: func(o client.Object, next func(client.Object) error) error {
		if inv, ok := o.(*usherv1.Invitation); ok && inv.Status.State == usherv1.InvitationSending {
			return nil
		}
		return next(o)
	}}
}

// sendBeforeClaim holds the claim back until the outcome of the attempt is to be written, and writes it just before that.
func sendBeforeClaim(_ ClientSite, c client.Client) client.Client {
	kept := map[types.UID]*usherv1.Invitation{}
	return &tampered{Client: c, put: func(o client.Object, next func(client.Object) error) error {
		inv, ok := o.(*usherv1.Invitation)
		if !ok {
			return next(o)
		}
		claim := kept[inv.UID]
		delete(kept, inv.UID)
		switch {
		case inv.Status.State == usherv1.InvitationSending:
			kept[inv.UID] = inv.DeepCopy()
			return nil
		case claim != nil:
			if err := next(claim); err != nil {
				return err
			}
			inv.ResourceVersion = claim.ResourceVersion
		}
		return next(inv)
	}}
}

func remindWithoutClaim(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, put: func(o client.Object, next func(client.Object) error) error {
		inv, ok := o.(*usherv1.Invitation)
		if ok && slices.ContainsFunc(inv.Status.Reminders, func(r usherv1.Reminder) bool { return r.NextAttemptAt != nil }) {
			return nil
		}
		return next(o)
	}}
}

func otherLink(_ ClientSite, c channel.Channel) channel.Channel {
	return invitationsThrough(c, func(m message.Invitation) message.Invitation {
		if m.Reminder {
			m.Link += "x"
		}
		return m
	})
}

// blamed is a channel that takes every refusal for the recipient's.
type blamed struct{ channel.Channel }

func blameRecipient(_ ClientSite, c channel.Channel) channel.Channel { return blamed{c} }

// Send implements channel.Channel.
func (b blamed) Send(ctx context.Context, to channel.Endpoint, m message.Message) error {
	err := b.Channel.Send(ctx, to, m)
	if refused, ok := errors.AsType[*channel.Error](err); ok && refused.Refusal != "" {
		refused.Class, refused.NamesRecipient = usherv1.ErrorPermanent, true
	}
	return err
}

func withoutLease(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, get: func(_ client.ObjectKey, o client.Object, next func() error) error {
		err := next()
		if inv, ok := o.(*usherv1.Invitation); ok && inv.Status.State == usherv1.InvitationSending {
			inv.Status.NextAttemptAt = nil
		}
		return err
	}}
}

func believeAccount(at ClientSite, c client.Client) client.Client {
	if !at.Live {
		return c
	}
	return &tampered{Client: c, get: func(key client.ObjectKey, o client.Object, next func() error) error {
		if _, ok := o.(*usherv1.Account); ok {
			return at.Cached.Get(context.Background(), key, o)
		}
		return next()
	}}
}

func noBindings(at ClientSite, c client.Client) client.Client {
	if !at.Live {
		return c
	}
	return &tampered{Client: c, list: func(list client.ObjectList, next func() error) error {
		if all, ok := list.(*rbacv1.RoleBindingList); ok {
			all.Items = nil
			return nil
		}
		return next()
	}}
}

// noPasswords hides the password file, so that no member is removed from it.
func noPasswords(at ClientSite, c client.Client) client.Client {
	return &tampered{
		Client: c,
		list: func(list client.ObjectList, next func() error) error {
			if page, ok := list.(*metav1.PartialObjectMetadataList); ok && kindOf(page) == secrets && at.Live {
				page.Items = nil
				return nil
			}
			return next()
		},
		update: func(o client.Object, next func() error) error {
			if access.PasswordsOf(o) != "" && len(access.Marked(o)) > 0 {
				return nil
			}
			return next()
		},
	}
}

// keepToken drops the write of a new token, and reports success.
func keepToken(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, update: func(o client.Object, next func() error) error {
		if _, ok := o.(*corev1.Secret); ok && o.GetAnnotations()[usherv1.TokenRotatedAnnotation] != "" {
			return nil
		}
		return next()
	}}
}

// forgetToken hides that a token was replaced.
func forgetToken(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, get: func(_ client.ObjectKey, o client.Object, next func() error) error {
		err := next()
		delete(o.GetAnnotations(), usherv1.TokenRotatedAnnotation)
		return err
	}}
}

// believeMembers reads members from the cache wherever the write that follows has no resourceVersion.
func believeMembers(at ClientSite, c client.Client) client.Client {
	if !at.Live {
		return c
	}
	return &tampered{Client: c, get: func(key client.ObjectKey, o client.Object, next func() error) error {
		if _, ok := o.(*usherv1.Member); ok {
			return at.Cached.Get(context.Background(), key, o)
		}
		return next()
	}}
}

func believePlan(at ClientSite, c client.Client) client.Client {
	if !at.Live {
		return c
	}
	return &tampered{Client: c, get: func(key client.ObjectKey, o client.Object, next func() error) error {
		if _, ok := o.(*usherv1.Plan); ok {
			return at.Cached.Get(context.Background(), key, o)
		}
		return next()
	}}
}

func believeCredentials(at ClientSite, c client.Client) client.Client {
	if !at.Live {
		return c
	}
	return &tampered{Client: c, get: func(key client.ObjectKey, o client.Object, next func() error) error {
		if _, ok := o.(*corev1.Secret); ok && strings.HasPrefix(key.Name, "usher-member-") {
			if err := at.Cached.Get(context.Background(), key, store.SecretMetadata()); err != nil {
				return err
			}
		}
		return next()
	}}
}

// changingChannel changes invitations before they are sent.
type changingChannel struct {
	channel.Channel
	change func(message.Invitation) message.Invitation
}

func invitationsThrough(c channel.Channel, change func(message.Invitation) message.Invitation) channel.Channel {
	return changingChannel{c, change}
}

func (c changingChannel) Send(ctx context.Context, to channel.Endpoint, m message.Message) error {
	if invitation, ok := m.(message.Invitation); ok {
		m = c.change(invitation)
	}
	return c.Channel.Send(ctx, to, m)
}

func tokenOfFirst(at ClientSite, c channel.Channel) channel.Channel {
	return invitationsThrough(c, func(m message.Invitation) message.Invitation {
		uid, _, _ := strings.Cut(m.MessageID, ".")
		m.Link = m.Link[:strings.LastIndex(m.Link, "/")+1] + at.Keys.Token(types.UID(uid), 1, m.To)
		return m
	})
}

func verifyFirst(at ClientSite, c client.Client) client.Client {
	return &tampered{
		Client: c,
		get: func(key client.ObjectKey, o client.Object, next func() error) error {
			err := next()
			if inv, ok := o.(*usherv1.Invitation); ok && inv.Status.LinkGeneration > 0 {
				at.Memory[key.Name] = inv.Status.LinkGeneration
				inv.Status.LinkGeneration = 1
			}
			return err
		},
		put: func(o client.Object, next func(client.Object) error) error {
			if inv, ok := o.(*usherv1.Invitation); ok {
				inv.Status.LinkGeneration, _ = at.Memory[inv.Name].(int64)
			}
			return next(o)
		},
	}
}

func cachedPortal(at ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, get: func(key client.ObjectKey, o client.Object, next func() error) error {
		if _, secret := o.(*corev1.Secret); secret {
			return next()
		}
		return at.Cached.Get(context.Background(), key, o)
	}}
}

func unwritten(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, update: func(client.Object, func() error) error { return nil }}
}

func alwaysActive(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, get: func(key client.ObjectKey, o client.Object, next func() error) error {
		err := next()
		if m, ok := o.(*usherv1.Member); ok && err == nil {
			m.Spec.State, m.Status.State = usherv1.StateActive, usherv1.ObservedActive
		}
		return err
	}}
}

func overwrite(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, create: func(o client.Object, next func() error) error {
		err := next()
		if apierrors.IsAlreadyExists(err) {
			return c.Update(context.Background(), o)
		}
		return err
	}}
}
