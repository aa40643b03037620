// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/google/pprof/profile"
)

// profileWindow is how long one CPU profile lasts. A program can end a profile only when its time is over, so a phase is profiled in
// windows, of which the last one goes on for a while after its end, when the programs are at rest.
const profileWindow = 5 * time.Second

// Profiles are the CPU profiles of a phase.
type Profiles struct{ Server, Manager *profile.Profile }

// profiled calls do, and profiles the API server and the manager meanwhile.
func (s *stage) profiled(ctx context.Context, m *manager, do func() error) (*Profiles, error) {
	var p Profiles
	ended := make(chan struct{})
	var taking sync.WaitGroup
	var failed [2]error
	seconds := strconv.Itoa(int(profileWindow.Seconds()))
	taking.Go(func() {
		p.Server, failed[0] = profileUntil(ended, func() ([]byte, error) {
			return s.admin.Get().AbsPath("/debug/pprof/profile").Param("seconds", seconds).Timeout(patience).DoRaw(ctx)
		})
	})
	taking.Go(func() {
		p.Manager, failed[1] = profileUntil(ended, func() ([]byte, error) {
			return get(ctx, m.pprof+"/debug/pprof/profile?seconds="+seconds)
		})
	})
	err := do()
	close(ended)
	taking.Wait()
	for i, who := range []string{"API server", "manager"} {
		if failed[i] != nil {
			err = errors.Join(err, fmt.Errorf("profile the %s: %w", who, failed[i]))
		}
	}
	return &p, err
}

// profileUntil takes profiles until ended is closed, and returns their sum.
func profileUntil(ended <-chan struct{}, take func() ([]byte, error)) (*profile.Profile, error) {
	var windows []*profile.Profile
	for {
		raw, err := take()
		if err != nil {
			return nil, err
		}
		p, err := profile.Parse(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		windows = append(windows, p)
		select {
		case <-ended:
			return profile.Merge(windows)
		default:
		}
	}
}

// write writes the profiles into a directory, for `go tool pprof`.
func (p *Profiles) write(dir, name string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for who, profile := range map[string]*profile.Profile{"apiserver": p.Server, "manager": p.Manager} {
		file, err := os.Create(filepath.Join(dir, name+"-"+who+".pprof"))
		if err != nil {
			return err
		}
		if err := errors.Join(profile.Write(file), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// profileTables say what the processor time of each profiled roll-out was for.
func (r *Report) profileTables() []Table {
	var tables []Table
	for _, of := range r.Rollouts {
		invite, accept := of.Invite.Profiles, of.Accept.Profiles
		if invite == nil || accept == nil {
			continue
		}
		title := ", a roll-out of " + of.Shape.title(of.N) + ": what its processor time is for"
		tables = append(tables, sharesTable("API server"+title, "call", [2]column{
			{sharesOf(invite.Server, serverCauses), milliseconds(of.Invite.Server) / float64(of.Invite.Calls)},
			{sharesOf(accept.Server, serverCauses), milliseconds(of.Accept.Server) / float64(of.Accept.Calls)},
		}), sharesTable("Manager"+title, "member", [2]column{
			{sharesOf(invite.Manager, managerCauses), milliseconds(of.Invite.Manager) / float64(of.N)},
			{sharesOf(accept.Manager, managerCauses), milliseconds(of.Accept.Manager) / float64(of.N)},
		}))
	}
	return tables
}

// column is a phase: its shares, and the milliseconds that one unit costs in all.
type column struct {
	shares []Share
	unit   float64
}

func (c column) part(cause string) float64 {
	for _, s := range c.shares {
		if s.Cause == cause {
			return s.Part
		}
	}
	return 0
}

// sharesTable has a row for each cause of the phases, in the order of the first one.
func sharesTable(title, unit string, phases [2]column) Table {
	t := Table{Title: title, Head: []string{
		"", "created -> invited", "ms per " + unit, "accepted -> Active", "ms per " + unit,
	}}
	listed := map[string]bool{}
	for _, shares := range [][]Share{phases[0].shares, phases[1].shares} {
		for _, s := range shares {
			if listed[s.Cause] {
				continue
			}
			listed[s.Cause] = true
			row := []string{s.Cause}
			for _, p := range phases {
				row = append(row, number(p.part(s.Cause)*100, 1)+" %", number(p.part(s.Cause)*p.unit, 2))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}
