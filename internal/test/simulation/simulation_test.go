// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// seeds returns the seeds of the schedules: SIM_SEEDS sets their number, and SIM_FROM the first.
func seeds(t *testing.T) (from, count uint64) {
	t.Helper()
	number := func(name string, fallback uint64) uint64 {
		text := os.Getenv(name)
		if text == "" {
			return fallback
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	return number("SIM_FROM", 0), number("SIM_SEEDS", 3000)
}

// TestPromises runs Usher as it ships. A schedule that breaks a promise is shrunk and explained.
func TestPromises(t *testing.T) {
	from, count := seeds(t)
	r := Explore(Options{}, from, count)
	t.Logf("%d schedules: %+v", r.Schedules, r.Counts)
	if r.Broken != nil {
		s := Shrink(Options{}, r.Broken.Schedule, r.Broken.Violation.Promise, 2000)
		t.Errorf("seed %d: %v\n%s\n%s", r.Broken.Schedule.Seed, r.Broken.Violation, s, Explain(Options{}, s))
	}
	// A promise that no schedule needs is not tested.
	for what, n := range map[string]int{
		"faults": r.Faults, "mails": r.Mails, "acceptances": r.Welcomes, "activations": r.Activations, "withdrawals": r.Withdrawals,
		"rotations": r.Rotations, "password files": r.Passwords, "profiles": r.Profiles, "confirmed addresses": r.Confirmed,
		"passwords set by a link": r.Resets,
		"wrong clocks":            r.Skews, "Secrets of users": r.Squats, "restores": r.Restored, "lost statuses": r.Wipes,
		"members compared after a restore": r.Compared,
	} {
		if r.Broken == nil && count >= 1000 && n == 0 {
			t.Errorf("%d schedules had no %s", count, what)
		}
	}
}

// TestReplaysExactly: a seed, its schedule and the schedule's text all give the same run.
func TestReplaysExactly(t *testing.T) {
	for seed := range uint64(60) {
		first, again := &bytes.Buffer{}, &bytes.Buffer{}
		r := Run(Options{Trace: first}, seed)
		if second := Run(Options{Trace: again}, seed); second.Digest != r.Digest || first.String() != again.String() {
			t.Fatalf("seed %d runs differently the second time", seed)
		}
		written, err := ParseSchedule(r.Schedule.String())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(written, r.Schedule) {
			t.Fatalf("seed %d: the schedule is not what was written:\n%s", seed, r.Schedule)
		}
		if replayed := Play(Options{}, written); replayed.Digest != r.Digest {
			t.Fatalf("seed %d replays differently", seed)
		}
	}
}

// TestShrinks: a shrunk schedule breaks the same promise, and no step can be left out of it.
func TestShrinks(t *testing.T) {
	o := Options{Wrap: withoutClaim}
	var broken Result
	for seed := uint64(0); broken.Violation == nil; seed++ {
		broken = Run(o, seed)
	}
	promise := broken.Violation.Promise
	s := Shrink(o, broken.Schedule, promise, 5000)
	if len(s.Steps) >= len(broken.Schedule.Steps) {
		t.Errorf("%d steps were not shrunk", len(s.Steps))
	}
	if r := Play(o, s); r.Violation == nil || r.Violation.Promise != promise {
		t.Errorf("the shrunk schedule breaks %v instead of %s", r.Violation, promise)
	}
	for i := range s.Steps {
		less := s
		less.Steps = append(append([]Step{}, s.Steps[:i]...), s.Steps[i+1:]...)
		if r := Play(o, less); r.Violation != nil && r.Violation.Promise == promise {
			t.Errorf("step %d (%s) could be left out", i, s.Steps[i])
		}
	}
}

// TestServesWhatAnAPIServerWould: every stored object is unchanged after a round trip through JSON, but for the fraction of a second of an
// end date that an admin wrote. Patches contain nothing but finalizers, Usher's annotations and owners, and the resourceVersion.
func TestServesWhatAnAPIServerWould(t *testing.T) {
	o := Options{
		checkCommit: func(c change) {
			if c.after == nil {
				return
			}
			if m, ok := c.after.(*usherv1.Member); ok && m.Spec.AccessUntil != nil {
				m = m.DeepCopy()
				m.Spec.AccessUntil.Time = m.Spec.AccessUntil.Truncate(time.Second)
				c.after = m
			}
			text, err := json.Marshal(c.after)
			if err != nil {
				t.Fatal(err)
			}
			back := reflect.New(reflect.TypeOf(c.after).Elem()).Interface().(client.Object)
			if err := json.Unmarshal(text, back); err != nil {
				t.Fatal(err)
			}
			if _, secret := back.(*corev1.Secret); !secret && !equality.Semantic.DeepEqual(back, c.after) {
				t.Errorf("%s %s is not what JSON makes of it:\n%s", c.kind, c.after.GetName(), text)
			}
		},
		checkPatch: func(o client.Object, p client.Patch) {
			data, err := p.Data(o)
			if err != nil {
				t.Fatal(err)
			}
			var patch map[string]map[string]any
			if err := json.Unmarshal(data, &patch); err != nil {
				t.Fatal(err)
			}
			metadata := patch["metadata"]
			if len(patch) != 1 || len(metadata) < 2 || metadata["resourceVersion"] != o.GetResourceVersion() {
				t.Errorf("a patch of more than metadata, or without the resourceVersion: %s", data)
			}
			for key := range metadata {
				if !slices.Contains([]string{"resourceVersion", "finalizers", "annotations", "ownerReferences"}, key) {
					t.Errorf("a patch of %s: %s", key, data)
				}
			}
			annotations, _ := metadata["annotations"].(map[string]any)
			for key := range annotations {
				if !strings.HasPrefix(key, "usher.dev/") {
					t.Errorf("a patch of annotation %s", key)
				}
			}
		},
	}
	for seed := range uint64(100) {
		Run(o, seed)
	}
}

// TestRulesAreTheCRDs: the text of every rule that is written in Go is in a CRD.
func TestRulesAreTheCRDs(t *testing.T) {
	var all strings.Builder
	for _, crd := range []string{"seatpools", "members", "invitations"} {
		text, err := os.ReadFile("../../../config/crd/bases/usher.dev_" + crd + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(strings.Join(strings.Fields(string(text)), " "))
	}
	for _, rule := range []Rule{LedgerBound, ActiveHoldsSeat, ReleaseOnlyGrows, SendGenerationOnlyGrows, AcceptedStaysOpen} {
		yaml := strings.ReplaceAll(string(rule), "'", "''") // inside a quoted scalar
		if !strings.Contains(all.String(), "rule: "+string(rule)) && !strings.Contains(all.String(), "rule: '"+yaml+"'") {
			t.Errorf("no CRD has this rule any more; write the new one in rules.go, in text and in Go:\n%s", rule)
		}
	}
}
