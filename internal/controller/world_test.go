// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"golang.org/x/crypto/bcrypt"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ktypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

const (
	smtpSecret  = "usher-smtp"
	tokenSecret = "usher-token-key"
	base        = "acme-base"
)

// world is a namespace with its own manager, portal, mail server and clock.
type world struct {
	namespace string
	api       client.WithWatch
	clock     *clock
	sink      *smtpsink.Sink
	portal    *portal.Portal
	history   *history
	visitors  int
}

// newWorld creates a namespace with a mail server, its Secret and the portal, without a manager.
func newWorld(ctx context.Context, mail smtpsink.Options) *world {
	GinkgoHelper()
	return newWorldIn(testkit.Namespace(ctx, server), mail)
}

// newWorldIn creates a world in an empty namespace.
func newWorldIn(namespace string, mail smtpsink.Options) *world {
	GinkgoHelper()
	w := &world{namespace: namespace, api: testkit.Client(server.Config()), clock: &clock{}}
	w.history = watchHistory(w)
	w.sink = startSink(mail)
	w.create(w.mailSecret(smtpSecret, w.sink))
	keys := &store.KeyStore{
		Reader: w.api, Writer: w.api, Now: w.clock.Now, Secret: ktypes.NamespacedName{Namespace: w.namespace, Name: tokenSecret},
	}
	w.portal = portal.New(portal.Options{
		Client: w.api, Keys: keys.Get, Now: w.clock.Now, Log: GinkgoLogr,
		Limits: portal.Limits{HashCost: bcrypt.MinCost, PagesPerMinute: 1 << 20}, MembersAt: testkit.MembersAt(w.api, w.namespace),
	})
	return w
}

// running creates a world with a manager, an account, and a pool with that many seats.
func running(ctx context.Context, seats int32) (*world, *operator) {
	GinkgoHelper()
	w := newWorld(ctx, smtpsink.Options{})
	w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(seats).Build())
	return w, w.start()
}

func startSink(options smtpsink.Options) *smtpsink.Sink {
	GinkgoHelper()
	sink, err := smtpsink.Start(options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(sink.Close)
	return sink
}

func (w *world) mailSecret(name string, sink *smtpsink.Sink) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: sink.Secret("Acme <no-reply@acme.example>")}
}

// create creates objects in the world's namespace.
func (w *world) create(objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		Expect(w.api.Create(context.Background(), o)).To(Succeed())
	}
}

// hire creates Members one after the other. Creation times have a resolution of one second, so within a second, names decide the order.
func (w *world) hire(names ...string) {
	GinkgoHelper()
	for _, name := range names {
		w.create(testkit.Member(name).Build())
	}
}

// remove deletes objects.
func (w *world) remove(objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		Expect(w.api.Delete(context.Background(), o)).To(Succeed())
	}
}

// edit edits an object's spec or metadata as a user would.
func edit[T client.Object](w *world, o T, change func(T)) {
	GinkgoHelper()
	o.SetNamespace(w.namespace)
	Expect(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := w.api.Get(context.Background(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		change(o)
		return w.api.Update(context.Background(), o)
	})).To(Succeed())
}

func (w *world) editMember(name string, change func(*usherv1.Member)) {
	GinkgoHelper()
	edit(w, testkit.Member(name).Build(), change)
}

func (w *world) editInvitation(name string, change func(*usherv1.Invitation)) {
	GinkgoHelper()
	edit(w, testkit.Invitation(name).Build(), change)
}

func (w *world) scale(pool string, seats int32) {
	GinkgoHelper()
	edit(w, testkit.SeatPool(pool).Build(), func(p *usherv1.SeatPool) { p.Spec.Seats = &seats })
}

