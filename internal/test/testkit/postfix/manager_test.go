// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package postfix_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
	"github.com/usher-dev/usher/internal/test/testkit/postfix"
)

var server *apiserver.Server

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	apiserver.Main(m, apiserver.Options{}, &server)
}

const base = "acme-base"

// world is a namespace with an account whose mails go through a Postfix, and the manager that ships.
type world struct {
	t         *testing.T
	namespace string
	api       client.Client
	postfix   *postfix.Postfix
	ahead     atomic.Int64
	// poll is how often until checks.
	poll time.Duration
}

// newWorld creates the account and its seats, without a manager.
func newWorld(t *testing.T, seats int32, options postfix.Options) *world {
	t.Helper()
	w := &world{t: t, postfix: start(t, options), poll: 100 * time.Millisecond}
	var err error
	if w.namespace, err = server.Namespace(t.Context(), "postfix"); err != nil {
		t.Fatal(err)
	}
	config := server.Config()
	config.QPS = -1
	if w.api, err = client.New(config, client.Options{Scheme: testkit.Scheme()}); err != nil {
		t.Fatal(err)
	}
	w.create(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "usher-smtp"}, Data: w.postfix.Secret("Acme <no-reply@acme.example>")},
		testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(seats).Build(),
	)
	return w
}

func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		if err := w.api.Create(w.t.Context(), o); err != nil {
			w.t.Fatal(err)
		}
	}
}

// hire creates the Members from m<first> to before m<end>, eight at a time.
func (w *world) hire(first, end int) {
	w.t.Helper()
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := first + worker; i < end; i += 8 {
				m := testkit.Member(fmt.Sprint("m", i)).Build()
				m.Namespace = w.namespace
				if err := w.api.Create(w.t.Context(), m); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// manage runs the manager until the end of the test.
func (w *world) manage(change ...func(*app.Options)) {
	w.t.Helper()
	options := app.Options{
		Namespace: w.namespace, WatchNamespaces: w.namespace, SMTPSecret: "usher-smtp", TokenSecret: "usher-token-key",
		PortalURL: "https://invite.acme.example", PortalBindAddress: "0", MetricsBindAddress: "0", HealthProbeBindAddress: "0", MailWorkers: 8,
		TestHooks: app.TestHooks{Several: true, Now: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }},
	}
	for _, c := range change {
		c(&options)
	}
	ctx, cancel := context.WithCancel(context.Background())
	mgr, err := app.New(ctx, server.Config(), options)
	if err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
}

// until waits until missing returns "".
func (w *world) until(patience time.Duration, missing func() string) {
	w.t.Helper()
	gomega.NewWithT(w.t).Eventually(missing).WithTimeout(patience).WithPolling(w.poll).Should(gomega.BeEmpty())
}

func (w *world) invitation(name string) *usherv1.Invitation {
	w.t.Helper()
	i := &usherv1.Invitation{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, i); client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	return i
}

// isMember returns what a Member lacks to have that reason.
func (w *world) isMember(name, reason string) func() string {
	return func() string {
		m := &usherv1.Member{}
		if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, m); err != nil {
			return err.Error()
		}
		if is := conditions.Reason(m.Status.Conditions, usherv1.ConditionReady); is != reason {
			return fmt.Sprintf("%s is %s, not %s", name, is, reason)
		}
		return ""
	}
}

