// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
	"github.com/usher-dev/usher/internal/test/testkit/browser"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// patience is how long anything may take on a slow and busy machine.
const patience = 60 * time.Second

const goodPassword = "correct horse battery"

// What all tests share: a control plane, a manager with its portal, a clock that only moves by Step, and a browser.
var (
	server *apiserver.Server
	wire   = testkit.NewWire()
	clock  = testkit.NewClock()
	chrome *browser.Browser
	base   string
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	if reason := browser.Missing(); reason != nil {
		fmt.Fprintln(os.Stderr, "skipped:", reason)
		return
	}
	apiserver.Main(suite{m}, apiserver.Options{}, &server)
}

// suite runs the tests while manager and browser run.
type suite struct{ *testing.M }

func (s suite) Run() int {
	stop, err := open()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	return s.M.Run()
}

func open() (stop func(), err error) {
	if chrome, err = browser.Start(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop = func() {
		cancel()
		chrome.Stop()
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return stop, err
	}
	base = "http://" + address
	manager, err := server.AddManager(ctx)
	if err != nil {
		return stop, err
	}
	portal, err := server.AddPortal()
	if err != nil {
		return stop, err
	}
	controllers := app.Options{
		Namespace: apiserver.ManagerNamespace, SMTPSecret: "usher-smtp", TokenSecret: "usher-token-key", PortalURL: base, NoPortal: true,
		MetricsBindAddress: "0", HealthProbeBindAddress: "0", MailWorkers: 2, SMTPAllow: "127.0.0.0/8:*", TestHooks: app.TestHooks{Now: clock.Now, Several: true},
	}
	pages := controllers
	pages.NoPortal, pages.NoControllers, pages.PortalBindAddress = false, true, address
	ended := make(chan error, 2)
	for user, options := range map[*apiserver.User]app.Options{manager: controllers, portal: pages} {
		mgr, err := app.New(ctx, wire.Attach(user.Config()), options)
		if err != nil {
			return stop, err
		}
		go func() { ended <- mgr.Start(ctx) }()
	}
	return func() {
		cancel()
		if err := errors.Join(<-ended, <-ended); err != nil {
			fmt.Fprintln(os.Stderr, "the manager or the portal:", err)
		}
		chrome.Stop()
	}, nil
}

// freeAddress returns an address that no one listens on. The links must name it before the portal listens there.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}

// world is one namespace with an account, its seats and a mail server of its own.
type world struct {
	*WithT
	t         *testing.T
	ctx       context.Context
	api       client.Client
	sink      *smtpsink.Sink
	namespace string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	clock.Step(time.Minute) // so that what earlier tests have posted is forgotten
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	w := &world{WithT: NewWithT(t), t: t, ctx: ctx}
	w.SetDefaultEventuallyTimeout(patience)
	w.SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	var err error
	w.api, err = client.New(server.Config(), client.Options{Scheme: testkit.Scheme()})
	w.Expect(err).NotTo(HaveOccurred())
	w.namespace, err = server.Namespace(ctx, "journey")
	w.Expect(err).NotTo(HaveOccurred())
	w.sink, err = smtpsink.Start(smtpsink.Options{})
	w.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(w.sink.Close)
	w.create(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "smtp"}, Data: w.sink.Secret("Acme <no-reply@acme.example>")},
		account(testkit.DefaultAccount, "Acme SAS"),
		testkit.SeatPool("acme-base").Seats(10).Build(),
	)
	return w
}

// account returns an account with everything that pages can show.
func account(name, displayName string) *usherv1.Account {
	return testkit.Account(name).DisplayName(displayName).MailSecret("smtp").ProductURL("https://app.acme.example").
		TermsURL("https://acme.example/terms").Contact("it@acme.example", "+33 1 23 45 67 89", "").Build()
}

func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		w.Expect(w.api.Create(w.ctx, o)).To(Succeed())
	}
}

// edit edits an object as a user would.
func edit[T client.Object](w *world, o T, change func(T)) {
	w.t.Helper()
	o.SetNamespace(w.namespace)
	w.Expect(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := w.api.Get(w.ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		change(o)
		return w.api.Update(w.ctx, o)
	})).To(Succeed())
}

// invite creates a member and returns the link in its mail.
func (w *world) invite(m *usherv1.Member) string {
	w.t.Helper()
	w.create(m)
	return w.link(m.Name, 1)
}

// link returns the link in the member's nth mail, from 1.
func (w *world) link(name string, n int) string {
	w.t.Helper()
	var link string
	w.Eventually(func(g Gomega) {
		mails := w.sink.MailsTo(name + "@acme.example")
		g.Expect(len(mails)).To(BeNumerically(">=", n), "mails to %s", name)
		link = mails[n-1].Link()
		g.Expect(link).To(HavePrefix(base + "/i/" + w.namespace + "/" + name + "/"))
	}).Should(Succeed())
	return link
}

// member waits until a member is in a state.
func (w *world) becomes(name string, state usherv1.ObservedState) {
	w.t.Helper()
	w.Eventually(func(g Gomega) {
		m := testkit.Member(name).In(w.namespace).Build()
		g.Expect(w.api.Get(w.ctx, client.ObjectKeyFromObject(m), m)).To(Succeed())
		g.Expect(m.Status.State).To(Equal(state))
	}).Should(Succeed())
}

// tab opens a browser window without JavaScript. At the end, it checks that pages have loaded nothing from other hosts except what is
// named, and that the browser's console is empty.
func (w *world) tab(o browser.Options, elsewhere ...string) *browser.Tab {
	o.NoScript = true
	tab := chrome.Tab(w.t, o)
	w.t.Cleanup(func() {
		if w.t.Failed() {
			tab.Screenshot("failed/" + w.t.Name())
		}
		w.Expect(tab.Complaints()).To(BeEmpty(), "the browser's console")
		for _, r := range tab.Requests() {
			w.Expect(r.URL).To(Or(HavePrefix(base+"/"), HavePrefix("data:text/html"), BeElementOf(elsewhere)), "a request to elsewhere")
			w.Expect(r.Referer).NotTo(Or(ContainSubstring("/i/"), ContainSubstring("/e/")), "the link leaks")
		}
	})
	return tab
}

// Buttons and links of the pages.
const (
	acceptButton  = `button[value=accept]`
	declineLink   = `.decline a`
	declineButton = `button[value=decline]`
	backLink      = `.choices a`
)

// fillIn fills in a valid form.
func fillIn(tab *browser.Tab) { fillInBut(tab, "") }

// fillInBut fills in a valid form except for one field.
func fillInBut(tab *browser.Tab, left string) {
	for _, field := range [][2]string{
		{"#salutation", "Mx"}, {"#given_name", "Ada"}, {"#family_name", "Lovelace"}, {"#phone", "+33 6 12 34 56 78"},
		{"#password", goodPassword}, {"#password_confirm", goodPassword},
	} {
		if field[0] != left {
			tab.Type(field[0], field[1])
		}
	}
	tab.Click("#terms")
}

// expectPage expects a page's title and status.
func (w *world) expectPage(tab *browser.Tab, status, want int, title string) {
	w.t.Helper()
	w.Expect(tab.Text("h1")).To(Equal(title))
	w.Expect(status).To(Equal(want))
}

// posts returns how many forms the tab has sent.
func posts(tab *browser.Tab) int {
	n := 0
	for _, r := range tab.Requests() {
		if r.Method == http.MethodPost {
			n++
		}
	}
	return n
}

func focused(tab *browser.Tab) string {
	return browser.Evaluate[string](tab, `document.activeElement.id || document.activeElement.className || document.activeElement.localName`)
}
