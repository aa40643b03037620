// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
)

func TestShapes(t *testing.T) {
	g := NewWithT(t)
	one, tens := Shapes[0], Shapes[1]
	g.Expect(one.accounts(1234)).To(Equal([]int{1234}))
	g.Expect(tens.accounts(25)).To(Equal([]int{10, 10, 5}), "no member is left out")
	g.Expect(one.title(10000)).To(Equal("10,000 in 1 account"))
	g.Expect(tens.title(10000)).To(Equal("10,000 in 1,000 accounts of 10"))
	g.Expect(tens.title(10)).To(Equal("10 in 1 account"))
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		g.Expect(grouped(n)).To(Equal(want))
	}
}

func TestListsOfFlags(t *testing.T) {
	g := NewWithT(t)
	g.Expect(ParseSizes("1000, 100,1000")).To(Equal([]int{100, 1000}), "sorted, and each once")
	g.Expect(ParseShapes("tens,one")).To(Equal([]Shape{Shapes[1], Shapes[0]}))
	g.Expect(ParseLines("mail")).To(Equal([]Line{LineMail}))
	for _, wrong := range []string{"", "many", "0", "-1"} {
		_, err := ParseSizes(wrong)
		g.Expect(err).To(HaveOccurred(), wrong)
	}
	o := Full()
	g.Expect(o.check()).To(Succeed())
	o.Sizes = []int{1000, 10001}
	g.Expect(o.check()).To(MatchError(ContainSubstring("10001 members are more than the 10000 claims of one ledger")))
	o.Lines = []Line{LineScale}
	g.Expect(o.check()).To(Succeed())
	_, err := ParseLines("mail,post")
	g.Expect(err).To(MatchError(`"post" is none of raw, unit, rollout, fair, conflicts, mail, portal, scale`))
}

func TestEachDoesAllOnce(t *testing.T) {
	g := NewWithT(t)
	var mu sync.Mutex
	var done []int
	g.Expect(each(t.Context(), 8, 100, func(_ context.Context, i int) error {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, i)
		return nil
	})).To(Succeed())
	slices.Sort(done)
	g.Expect(done).To(HaveLen(100))
	g.Expect(slices.Compact(done)).To(HaveLen(100))

	broken := errors.New("the disk is full")
	g.Expect(each(t.Context(), 2, 1000, func(ctx context.Context, i int) error {
		if i == 3 {
			return broken
		}
		return nil
	})).To(MatchError(broken))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	g.Expect(each(cancelled, 2, 10, func(context.Context, int) error { return nil })).To(MatchError(context.Canceled))
}

func TestReachSaysWhatIsMissing(t *testing.T) {
	g := NewWithT(t)
	n := 0
	g.Expect(reach(t.Context(), "members", 3, func() (int, error) { n++; return n, nil })).To(Succeed())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.Expect(reach(ctx, "members", 3, func() (int, error) { return 2, nil })).To(MatchError(ContainSubstring("members: 2 of 3")))
}