// sent returns how many invitations the mail server has accepted.
func (w *world) sent() int {
	w.t.Helper()
	var all usherv1.InvitationList
	if err := w.api.List(w.t.Context(), &all, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for i := range all.Items {
		if all.Items[i].Status.State == usherv1.InvitationSent {
			n++
		}
	}
	return n
}

// wantEachOnce checks that each of count members got one mail, and no mail came twice.
func (w *world) wantEachOnce(count int) {
	w.t.Helper()
	mails, err := w.postfix.Mails()
	if err != nil {
		w.t.Fatal(err)
	}
	ids, recipients := map[string]int{}, map[string]int{}
	for _, m := range mails {
		ids[m.MessageID]++
		recipients[m.To[0]]++
		if m.Link() == "" || m.HTML == "" {
			w.t.Errorf("a mail without a link or without HTML: %s", m.MessageID)
		}
	}
	if len(mails) != count || len(ids) != count || len(recipients) != count {
		w.t.Errorf("%d mails, %d Message-IDs, %d recipients; want %d of each", len(mails), len(ids), len(recipients), count)
	}
}

// A thousand members get a thousand mails, each once, according to a real mail server.
func TestThousandInvitations(t *testing.T) {
	const count = 1000
	w := newWorld(t, count, postfix.Options{})
	w.poll = time.Second // listing a thousand objects takes time
	w.hire(0, count)
	began := time.Now()
	w.manage()
	var sent time.Duration
	w.until(5*time.Minute, func() string {
		if n := w.sent(); n < count {
			return fmt.Sprintf("%d of %d invitations are sent", n, count)
		}
		if sent == 0 {
			sent = time.Since(began)
		}
		if n := w.postfix.Delivered(); n < count {
			return fmt.Sprintf("%d of %d mails are delivered", n, count)
		}
		return ""
	})
	w.wantEachOnce(count)
	t.Logf("%d invitations were sent in %s and delivered in %s", count, sent.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
}

// A mail to an unknown recipient is given up, a deferred one is retried, and both statuses say so.
func TestRefusedAndGreylisted(t *testing.T) {
	if why := postfix.Missing(); why != "" {
		t.Skip(why)
	}
	greylist, err := postfix.StartGreylist()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(greylist.Close)
	w := newWorld(t, 2, postfix.Options{Policy: greylist.Address()})
	w.manage(func(o *app.Options) { o.TestHooks.Resync = time.Second })

	w.create(testkit.Member("ada").Build())
	w.until(time.Minute, func() string {
		if last := w.invitation("ada").Status.LastError; last == nil || last.Class != usherv1.ErrorTemporary || last.Code != "450 4.7.1" {
			return fmt.Sprintf("the first attempt ended with %+v", last)
		}
		return ""
	})
	s := w.invitation("ada").Status
	if pause := s.NextAttemptAt.Sub(s.LastError.At.Time); pause < 3*time.Minute || pause > 7*time.Minute {
		t.Errorf("the next attempt is due after %s, want about five minutes", pause)
	}
	greylist.Relent()
	w.ahead.Add(int64(7 * time.Minute))
	w.until(time.Minute, w.isMember("ada", usherv1.ReasonAwaitingAcceptance))
	if asked := greylist.Asked("ada@acme.example"); asked != 2 {
		t.Errorf("it was tried %d times, want 2", asked)
	}

	w.create(testkit.Member("unknown").Email(postfix.Unknown).Build())
	w.until(time.Minute, w.isMember("unknown", usherv1.ReasonMailRejected))
	if last := w.invitation("unknown").Status.LastError; last.Class != usherv1.ErrorPermanent || last.Code != "550 5.1.1" {
		t.Errorf("it was refused with %+v", last)
	}
	w.until(time.Minute, func() string {
		if n := w.postfix.Delivered(); n != 1 {
			return fmt.Sprintf("%d mails delivered", n)
		}
		return ""
	})
	w.wantEachOnce(1)
}

// A mail server that is stopped, with mails in its queue and others waiting, and started again loses no mail and gets none twice.
func TestRestartInMidQueue(t *testing.T) {
	const count = 40
	w := newWorld(t, count, postfix.Options{Hold: true})
	w.hire(0, count/2)
	w.manage(func(o *app.Options) { o.TestHooks.Resync = time.Second })
	w.until(time.Minute, func() string {
		if n := w.sent(); n < count/2 {
			return fmt.Sprintf("%d are sent", n)
		}
		return ""
	})
	if err := w.postfix.Stop(); err != nil {
		t.Fatal(err)
	}
	w.hire(count/2, count)
	w.until(time.Minute, func() string {
		w.ahead.Add(int64(5 * time.Second)) // it was probed less than a minute ago
		a := &usherv1.Account{}
		if err := w.api.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: testkit.DefaultAccount}, a); err != nil {
			t.Fatal(err)
		}
		if reason := conditions.Reason(a.Status.Conditions, usherv1.ConditionMailReady); reason != usherv1.ReasonServerUnreachable {
			return "the account's condition MailReady has the reason " + reason
		}
		return ""
	})
	if n := w.postfix.Delivered(); n != 0 {
		t.Fatalf("%d mails were delivered, and all should be in the queue", n)
	}
	if err := w.postfix.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until(2*time.Minute, func() string {
		w.ahead.Add(int64(15 * time.Second)) // a minute from probe to probe, and from attempt to attempt
		if n := w.sent(); n < count {
			return fmt.Sprintf("%d of %d are sent", n, count)
		}
		return ""
	})
	if err := w.postfix.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute, func() string {
		if n := w.postfix.Delivered(); n < count {
			return fmt.Sprintf("%d of %d are delivered", n, count)
		}
		return ""
	})
	w.wantEachOnce(count)
}
