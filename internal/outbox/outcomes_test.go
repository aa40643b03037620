// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/reconciler"
)

// oneObject is an API server with one Invitation, which is away at times.
type oneObject struct {
	client.Client
	mu     sync.Mutex
	stored *usherv1.Invitation
	away   bool
}

// edit has another client write.
func (a *oneObject) edit(change func(*oneObject)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

func (a *oneObject) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.away:
		return errors.New("away")
	case a.stored == nil:
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	a.stored.DeepCopyInto(o.(*usherv1.Invitation))
	return nil
}

func (a *oneObject) Status() client.SubResourceWriter { return statusOf{a: a} }

type statusOf struct {
	client.SubResourceWriter
	a *oneObject
}

func (s statusOf) Update(_ context.Context, o client.Object, _ ...client.SubResourceUpdateOption) error {
	a := s.a
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.away:
		return errors.New("away")
	case a.stored == nil:
		return apierrors.NewNotFound(schema.GroupResource{}, o.GetName())
	case a.stored.ResourceVersion != o.GetResourceVersion():
		return apierrors.NewConflict(schema.GroupResource{}, o.GetName(), errors.New("modified"))
	}
	version, _ := strconv.Atoi(a.stored.ResourceVersion)
	o.SetResourceVersion(strconv.Itoa(version + 1))
	a.stored = o.(*usherv1.Invitation).DeepCopy()
	return nil
}

// theMail is the mail of that Invitation.
type theMail struct {
	invitationRecord
	wakeups *reconciler.Wakeups
	claim   *usherv1.Invitation
	emitted int
}

func (m *theMail) Key() types.NamespacedName    { return client.ObjectKeyFromObject(m.claim) }
func (m *theMail) Wakeups() *reconciler.Wakeups { return m.wakeups }
func (m *theMail) Account() *usherv1.Account    { return &usherv1.Account{} }
func (m *theMail) New() *usherv1.Invitation     { return &usherv1.Invitation{} }
func (m *theMail) Claim() *usherv1.Invitation   { return m.claim }
func (m *theMail) CountedAs() Counted           { return Counted{ID: "one", Recipient: "ada@acme.example"} }
func (m *theMail) Emit(_, _ *usherv1.Invitation, _ *delivery.Failure) {
	m.emitted++
}
func (m *theMail) Message(context.Context, channel.Endpoint) (message.Message, error) {
	return message.Invitation{}, nil
}

func (m *theMail) Conclude(inv *usherv1.Invitation, failure *delivery.Failure, at time.Time) {
	inv.Status = invite.Outcome(invite.Observation{Invitation: inv}, "", failure, at)
}

// accepting is a server that accepts every mail, after a while, and does something then.
type accepting struct {
	channel.Channel
	after time.Duration
	then  func()
}

func (c accepting) Send(context.Context, channel.Endpoint, message.Message) error {
	time.Sleep(c.after)
	c.then()
	return nil
}

// sends has the API server go away as soon as a mail was accepted, which takes a while.
func sends(t *testing.T, after time.Duration) (o *Outbox, api *oneObject, m *theMail, attempted <-chan ctrl.Result) {
	t.Helper()
	api = &oneObject{stored: &usherv1.Invitation{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "ada", UID: "one", ResourceVersion: "7"}}}
	claim := api.stored.DeepCopy()
	lease := metav1.Time{Time: time.Now().Add(delivery.SendLease)}
	claim.Status = usherv1.InvitationStatus{State: usherv1.InvitationSending, LinkGeneration: 1, Attempts: 1, NextAttemptAt: &lease}
	m = &theMail{wakeups: reconciler.NewWakeups(), claim: claim}
	o = &Outbox{
		Client: api, Live: api, Now: time.Now, Backoff: wait.Backoff{Steps: 3, Duration: time.Second}, NoLeaseExtension: true,
		Channel:   accepting{after: after, then: func() { api.edit(func(a *oneObject) { a.away = true }) }},
		Endpoints: defaultEndpoints("smtp.example:587"),
	}
	done := make(chan ctrl.Result, 1)
	go func() {
		sent, result, err := attempt(context.Background(), o, m, server("smtp.example:587"))
		if err != nil || !sent {
			t.Errorf("sent: %t, %v", sent, err)
		}
		done <- result
	}()
	return o, api, m, done
}

