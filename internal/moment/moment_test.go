// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package moment

import (
	"encoding/json"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

var now = time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)

// anyTime has any fraction of a second, in any zone.
var anyTime = rapid.Custom(func(t *rapid.T) time.Time {
	zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "zone"))
	return now.Add(time.Duration(rapid.Int64Range(-1e18, 1e18).Draw(t, "offset"))).In(zone)
})

// stored is a time once it went through the API server.
func stored(t *rapid.T, at metav1.Time) metav1.Time {
	raw, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	var read metav1.Time
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestATimeIsComparedAsItIsStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := anyTime.Draw(t, "at")
		read := stored(t, metav1.Time{Time: at})
		made, ref := Of(at), Ref(at)
		if !read.Equal(&made) || !read.Equal(ref) {
			t.Fatalf("%s is stored as %s, and made as %s", at, read, made)
		}
		if !Same(at, read.Time) || !Same(read.Time, at) {
			t.Fatalf("%s is not the same once it is stored", at)
		}
		other := anyTime.Draw(t, "other")
		otherRead := stored(t, metav1.Time{Time: other})
		if Same(at, other) != read.Equal(&otherRead) {
			t.Fatalf("%s and %s compare in another way once they are stored", at, other)
		}
	})
}

// Whatever a clock that is wrong by any amount wrote, nothing waits for longer than a right clock could have asked for; and nothing doubts a
// clock that is right within Skew.
func TestNothingIsAwaitedBeyondWhatCanHaveBeenWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ahead := time.Duration(rapid.Int64Range(0, int64(72*time.Hour)).Draw(t, "ahead"))
		written := now.Add(time.Duration(rapid.Int64Range(-1e18, 1e18).Draw(t, "error of the writer's clock")))
		until := Ref(written.Add(ahead))
		c := Clock{Now: now, Created: now.Add(-time.Hour)}
		if c.Awaits(until, ahead) && until.Sub(now) > ahead+Skew {
			t.Fatalf("waits for %s", until.Sub(now))
		}
		good := now.Add(time.Duration(rapid.Int64Range(-int64(Skew), int64(Skew)).Draw(t, "skew")))
		if !c.Believes(good.Add(ahead), ahead) {
			t.Fatalf("doubts a clock that differs by %s", good.Sub(now))
		}
	})
}

func TestAwaits(t *testing.T) {
	const lease = 30 * time.Second
	at := func(d time.Duration) *metav1.Time { return Ref(now.Add(d)) }
	for name, tt := range map[string]struct {
		clock Clock
		until *metav1.Time
		want  bool
	}{
		"none":                              {Clock{Now: now}, nil, false},
		"now":                               {Clock{Now: now}, at(0), false},
		"over":                              {Clock{Now: now}, at(-time.Hour), false},
		"to come":                           {Clock{Now: now}, at(lease), true},
		"by a clock that is a little ahead": {Clock{Now: now}, at(lease + Skew), true},
		"by a clock that is ahead":          {Clock{Now: now}, at(lease + Skew + time.Second), false},
		"a year ahead":                      {Clock{Now: now, Created: now.AddDate(-1, 0, 0)}, at(365 * 24 * time.Hour), false},
		"by a right clock, as a slow one sees it": {
			Clock{Now: now, Created: now.Add(364 * 24 * time.Hour)}, at(365 * 24 * time.Hour), true,
		},
	} {
		NewWithT(t).Expect(tt.clock.Awaits(tt.until, lease)).To(Equal(tt.want), name)
	}
}