func (w *world) disable(name string) {
	GinkgoHelper()
	w.editMember(name, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
}

func (w *world) enable(name string) {
	GinkgoHelper()
	w.editMember(name, func(m *usherv1.Member) { m.Spec.State = usherv1.StateActive })
}

func (w *world) resend(name string) {
	GinkgoHelper()
	w.editInvitation(name, func(i *usherv1.Invitation) { i.Spec.SendGeneration++ })
}

// touch makes every Member and Invitation reconcile again, after the clock was set.
func (w *world) touch() {
	GinkgoHelper()
	stamp := fmt.Sprint(time.Now().UnixNano())
	for _, m := range w.members() {
		w.editMember(m.Name, func(m *usherv1.Member) { metav1.SetMetaDataAnnotation(&m.ObjectMeta, "touched", stamp) })
	}
	for _, i := range w.invitations() {
		w.editInvitation(i.Name, func(i *usherv1.Invitation) { metav1.SetMetaDataAnnotation(&i.ObjectMeta, "touched", stamp) })
	}
}

// read gets an object. If it does not exist, it returns an empty one.
func read[T client.Object](w *world, o T) T {
	GinkgoHelper()
	o.SetNamespace(w.namespace)
	err := w.api.Get(context.Background(), client.ObjectKeyFromObject(o), o)
	if !apierrors.IsNotFound(err) {
		Expect(err).NotTo(HaveOccurred())
	}
	return o
}

// exists returns a function that reports whether the object exists.
func exists(w *world, o client.Object) func() bool {
	return func() bool { return read(w, o.DeepCopyObject().(client.Object)).GetUID() != "" }
}

func (w *world) member(name string) func() *usherv1.Member {
	return func() *usherv1.Member { return read(w, testkit.Member(name).Build()) }
}

func (w *world) invitation(name string) func() *usherv1.Invitation {
	return func() *usherv1.Invitation { return read(w, testkit.Invitation(name).Build()) }
}

func (w *world) pool(name string) func() *usherv1.SeatPool {
	return func() *usherv1.SeatPool { return read(w, testkit.SeatPool(name).Build()) }
}

func (w *world) account() *usherv1.Account {
	return read(w, testkit.Account(testkit.DefaultAccount).Build())
}

func (w *world) members() []usherv1.Member {
	GinkgoHelper()
	var list usherv1.MemberList
	Expect(w.api.List(context.Background(), &list, client.InNamespace(w.namespace))).To(Succeed())
	return list.Items
}

func (w *world) invitations() []usherv1.Invitation {
	GinkgoHelper()
	var list usherv1.InvitationList
	Expect(w.api.List(context.Background(), &list, client.InNamespace(w.namespace))).To(Succeed())
	return list.Items
}

// credentials returns a member's Secret; nil if it does not exist.
func (w *world) credentials(name string) *corev1.Secret {
	GinkgoHelper()
	secret := read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: credentials.Name(name)}})
	if secret.UID == "" {
		return nil
	}
	return secret
}

// table returns the members as `kubectl get members` prints them: name, state, reason.
func (w *world) table() []string {
	var rows []string
	for _, m := range w.members() {
		rows = append(rows, m.Name+" "+string(m.Status.State)+" "+reasonOf(&m))
	}
	return rows
}

// mailed returns the recipients of all mails, in order of arrival, without the domain.
func (w *world) mailed() []string {
	var names []string
	for _, m := range w.sink.Mails() {
		name, _, _ := strings.Cut(m.To[0], "@")
		names = append(names, name)
	}
	return names
}

func (w *world) mails(name string) []smtpsink.Mail { return w.sink.MailsTo(name + "@acme.example") }

// silence is longer than the time for which reconcilers batch a burst of events.
const silence = 400 * time.Millisecond

// settles waits until the manager has received all changes, and has been idle since.
func (o *operator) settles() {
	GinkgoHelper()
	Eventually(func() error {
		return o.wire.Settled(context.Background(), o.world.api, o.world.namespace, silence)
	}).Should(Succeed())
}

// be succeeds for a Member in that state for that reason; history checks the other conditions.
func be(state usherv1.ObservedState, reason string) types.GomegaMatcher {
	return testkit.HaveCondition(string(state), metav1.ConditionTrue, reason)
}

// The states of the contract's table that most specs use.
var (
	beInvited = be(usherv1.ObservedPending, usherv1.ReasonAwaitingAcceptance)
	beWaiting = be(usherv1.ObservedPending, usherv1.ReasonSeatUnavailable)
	beActive  = be(usherv1.ObservedActive, usherv1.ReasonAccepted)
)

func reasonOf(m *usherv1.Member) string {
	for _, c := range m.Status.Conditions {
		if c.Type == usherv1.ConditionReady {
			return c.Reason
		}
	}
	return ""
}

// holders returns the names of the members that have a claim in a pool's ledger.
func (w *world) holders(pool string) []string {
	claims := w.pool(pool)().Status.Claims
	var names []string
	for _, m := range w.members() {
		if _, held := claims[string(m.UID)]; held {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return names
}
