// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/reason"
)

// history records every revision of a world's Members and SeatPools. At the end of each spec, every revision is checked: what the
// contract guarantees at all times must hold in each.
type history struct {
	mu     sync.Mutex
	events []watch.Event
	// unlawful: the spec edits statuses by hand, so only ledgers are checked.
	unlawful bool
	// ended: what comes now is not recorded any more.
	ended bool
}

func watchHistory(w *world) *history {
	GinkgoHelper()
	h := &history{}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	for _, list := range []client.ObjectList{&usherv1.MemberList{}, &usherv1.SeatPoolList{}} {
		Expect(w.api.List(ctx, list, client.InNamespace(w.namespace))).To(Succeed())
		Expect(meta.EachListItem(list, func(o runtime.Object) error {
			h.events = append(h.events, watch.Event{Type: watch.Added, Object: o})
			return nil
		})).To(Succeed())
		// The API server closes a watch that falls behind; this one resumes where it was.
		events, err := toolswatch.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), &toolscache.ListWatch{
			WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				return w.api.Watch(ctx, list, client.InNamespace(w.namespace), &client.ListOptions{Raw: &options})
			},
		})
		Expect(err).NotTo(HaveOccurred())
		watching.Go(func() {
			for event := range events.ResultChan() {
				h.mu.Lock()
				if !h.ended {
					h.events = append(h.events, event)
				}
				h.mu.Unlock()
			}
		})
	}
	DeferCleanup(func() {
		defer watching.Wait()
		defer cancel()
		h.end(w)
		for _, violation := range h.violations() {
			Fail(violation)
		}
	})
	return h
}

