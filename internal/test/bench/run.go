// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Report is what a run has measured. What was not asked for is nil.
type Report struct {
	About     About
	Machine   []MachineRates
	Units     []UnitCost
	Rollouts  []*Rollout
	Fairness  []*Fairness
	Conflicts *Conflicts
	Mails     []*MailRate
	Pages     []PageLoad
	Rate      int // of the pages
	Scales    []*Scale
}

// MachineRates are the raw client's, on a control plane whose etcd syncs its writes to the disk or does not.
type MachineRates struct {
	Fsync bool
	Rates
}

// Run runs the lines. What was measured is in the report, also if there is an error: a line that fails does not keep the next ones from
// being measured.
func Run(ctx context.Context, o Options) (*Report, error) {
	r := &Report{About: about(ctx, o.Command)}
	if err := o.check(); err != nil {
		return r, err
	}
	lines := map[Line]func(context.Context, Options) error{
		LineRaw: r.raw, LineUnit: r.unit, LineRollout: r.rollouts, LineFair: r.fair, LineConflicts: r.conflicts, LineMail: r.mail,
		LinePortal: r.portal, LineScale: r.scale,
	}
	var failed error
	for _, line := range Lines {
		if !slices.Contains(o.Lines, line) {
			continue
		}
		began := time.Now()
		err := lines[line](ctx, o)
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("line %s: %w", line, err))
		}
		o.Log("line %s took %s", line, time.Since(began).Round(time.Second))
	}
	return r, failed
}

func (r *Report) raw(ctx context.Context, o Options) error {
	n := min(slices.Max(o.Sizes), 2*rateMembers)
	for _, fsync := range []bool{false, true} {
		o.Log("raw client, %d members, fsync %t", n, fsync)
		if err := on(ctx, o, set{fsync: fsync}, func(s *stage) error {
			rates, err := s.rates(ctx, n)
			r.Machine = append(r.Machine, MachineRates{fsync, rates})
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) unit(ctx context.Context, o Options) error {
	n := min(slices.Max(o.Sizes), unitCalls)
	o.Log("%d calls of each kind", n)
	return on(ctx, o, set{}, func(s *stage) (err error) {
		r.Units, err = s.unitCosts(ctx, n)
		return err
	})
}

func (r *Report) rollouts(ctx context.Context, o Options) error {
	for _, shape := range o.Shapes {
		for _, n := range o.Sizes {
			if shape.PerAccount >= n {
				continue // one account, which is another shape
			}
			o.Log("roll-out of %s", shape.title(n))
			if err := on(ctx, o, set{}, func(s *stage) error {
				rollout, err := s.rollout(ctx, shape, n)
				if err == nil {
					r.Rollouts = append(r.Rollouts, rollout)
				}
				return err
			}); err != nil {
				return fmt.Errorf("%s: %w", shape.title(n), err)
			}
		}
	}
	return nil
}

func (r *Report) fair(ctx context.Context, o Options) error {
	for _, n := range o.Sizes {
		o.Log("fairness during a roll-out of %d", n)
		if err := on(ctx, o, set{}, func(s *stage) error {
			f, err := s.fair(ctx, n)
			if err == nil {
				r.Fairness = append(r.Fairness, f)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) conflicts(ctx context.Context, o Options) error {
	n := slices.Min(o.Sizes)
	o.Log("two managers at work, %d members", n)
	return on(ctx, o, set{}, func(s *stage) (err error) {
		r.Conflicts, err = s.conflicts(ctx, n)
		return err
	})
}

func (r *Report) mail(ctx context.Context, o Options) error {
	for _, delay := range []time.Duration{slowServer, 0} {
		o.Log("%d mails through a server that takes %s for each", o.Mails, delay)
		rate, err := mail(ctx, o, o.Mails, delay)
		if err != nil {
			return err
		}
		r.Mails = append(r.Mails, rate)
	}
	return nil
}

func (r *Report) portal(ctx context.Context, o Options) error {
	n := slices.Max(o.Sizes)
	o.Log("pages of the portal")
	r.Rate = o.Rate
	return on(ctx, o, set{}, func(s *stage) (err error) {
		r.Pages, err = s.portal(ctx, n)
		return err
	})
}

func (r *Report) scale(ctx context.Context, o Options) error {
	for _, n := range o.Sizes {
		o.Log("%d members that are at rest", n)
		if err := on(ctx, o, set{}, func(s *stage) error {
			scale, err := s.scale(ctx, n)
			if err == nil {
				r.Scales = append(r.Scales, scale)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