// What a sender knows of its attempt is recorded when the API server is back, however late, unless the attempt is not its own any more.
func TestAnOutcomeIsRecordedWhenTheAPIServerIsBack(t *testing.T) {
	for name, tt := range map[string]struct {
		meanwhile func(*oneObject)
		want      usherv1.InvitationState
		emitted   int
	}{
		"as it was": {func(*oneObject) {}, usherv1.InvitationSent, 1},
		"written by another client": {func(a *oneObject) { a.stored.ResourceVersion = "99" },
			usherv1.InvitationSent, 1},
		"taken over by another sender": {func(a *oneObject) {
			a.stored.ResourceVersion = "99"
			a.stored.Status.Attempts++
		}, usherv1.InvitationSending, 0},
		"revoked": {func(a *oneObject) {
			a.stored.ResourceVersion = "99"
			a.stored.Status.State = usherv1.InvitationRevoked
		}, usherv1.InvitationRevoked, 0},
		"made again": {func(a *oneObject) { a.stored.UID, a.stored.ResourceVersion = "two", "99" }, usherv1.InvitationSending, 0},
		"deleted":    {func(a *oneObject) { a.stored = nil }, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewWithT(t)
				o, api, m, attempted := sends(t, 0)
				result := <-attempted
				g.Expect(result.RequeueAfter).To(BeNumerically(">", 0))
				accepted := time.Now().Add(-2 * time.Second).Truncate(time.Second) // two pauses of the backoff ago
				for range 3 {
					result, settled := o.Settle(t.Context(), m.wakeups, m.Key())
					g.Expect(settled).To(BeFalse())
					g.Expect(result.RequeueAfter).To(Equal(recordAgain))
					time.Sleep(delivery.SendLease)
				}
				_, settled := o.Settle(t.Context(), m.wakeups, types.NamespacedName{Namespace: "acme", Name: "bob"})
				g.Expect(settled).To(BeTrue(), "another object has to wait for nothing")

				api.edit(func(a *oneObject) { a.away = false; tt.meanwhile(a) })
				_, settled = o.Settle(t.Context(), m.wakeups, m.Key())
				g.Expect(settled).To(BeTrue())
				g.Expect(m.emitted).To(Equal(tt.emitted))
				if tt.want == "" {
					g.Expect(api.stored).To(BeNil())
				} else {
					g.Expect(api.stored.Status.State).To(Equal(tt.want))
				}
				if tt.want == usherv1.InvitationSent {
					g.Expect(api.stored.Status.SentAt.Time).To(BeTemporally("==", accepted), "when the server accepted it")
				}
				unrecorded, open := o.outcomes.left()
				g.Expect(unrecorded).To(BeEmpty())
				g.Expect(open).To(BeZero())
			})
		})
	}
}

// A manager that has stopped waits for its conversations and records what they come to, as long as it is given time.
func TestFinish(t *testing.T) {
	for name, tt := range map[string]struct {
		back, given time.Duration
		recorded    bool
		takes       time.Duration
	}{
		"the API server is back in time":  {back: 30 * time.Second, given: time.Minute, recorded: true, takes: 30 * time.Second},
		"the API server is back too late": {back: 2 * time.Minute, given: time.Minute, takes: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewWithT(t)
				o, api, _, attempted := sends(t, 10*time.Second)
				synctest.Wait()
				time.AfterFunc(tt.back, func() { api.edit(func(a *oneObject) { a.away = false }) })
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), tt.given)
				defer cancel()
				o.Finish(ctx)
				g.Expect(time.Since(began)).To(BeNumerically("~", tt.takes, 3*time.Second))
				api.edit(func(a *oneObject) { g.Expect(a.stored.Status.State == usherv1.InvitationSent).To(Equal(tt.recorded)) })
				<-attempted
			})
		})
	}
	began := time.Now()
	(&Outbox{}).Finish(t.Context())
	NewWithT(t).Expect(time.Since(began)).To(BeNumerically("<", time.Second), "nothing to wait for")
}