// end ends the record, once it has everything so far.
func (h *history) end(w *world) {
	GinkgoHelper()
	if !h.ended {
		Eventually(func() bool { return h.complete(w) }).Should(BeTrue(), "the watch has seen all revisions")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
}

// complete reports whether the current revision of every object has been seen.
func (h *history) complete(w *world) bool {
	seen := map[string]string{}
	for _, o := range h.objects() {
		seen[string(o.object.GetUID())] = o.object.GetResourceVersion()
	}
	var pools usherv1.SeatPoolList
	Expect(w.api.List(context.Background(), &pools, client.InNamespace(w.namespace))).To(Succeed())
	return !slices.ContainsFunc(pools.Items, func(p usherv1.SeatPool) bool { return seen[string(p.UID)] != p.ResourceVersion }) &&
		!slices.ContainsFunc(w.members(), func(m usherv1.Member) bool { return seen[string(m.UID)] != m.ResourceVersion })
}

type revision struct {
	number  int
	deleted bool
	object  client.Object
}

// objects returns the revisions in the order in which the API server wrote them.
func (h *history) objects() []revision {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []revision
	for _, e := range h.events {
		o, ok := e.Object.(client.Object)
		if !ok {
			continue
		}
		number, err := strconv.Atoi(o.GetResourceVersion())
		Expect(err).NotTo(HaveOccurred())
		all = append(all, revision{number, e.Type == watch.Deleted, o})
	}
	slices.SortStableFunc(all, func(a, b revision) int { return a.number - b.number })
	return all
}

func (h *history) violations() (found []string) {
	pools := map[string]*usherv1.SeatPool{}
	members := map[string]*usherv1.Member{}
	for _, r := range h.objects() {
		switch o := r.object.(type) {
		case *usherv1.SeatPool:
			if before := pools[o.Name]; !r.deleted {
				found = append(found, oversold(before, o)...)
			}
			pools[o.Name] = o
			if r.deleted {
				delete(pools, o.Name)
			}
		case *usherv1.Member:
			members[o.Name] = o
			if r.deleted {
				delete(members, o.Name)
			} else if !h.unlawful {
				found = append(found, contradictions(o)...)
			}
		}
		for _, m := range members {
			if m.Status.State == usherv1.ObservedActive && !h.unlawful && !seated(m, pools) {
				found = append(found, fmt.Sprintf("revision %d: %s is Active without a claim", r.number, m.Name))
			}
		}
	}
	return found
}

// oversold reports a ledger that grew beyond the pool's seats.
func oversold(before, pool *usherv1.SeatPool) []string {
	had := 0
	if before != nil && before.UID == pool.UID {
		had = len(before.Status.Claims)
	}
	if claims := len(pool.Status.Claims); claims > had && claims > int(*pool.Spec.Seats+pool.Status.Included) {
		return []string{fmt.Sprintf("revision %s: %d claims for %d seats", pool.ResourceVersion, claims, *pool.Spec.Seats+pool.Status.Included)}
	}
	return nil
}

func seated(m *usherv1.Member, pools map[string]*usherv1.SeatPool) bool {
	return slices.ContainsFunc(m.Status.Seats, func(s usherv1.MemberSeat) bool {
		pool := pools[s.Pool]
		return pool != nil && pool.Spec.AddOn == "" && s.Grant > s.ReleasedGrant && pool.Status.Claims[string(m.UID)] >= s.Grant
	})
}

// outlooks is the contract's table: for each state and reason, which of Ready, Reconciling and Stalled is True.
var outlooks = map[usherv1.ObservedState]map[string]string{
	usherv1.ObservedPending: {
		"Inviting":           usherv1.ConditionReconciling,
		"AwaitingAcceptance": usherv1.ConditionReady,
		"SeatUnavailable":    usherv1.ConditionReady,
		"InvitationExpired":  usherv1.ConditionReady,
		"InvitationRevoked":  usherv1.ConditionReady,
		"InvitationDeclined": usherv1.ConditionReady,
		"MailRejected":       usherv1.ConditionStalled,
		"MailNotReady":       usherv1.ConditionReconciling,
		"DuplicateEmail":     usherv1.ConditionStalled,
		"AccountNotFound":    usherv1.ConditionStalled,
		"AccountDeleting":    usherv1.ConditionStalled,
		"SeatPoolNotFound":   usherv1.ConditionStalled,
		"PlanNotFound":       usherv1.ConditionStalled,
		"RoleNotInPlan":      usherv1.ConditionStalled,
		"RightNotInPlan":     usherv1.ConditionStalled,
		"CredentialsInvalid": usherv1.ConditionStalled,
	},
	usherv1.ObservedActive: {
		"Accepted":             usherv1.ConditionReady,
		"Activated":            usherv1.ConditionReady,
		"AddOnSeatUnavailable": usherv1.ConditionReady,
	},
	usherv1.ObservedDisabled: {
		"DisabledBySpec":  usherv1.ConditionReady,
		"AccessEnded":     usherv1.ConditionReady,
		"DeletionBlocked": usherv1.ConditionStalled,
		"AccountDisabled": usherv1.ConditionReady,
		"Deleting":        usherv1.ConditionReconciling,
	},
}

// graced are the reasons that are Reconciling for a minute before they are Stalled.
var graced = []string{"AccountNotFound", "SeatPoolNotFound", "PlanNotFound", "RoleNotInPlan", "RightNotInPlan"}

// TestEveryReasonHasAnOutlook checks that outlooks has every reason of the table in package reason, and no others. The outlooks themselves
// are independent of the table.
func TestEveryReasonHasAnOutlook(t *testing.T) {
	for _, row := range reason.Members() {
		if outlooks[row.State][row.Reason] == "" {
			t.Errorf("outlooks has no %s/%s; add it, and which of Ready, Reconciling and Stalled is True", row.State, row.Reason)
		}
	}
	for state, reasons := range outlooks {
		for why := range reasons {
			if row := reason.MemberRow(why); row.State != state {
				t.Errorf("outlooks has %s/%s; the table in package reason has the state %q for it", state, why, row.State)
			}
		}
	}
}

// contradictions returns where a Member's status differs from the contract's table, or reveals what it must not.
func contradictions(m *usherv1.Member) (found []string) {
	if m.Status.State == "" {
		return nil
	}
	complain := func(format string, args ...any) {
		found = append(found, fmt.Sprintf("revision %s: %s %s/%s: ", m.ResourceVersion, m.Name, m.Status.State, reasonOf(m))+fmt.Sprintf(format, args...))
	}
	for _, state := range []usherv1.ObservedState{usherv1.ObservedPending, usherv1.ObservedActive, usherv1.ObservedDisabled} {
		c := meta.FindStatusCondition(m.Status.Conditions, string(state))
		if c == nil || (c.Status == "True") != (state == m.Status.State) || c.Reason != reasonOf(m) {
			complain("condition %s is %v", state, c)
		}
	}
	wanted, known := outlooks[m.Status.State][reasonOf(m)]
	if reasonOf(m) == usherv1.ReasonInviting && meta.IsStatusConditionTrue(m.Status.Conditions, usherv1.ConditionStalled) {
		wanted = usherv1.ConditionStalled // another member's Invitation has the name
	}
	if reasonOf(m) == usherv1.ReasonAwaitingAcceptance && meta.IsStatusConditionTrue(m.Status.Conditions, usherv1.ConditionStalled) {
		wanted = usherv1.ConditionStalled // the key of the link was removed
	}
	if reconciling := meta.FindStatusCondition(m.Status.Conditions, usherv1.ConditionReconciling); reconciling != nil {
		switch {
		case m.Status.State == usherv1.ObservedPending && reasonOf(m) == usherv1.ReasonSeatUnavailable:
			wanted = usherv1.ConditionReconciling // the pool has not said yet that it is full
		case slices.Contains(graced, reasonOf(m)):
			wanted = usherv1.ConditionReconciling // for a minute
		}
	}
	if !known {
		complain("the table outlooks in history_test.go has no such reason")
	}
	for _, kind := range []string{usherv1.ConditionReady, usherv1.ConditionReconciling, usherv1.ConditionStalled} {
		c := meta.FindStatusCondition(m.Status.Conditions, kind)
		if is := c != nil && c.Status == "True"; is != (kind == wanted) || c == nil && kind == usherv1.ConditionReady || c != nil && !is && kind != usherv1.ConditionReady {
			complain("condition %s is %v, and %s should be True", kind, c, wanted)
		}
	}
	for _, c := range m.Status.Conditions {
		if c.ObservedGeneration != m.Status.ObservedGeneration {
			complain("condition %s is of generation %d, and the status of %d", c.Type, c.ObservedGeneration, m.Status.ObservedGeneration)
		}
		if revealing(c.Message) {
			complain("condition %s contains an address or a link: %s", c.Type, c.Message)
		}
	}
	return found
}

var addressOrLink = regexp.MustCompile(`[^\s]@[^\s]|https?://|/i/`)

// revealing reports whether a text has what no condition or Event may contain: a link, or an address other than the example
// address.
func revealing(text string) bool {
	return addressOrLink.MatchString(strings.ReplaceAll(text, "no-reply@acme.example", ""))
}
