// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// The states that members go through.
var (
	invited  = standing{usherv1.ObservedPending, usherv1.ReasonAwaitingAcceptance}
	waiting  = standing{usherv1.ObservedPending, usherv1.ReasonSeatUnavailable}
	declined = standing{usherv1.ObservedPending, usherv1.ReasonInvitationDeclined}
	active   = standing{usherv1.ObservedActive, usherv1.ReasonAccepted}
	disabled = standing{usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec}
)

// invitationStates are the states of the invitations of members in those states.
var invitationStates = map[standing]usherv1.InvitationState{
	invited:  usherv1.InvitationSent,
	declined: usherv1.InvitationDeclined,
	active:   usherv1.InvitationAccepted,
	disabled: usherv1.InvitationRevoked,
}

// steps returns the story. Each step waits until the cluster has the expected state, and fails if it does not get
// there.
func (s *story) steps() []step {
	return []step{
		{"Acme has three seats and names five people", s.acmeArrives},
		{"Usher sent three mails, one of them in French", s.mailsArrive},
		{"Ada opens her link and accepts", s.adaAccepts},
		{"Benoît declines, and Dmitri, who has waited longest, gets the seat", s.benoitDeclines},
		{"Chloe is disabled before she answers: her link stops working, and Emma is invited", s.chloeIsDisabled},
		{"Farah joins and waits, because every seat is taken", s.farahWaits},
		{"Acme buys a fourth seat, and Farah is invited", s.acmeBuysASeat},
	}
}

func (s *story) acmeArrives(ctx context.Context) error {
	if _, err := s.stage.kubectl("apply", "--kustomize", "config/samples"); err != nil {
		return err
	}
	now := situation{
		members: map[string]standing{"ada": invited, "benoit": invited, "chloe": invited, "dmitri": waiting, "emma": waiting},
		seats:   seats{capacity: 3, reserved: 3, waiting: 2},
		mails:   []string{"ada", "benoit", "chloe"},
	}
	if err := s.expect(ctx, now); err != nil {
		return err
	}
	s.screen.blank()
	return s.show(now, "get", "accounts,seatpools,members")
}

func (s *story) mailsArrive(ctx context.Context) error {
	for _, name := range []string{"ada", "benoit", "chloe"} {
		if err := s.showMail(ctx, name); err != nil {
			return err
		}
	}
	s.screen.say("Dmitri and Emma got no mail: Usher invites no one without a free seat.")
	return nil
}

func (s *story) adaAccepts(ctx context.Context) error {
	ada, err := s.guest(ctx, "ada")
	if err != nil {
		return err
	}
	if err := s.sees(ctx, "Ada opens the link", 200, ada.open); err != nil {
		return err
	}
	if err := s.sees(ctx, "Ada chooses a password, accepts the terms and submits the form", 200, func(ctx context.Context) (page, error) {
		return ada.accept(ctx, "correct horse battery staple")
	}); err != nil {
		return err
	}
	now := situation{
		members: map[string]standing{"ada": active, "benoit": invited, "chloe": invited, "dmitri": waiting, "emma": waiting},
		seats:   seats{capacity: 3, assigned: 1, reserved: 2, waiting: 2},
		mails:   []string{"ada", "benoit", "chloe"},
	}
	if err := s.expect(ctx, now); err != nil {
		return err
	}
	s.screen.blank()
	return s.show(now, "get", "members")
}

func (s *story) benoitDeclines(ctx context.Context) error {
	benoit, err := s.guest(ctx, "benoit")
	if err != nil {
		return err
	}
	if err := s.sees(ctx, "Benoît declines", 200, benoit.decline); err != nil {
		return err
	}
	now := situation{
		members: map[string]standing{"ada": active, "benoit": declined, "chloe": invited, "dmitri": invited, "emma": waiting},
		seats:   seats{capacity: 3, assigned: 1, reserved: 2, waiting: 1},
		mails:   []string{"ada", "benoit", "chloe", "dmitri"},
	}
	if err := s.expect(ctx, now); err != nil {
		return err
	}
	s.screen.blank()
	if err := s.showMail(ctx, "dmitri"); err != nil {
		return err
	}
	return s.show(now, "get", "members")
}

func (s *story) chloeIsDisabled(ctx context.Context) error {
	chloe, err := s.guest(ctx, "chloe")
	if err != nil {
		return err
	}
	if _, err := s.stage.kubectl("patch", "member", "chloe", "--type", "merge", "--patch", `{"spec":{"state":"Disabled"}}`); err != nil {
		return err
	}
	now := situation{
		members: map[string]standing{"ada": active, "benoit": declined, "chloe": disabled, "dmitri": invited, "emma": invited},
		seats:   seats{capacity: 3, assigned: 1, reserved: 2},
		mails:   []string{"ada", "benoit", "chloe", "dmitri", "emma"},
	}
	if err := s.expect(ctx, now); err != nil {
		return err
	}
	s.screen.blank()
	if err := s.sees(ctx, "Chloe opens her link", 410, chloe.open); err != nil {
		return err
	}
	s.screen.blank()
	if err := s.showMail(ctx, "emma"); err != nil {
		return err
	}
	return s.show(now, "get", "members")
}

func (s *story) farahWaits(ctx context.Context) error {
	if _, err := s.stage.kubectl("apply", "--filename", "hack/demo/farah.yaml"); err != nil {
		return err
	}
	now := situation{
		members: map[string]standing{
			"ada": active, "benoit": declined, "chloe": disabled, "dmitri": invited, "emma": invited, "farah": waiting,
		},
		seats: seats{capacity: 3, assigned: 1, reserved: 2, waiting: 1},
		mails: []string{"ada", "benoit", "chloe", "dmitri", "emma"},
	}
	if err := s.expect(ctx, now); err != nil {
		return err
	}
	s.screen.blank()
	return s.show(now, "get", "member/farah", "seatpool/acme-base")
}

func (s *story) acmeBuysASeat(ctx context.Context) error {
	if _, err := s.stage.kubectl("scale", "seatpool", pool, "--replicas=4"); err != nil {
		return err
	}
	now := situation{
		members: map[string]standing{
			"ada": active, "benoit": declined, "chloe": disabled, "dmitri": invited, "emma": invited, "farah": invited,
		},
		seats: seats{capacity: 4, assigned: 1, reserved: 3},
		mails: []string{"ada", "benoit", "chloe", "dmitri", "emma", "farah"},
	}
	if err := s.expect(ctx, now); err != nil {
		return err
	}
	s.screen.blank()
	if err := s.showMail(ctx, "farah"); err != nil {
		return err
	}
	return s.show(now, "get", "accounts,seatpools,members,invitations")
}
