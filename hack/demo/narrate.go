// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// story is told on a stage.
type story struct {
	stage  *stage
	screen *screen
}

// step is one event of the story.
type step struct {
	title string
	tell  func(context.Context) error
}

func newStory(stage *stage, screen *screen) *story { return &story{stage: stage, screen: screen} }

// tell tells the whole story. With crash, it kills the manager between any two steps.
func (s *story) tell(crash bool) error {
	ctx := s.stage.ctx
	stop, err := watchLedgers(ctx, s.stage.client, acme, s.stage.cancel)
	if err != nil {
		return err
	}
	defer stop()
	for i, step := range s.steps() {
		if crash && i > 0 {
			s.screen.blank()
			if err := s.stage.crash(); err != nil {
				return err
			}
		}
		s.screen.heading(i+1, step.title)
		if err := step.tell(ctx); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return context.Cause(ctx)
}

// show runs kubectl and shows its tables, which must be true.
func (s *story) show(now situation, args ...string) error {
	output, err := s.stage.kubectl(args...)
	if err != nil {
		return err
	}
	return untrue(output, now)
}

// guest returns a member with the link from their mail.
func (s *story) guest(ctx context.Context, member string) (guest, error) {
	mail, err := s.mailTo(ctx, member)
	return guest{link: mail.Link()}, err
}

// showMail shows the mail that a member received.
func (s *story) showMail(ctx context.Context, member string) error {
	mail, err := s.mailTo(ctx, member)
	if err != nil {
		return err
	}
	s.screen.mail(strings.Join(mail.To, ", "), mail.Subject, mail.Link())
	return nil
}

func (s *story) mailTo(ctx context.Context, name string) (smtpsink.Mail, error) {
	var member usherv1.Member
	if err := s.stage.client.Get(ctx, types.NamespacedName{Namespace: acme, Name: name}, &member); err != nil {
		return smtpsink.Mail{}, err
	}
	mails := s.stage.inbox.MailsTo(string(member.Spec.Email))
	if len(mails) == 0 {
		return smtpsink.Mail{}, fmt.Errorf("no mail to %s has arrived", name)
	}
	mail := mails[0]
	if !strings.HasPrefix(mail.Link(), s.stage.portalURL+"/i/") {
		return smtpsink.Mail{}, fmt.Errorf("the link in the mail to %s is %q and does not lead to the portal", name, mail.Link())
	}
	return mail, nil
}

// sees shows the page that a person gets, and fails if its status is not the expected one.
func (s *story) sees(ctx context.Context, who string, status int, act func(context.Context) (page, error)) error {
	shown, err := act(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	if shown.status != status {
		return fmt.Errorf("%s: expected a page with status %d, got %s", who, status, shown)
	}
	s.screen.say("%s and sees: %s", who, s.screen.paint(bold, shown.String()))
	return nil
}
