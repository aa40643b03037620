// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/yaml"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/testkit"
	"github.com/usher-dev/usher/internal/testkit/apiserver"
	"github.com/usher-dev/usher/internal/testkit/smtpsink"
	webhookv1 "github.com/usher-dev/usher/internal/webhook/v1alpha1"
)

var server *apiserver.Server

func TestMain(m *testing.M) { apiserver.Main(m, apiserver.Options{}, &server) }

// gate serves the webhooks as config/webhook has them called, until stop. The API server reaches them by their address here.
func gate(t *testing.T) (stop func()) {
	t.Helper()
	g := NewWithT(t)
	authority, err := smtpsink.NewAuthority()
	g.Expect(err).NotTo(HaveOccurred())
	issued, err := authority.Issue(smtpsink.Certificate{})
	g.Expect(err).NotTo(HaveOccurred())
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	g.Expect(err).NotTo(HaveOccurred())
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: issued.Certificate[0]}, "tls.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		g.Expect(os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600)).To(Succeed())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	port := listener.Addr().(*net.TCPAddr).Port
	g.Expect(listener.Close()).To(Succeed())

	hooks := webhook.NewServer(webhook.Options{Host: "127.0.0.1", Port: port, CertDir: dir})
	mgr, err := ctrl.NewManager(server.Config(), ctrl.Options{Scheme: testkit.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}, WebhookServer: hooks})
	g.Expect(err).NotTo(HaveOccurred())
	api, err := client.New(server.Config(), client.Options{Scheme: testkit.Scheme()})
	g.Expect(err).NotTo(HaveOccurred())
	webhookv1.Setup(mgr, api, time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	g.Eventually(func() error { return hooks.StartedChecker()(nil) }).WithTimeout(30 * time.Second).Should(Succeed())

	raw, err := os.ReadFile("../../../config/webhook/webhooks.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	config := &admissionv1.ValidatingWebhookConfiguration{}
	g.Expect(yaml.UnmarshalStrict(raw, config)).To(Succeed())
	for i := range config.Webhooks {
		w := &config.Webhooks[i]
		g.Expect(*w.FailurePolicy).To(Equal(admissionv1.Ignore))
		g.Expect(*w.SideEffects).To(Equal(admissionv1.SideEffectClassNone))
		url := fmt.Sprintf("https://127.0.0.1:%d%s", port, *w.ClientConfig.Service.Path)
		w.ClientConfig = admissionv1.WebhookClientConfig{URL: &url, CABundle: authority.PEM()}
	}
	g.Expect(api.Create(ctx, config)).To(Succeed())
	t.Cleanup(func() { g.Expect(api.Delete(context.Background(), config)).To(Succeed()) })
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			g.Expect(<-done).To(Succeed())
		}
	}
	t.Cleanup(stop)
	return stop
}

// world is a namespace with an account on a plan with the roles member (default), admin and guest, which sells two seats.
type world struct {
	*WithT
	t         *testing.T
	ctx       context.Context
	namespace string
	api       client.Client
	warnings  *warnings
}

// warnings are what the API server said besides.
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

// active makes a member and has its status say that it is Active with a role; nobody reconciles here.
func (w *world) active(name, role string) *usherv1.Member {
	w.t.Helper()
	m := testkit.Member(name).In(w.namespace).Role(role).Build()
	w.Expect(w.api.Create(w.ctx, m)).To(Succeed())
	now := metav1.Now()
	m.Status = usherv1.MemberStatus{
		ObservedGeneration: m.Generation, State: usherv1.ObservedActive, Role: role, AcceptedAt: &now,
		Seats: []usherv1.MemberSeat{{Pool: "acme-base", Grant: 1}},
	}
	meta.SetStatusCondition(&m.Status.Conditions, metav1.Condition{Type: usherv1.ConditionReady, Status: metav1.ConditionTrue, Reason: usherv1.ReasonAccepted})
	w.Expect(w.api.Status().Update(w.ctx, m)).To(Succeed())
	return m
}

// change updates a copy of a member; nothing is stored if it is a dry run.
func (w *world) change(m *usherv1.Member, how func(*usherv1.Member), options ...client.UpdateOption) error {
	after := m.DeepCopy()
	w.Expect(w.api.Get(w.ctx, client.ObjectKeyFromObject(m), after)).To(Succeed())
	how(after)
	return w.api.Update(w.ctx, after, options...)
}
