// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// situation is the expected state: the members' states, the seats, and who has received a mail so far.
type situation struct {
	members map[string]standing
	seats   seats
	mails   []string
}

// standing is a member's state and its reason.
type standing struct {
	state  usherv1.ObservedState
	reason string
}

func (s standing) String() string { return fmt.Sprintf("%s/%s", s.state, s.reason) }

// seats are the totals of the pool.
type seats struct{ capacity, assigned, reserved, waiting int32 }

func (s seats) String() string {
	return fmt.Sprintf("%d seats, %d assigned, %d reserved, %d waiting", s.capacity, s.assigned, s.reserved, s.waiting)
}

// expect waits for a situation. It fails at once if waiting cannot help: a member received a mail too many.
func (s *story) expect(ctx context.Context, wanted situation) error {
	if err := await(ctx, "the members, their invitations, the pool and the account", func(ctx context.Context) error {
		return errors.Join(
			s.misplaced(ctx, wanted.members), s.miscounted(ctx, wanted.seats), s.missent(ctx, wanted.members), s.missummed(ctx, wanted),
		)
	}); err != nil {
		return err
	}
	return s.checkMails(ctx, wanted.mails)
}

// misplaced returns an error that names the members whose state differs from the expected one.
func (s *story) misplaced(ctx context.Context, wanted map[string]standing) error {
	var list usherv1.MemberList
	if err := s.stage.client.List(ctx, &list, client.InNamespace(acme)); err != nil {
		return err
	}
	there := map[string]standing{}
	for _, member := range list.Items {
		found := standing{state: member.Status.State}
		if ready := meta.FindStatusCondition(member.Status.Conditions, usherv1.ConditionReady); ready != nil {
			found.reason = ready.Reason
		}
		there[member.Name] = found
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if there[name] != wanted[name] {
			errs = append(errs, fmt.Errorf("expected %s to be %s, got %s", name, wanted[name], there[name]))
		}
	}
	if len(there) != len(wanted) {
		errs = append(errs, fmt.Errorf("expected %d members, got %d", len(wanted), len(there)))
	}
	return errors.Join(errs...)
}

// miscounted returns an error if the pool's totals differ from the expected ones, or its ledger from its totals.
func (s *story) miscounted(ctx context.Context, wanted seats) error {
	var found usherv1.SeatPool
	if err := s.stage.client.Get(ctx, types.NamespacedName{Namespace: acme, Name: pool}, &found); err != nil {
		return err
	}
	value := func(count *int32) int32 {
		if count == nil {
			return 0
		}
		return *count
	}
	there := seats{
		capacity: value(found.Status.Capacity), assigned: value(found.Status.Assigned),
		reserved: value(found.Status.Reserved), waiting: value(found.Status.Waiting),
	}
	if there != wanted {
		return fmt.Errorf("expected the pool to have %s, got %s", wanted, there)
	}
	if claims := len(found.Status.Claims); claims != int(wanted.assigned+wanted.reserved) {
		return fmt.Errorf("expected %d claims in the ledger, got %d", wanted.assigned+wanted.reserved, claims)
	}
	return nil
}

// missent returns an error that names the members whose invitation's state differs from the one that theirs implies.
func (s *story) missent(ctx context.Context, wanted map[string]standing) error {
	var list usherv1.InvitationList
	if err := s.stage.client.List(ctx, &list, client.InNamespace(acme)); err != nil {
		return err
	}
	there := map[string]usherv1.InvitationState{}
	for _, invitation := range list.Items {
		there[invitation.Spec.MemberRef.Name] = invitation.Status.State
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if want := invitationStates[wanted[name]]; there[name] != want {
			errs = append(errs, fmt.Errorf("expected the invitation of %s to be %q, got %q", name, want, there[name]))
		}
	}
	return errors.Join(errs...)
}

// missummed returns an error if the account sums up something else. It does so a moment after its members and pools have changed.
func (s *story) missummed(ctx context.Context, wanted situation) error {
	var found usherv1.Account
	if err := s.stage.client.Get(ctx, types.NamespacedName{Namespace: acme, Name: acme}, &found); err != nil {
		return err
	}
	var there usherv1.MemberCounts
	if found.Status.Members != nil {
		there = *found.Status.Members
	}
	if counts := wanted.counts(); there != counts || found.Status.SeatsSummary != wanted.seats.summary() {
		return fmt.Errorf("expected the account to count %+v and %s seats, got %+v and %s",
			counts, wanted.seats.summary(), there, found.Status.SeatsSummary)
	}
	return nil
}

// checkMails fails unless exactly the named members received a mail: one mail each, with one link.
func (s *story) checkMails(ctx context.Context, wanted []string) error {
	var list usherv1.MemberList
	if err := s.stage.client.List(ctx, &list, client.InNamespace(acme)); err != nil {
		return err
	}
	var errs []error
	total := 0
	for _, member := range list.Items {
		mails := s.stage.inbox.MailsTo(string(member.Spec.Email))
		total += len(mails)
		expected := 0
		if slices.Contains(wanted, member.Name) {
			expected = 1
		}
		if len(mails) != expected {
			errs = append(errs, fmt.Errorf("%s got %d mails (invited so far: %s)", member.Name, len(mails), strings.Join(wanted, ", ")))
		}
		links := map[string]bool{}
		for _, mail := range mails {
			links[mail.Link()] = true
		}
		if len(links) > 1 {
			errs = append(errs, fmt.Errorf("%s got %d different links", member.Name, len(links)))
		}
	}
	if all := len(s.stage.inbox.Mails()); all != total {
		errs = append(errs, fmt.Errorf("%d mails went to unknown recipients", all-total))
	}
	return errors.Join(errs...)
}
