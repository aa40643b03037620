// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Conflicts is what two managers that both work on everything, without an election, cost a roll-out.
type Conflicts struct {
	N              int
	Invite, Accept Phase
	// Mails is how many mails the server has received.
	Mails int
}

// Share is the conflicts per successful write.
func (c Conflicts) Share() float64 {
	return float64(c.Invite.Conflicts+c.Accept.Conflicts) / float64(c.Invite.Writes+c.Accept.Writes)
}

func (s *stage) conflicts(ctx context.Context, n int) (_ *Conflicts, err error) {
	p, err := s.populate(ctx, Shapes[0], n)
	if err != nil {
		return nil, fmt.Errorf("create accounts: %w", err)
	}
	o, err := s.observe(ctx)
	if err != nil {
		return nil, err
	}
	defer o.stop()
	var managers []*manager
	for range 2 {
		m, _, err := s.start(ctx, "--leader-elect=false")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, m.stop()) }()
		managers = append(managers, m)
	}
	if err := s.ready(ctx, p.tenants); err != nil {
		return nil, err
	}
	c := &Conflicts{N: n}
	if c.Invite, _, err = s.phase(ctx, o, p, usherv1.ReasonAwaitingAcceptance, s.apply, managers...); err != nil {
		return nil, err
	}
	if c.Accept, _, err = s.phase(ctx, o, p, usherv1.ReasonAccepted, s.accept, managers...); err != nil {
		return nil, err
	}
	c.Mails = len(s.sink.Mails())
	return c, nil
}
