// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	webhookv1 "github.com/usher-dev/usher/internal/admission/webhook"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
	"github.com/usher-dev/usher/internal/test/testkit/gate"
)

var server *apiserver.Server

func TestMain(m *testing.M) { apiserver.Main(m, apiserver.Options{}, &server) }

// site has the webhooks that are served, and the client that they read with.
type site struct {
	stop  func()
	reads *reads
}

// reads is a client whose reads fail while fail is set.
type reads struct {
	client.Client
	fail atomic.Bool
}

var errUnreadable = apierrors.NewForbidden(schema.GroupResource{Resource: "anything"}, "", errors.New("forced by the test"))

func (r *reads) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if r.fail.Load() {
		return errUnreadable
	}
	return r.Client.Get(ctx, key, into, options...)
}

// serve serves the webhooks until stop is called, and configures the API server to call them.
func serve(t *testing.T) *site {
	t.Helper()
	g := NewWithT(t)
	place, err := gate.New(t.TempDir())
	g.Expect(err).NotTo(HaveOccurred())
	hooks := webhook.NewServer(webhook.Options{Host: "127.0.0.1", Port: place.Port, CertDir: place.CertDir})
	mgr, err := ctrl.NewManager(server.Config(), ctrl.Options{Scheme: testkit.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"},
		WebhookServer: hooks})
	g.Expect(err).NotTo(HaveOccurred())
	api, err := client.New(server.Config(), client.Options{Scheme: testkit.Scheme()})
	g.Expect(err).NotTo(HaveOccurred())
	s := &site{reads: &reads{Client: api}}
	webhookv1.Setup(mgr, s.reads, time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	g.Eventually(func() error { return hooks.StartedChecker()(nil) }).WithTimeout(time.Minute).Should(Succeed())
	s.stop = sync.OnceFunc(func() {
		cancel()
		g.Expect(<-done).To(Succeed())
	})
	t.Cleanup(s.stop)

	config, err := place.Configuration()
	g.Expect(err).NotTo(HaveOccurred())
	for _, w := range config.Webhooks {
		g.Expect(*w.FailurePolicy).To(Equal(admissionv1.Ignore), w.Name)
		g.Expect(*w.SideEffects).To(Equal(admissionv1.SideEffectClassNone), w.Name)
	}
	g.Expect(api.Create(ctx, config)).To(Succeed())
	t.Cleanup(func() { g.Expect(api.Delete(context.Background(), config)).To(Succeed()) })
	awaitCalls(g, api)
	return s
}

// awaitCalls waits until the API server calls the webhooks, which it discovers by a watch.
func awaitCalls(g *WithT, api client.Client) {
	namespace, err := server.Namespace(context.Background(), "gate")
	g.Expect(err).NotTo(HaveOccurred())
	for _, object := range []client.Object{testkit.Account(testkit.DefaultAccount).In(namespace).Build(),
		testkit.Member("boss").In(namespace).Disabled().Build()} {
		g.Expect(api.Create(context.Background(), object)).To(Succeed())
	}
	probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe",
		Labels: map[string]string{usherv1.OwnerLabel: "boss"}}}
	g.Eventually(func() error {
		return api.Create(context.Background(), probe.DeepCopy(),
			client.DryRunAll)
	}).WithTimeout(time.Minute).ShouldNot(Succeed())
}

// world is a namespace with an account on a plan that has the roles member (default), admin and guest, and sells two
// seats.
type world struct {
	*WithT
	t         *testing.T
	ctx       context.Context
	namespace string
	api       client.Client
	warnings  *warnings
}

// warnings records the API server's warnings.
type warnings struct{ said []string }

func (w *warnings) HandleWarningHeader(_ int, _, text string) { w.said = append(w.said, text) }

func newWorld(t *testing.T, change func(*usherv1.PlanSpec)) *world {
	t.Helper()
	w := &world{WithT: NewWithT(t), t: t, ctx: context.Background(), warnings: &warnings{}}
	var err error
	w.namespace, err = server.Namespace(w.ctx, "gate")
	w.Expect(err).NotTo(HaveOccurred())
	config := rest.CopyConfig(server.Config())
	config.WarningHandler = w.warnings
	w.api, err = client.New(config, client.Options{Scheme: testkit.Scheme()})
	w.Expect(err).NotTo(HaveOccurred())
	two := int32(2)
	plan := testkit.Plan(w.namespace).Rights("orders:place").Role("guest").Admin("admin").Purchase(usherv1.SeatPurchase{Maximum: &two}).Build()
	if change != nil {
		change(&plan.Spec)
	}
	w.Expect(w.api.Create(w.ctx, plan)).To(Succeed())
	account := testkit.Account(testkit.DefaultAccount).In(w.namespace).Build()
	account.Spec.PlanRef = &usherv1.PlanReference{Name: w.namespace}
	w.Expect(w.api.Create(w.ctx, account)).To(Succeed())
	return w
}

// active creates a member and sets its status to Active with a role; no reconciler runs here.
func (w *world) active(name, role string) *usherv1.Member {
	w.t.Helper()
	m := testkit.Member(name).In(w.namespace).Role(role).Build()
	w.Expect(w.api.Create(w.ctx, m)).To(Succeed())
	now := metav1.Now()
	m.Status = usherv1.MemberStatus{
		ObservedGeneration: m.Generation, State: usherv1.ObservedActive, Role: role, AcceptedAt: &now,
		Seats: []usherv1.MemberSeat{{Pool: "acme-base", Grant: 1}},
	}
	meta.SetStatusCondition(&m.Status.Conditions, metav1.Condition{Type: usherv1.ConditionReady, Status: metav1.ConditionTrue,
		Reason: usherv1.ReasonAccepted})
	w.Expect(w.api.Status().Update(w.ctx, m)).To(Succeed())
	return m
}

// change updates a copy of a member. A dry run stores nothing.
func (w *world) change(m *usherv1.Member, how func(*usherv1.Member), options ...client.UpdateOption) error {
	after := m.DeepCopy()
	w.Expect(w.api.Get(w.ctx, client.ObjectKeyFromObject(m), after)).To(Succeed())
	how(after)
	return w.api.Update(w.ctx, after, options...)
}
