// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

var server *apiserver.Server

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	apiserver.Main(m, apiserver.Options{Audit: true}, &server)
}

// goodPassword is one that every check passes.
const goodPassword = "correct horse battery"

// noon is when every test starts. The invitation's link works for seven days from then.
var noon = time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)

// world is one account with one invited member, on the real API server, and a portal in front of it.
type world struct {
	*WithT
	t      *testing.T
	ctx    context.Context
	api    client.Client // the test's own, not counted
	wire   *wire         // the portal's
	keys   invite.Keyring
	portal *portal.Portal
	logs   *logBuffer
	clock  atomic.Int64

	account    *usherv1.Account
	member     *usherv1.Member
	invitation *usherv1.Invitation
}

// wire is the portal's client. It counts the writes and reads, and runs a test's hooks before them.
type wire struct {
	client.Client
	mutations, reads atomic.Int64

	beforeGet          func(key client.ObjectKey, object client.Object) error
	create             func(object client.Object, create func() error) error
	beforeDelete       func(object client.Object) error
	beforeUpdate       func(object client.Object)
	beforeStatusUpdate func(object client.Object)
}

func (w *wire) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	w.reads.Add(1)
	if w.beforeGet != nil {
		if err := w.beforeGet(key, object); err != nil {
			return err
		}
	}
	return w.Client.Get(ctx, key, object, opts...)
}

func (w *wire) Create(ctx context.Context, object client.Object, opts ...client.CreateOption) error {
	w.mutations.Add(1)
	create := func() error { return w.Client.Create(ctx, object, opts...) }
	if w.create != nil {
		return w.create(object, create)
	}
	return create()
}

func (w *wire) Update(ctx context.Context, object client.Object, opts ...client.UpdateOption) error {
	w.mutations.Add(1)
	if w.beforeUpdate != nil {
		w.beforeUpdate(object)
	}
	return w.Client.Update(ctx, object, opts...)
}

func (w *wire) Delete(ctx context.Context, object client.Object, opts ...client.DeleteOption) error {
	w.mutations.Add(1)
	if w.beforeDelete != nil {
		if err := w.beforeDelete(object); err != nil {
			return err
		}
	}
	return w.Client.Delete(ctx, object, opts...)
}

func (w *wire) Status() client.SubResourceWriter { return wireStatus{w.Client.Status(), w} }

type wireStatus struct {
	client.SubResourceWriter
	wire *wire
}

func (s wireStatus) Update(ctx context.Context, object client.Object, opts ...client.SubResourceUpdateOption) error {
	s.wire.mutations.Add(1)
	if s.wire.beforeStatusUpdate != nil {
		s.wire.beforeStatusUpdate(object)
	}
	return s.SubResourceWriter.Update(ctx, object, opts...)
}

// logBuffer is everything that was logged, at any verbosity.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) add(prefix, args string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.WriteString(prefix + " " + args + "\n")
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newWorld makes a world; change may alter its objects before they are created.
func newWorld(t *testing.T, change ...func(*world)) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	w := &world{WithT: NewWithT(t), t: t, ctx: t.Context(), logs: &logBuffer{}}
	w.clock.Store(noon.Unix())
	w.Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	w.Expect(usherv1.AddToScheme(scheme)).To(Succeed())
	api, err := client.New(server.Config(), client.Options{Scheme: scheme})
	w.Expect(err).NotTo(HaveOccurred())
	w.api, w.wire = api, &wire{Client: api}
	namespace, err := server.Namespace(w.ctx, "portal")
	w.Expect(err).NotTo(HaveOccurred())
	w.keys, err = invite.NewKeyring(bytes.Repeat([]byte{7}, invite.KeyLength))
	w.Expect(err).NotTo(HaveOccurred())

	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	w.account = &usherv1.Account{ObjectMeta: meta("acme"), Spec: usherv1.AccountSpec{
		DisplayName: "Acme SAS",
		ProductURL:  "https://app.acme.example",
		TermsURL:    "https://acme.example/terms",
		Contact:     &usherv1.AccountContact{Email: "it@acme.example", Phone: "+33 1 23 45 67 89"},
	}}
	w.member = &usherv1.Member{ObjectMeta: meta("ada"), Spec: usherv1.MemberSpec{
		AccountRef: usherv1.AccountReference{Name: "acme"}, Email: "Ada@acme.example", Role: "salesrep",
	}}
	w.invitation = &usherv1.Invitation{ObjectMeta: meta("ada"), Spec: usherv1.InvitationSpec{
		MemberRef: usherv1.MemberReference{Name: "ada"},
	}}
	w.invitation.Status = usherv1.InvitationStatus{
		State: usherv1.InvitationSent, Recipient: string(w.member.Spec.Email), SendGeneration: 1, LinkGeneration: 1,
		SentAt: &metav1.Time{Time: noon}, ExpiresAt: &metav1.Time{Time: noon.Add(7 * 24 * time.Hour)},
	}
	for _, c := range change {
		c(w)
	}
	w.create(w.account)
	w.create(w.member)
	w.create(w.invitation)
	w.portal = w.newPortal()
	return w
}

// newPortal is one replica; change may alter its options.
func (w *world) newPortal(change ...func(*portal.Options)) *portal.Portal {
	options := portal.Options{
		Client: w.wire,
		Keys:   func(context.Context) (invite.Keyring, error) { return w.keys, nil },
		Now:    func() time.Time { return time.Unix(w.clock.Load(), 0) },
		Log:    funcr.New(w.logs.add, funcr.Options{Verbosity: 10}),
		Limits: portal.Limits{HashCost: 4, PagesPerMinute: 1 << 20, ReadsPerSecond: 1 << 20}, // limits_test.go has the limits

		MembersAt: testkit.MembersAt(w.api, w.member.Namespace),
	}
	for _, c := range change {
		c(&options)
	}
	return portal.New(options)
}

// create an object with its status.
func (w *world) create(object client.Object) {
	w.t.Helper()
	status := object.DeepCopyObject().(client.Object)
	w.Expect(w.api.Create(w.ctx, object)).To(Succeed())
	status.SetUID(object.GetUID())
	status.SetResourceVersion(object.GetResourceVersion())
	w.Expect(w.api.Status().Update(w.ctx, status)).To(Succeed())
	w.reload(object)
}

func (w *world) reload(object client.Object) {
	w.t.Helper()
	w.Expect(w.api.Get(w.ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
}

// update an object's spec as its author would.
func update[T client.Object](w *world, object T, change func(T)) {
	w.t.Helper()
	w.reload(object)
	change(object)
	w.Expect(w.api.Update(w.ctx, object)).To(Succeed())
}

// updateStatus of an object as a reconciler would.
func updateStatus[T client.Object](w *world, object T, change func(T)) {
	w.t.Helper()
	w.reload(object)
	change(object)
	w.Expect(w.api.Status().Update(w.ctx, object)).To(Succeed())
}

// link is the path of the invitation's genuine link.
func (w *world) link() string {
	return "/i/" + w.invitation.Namespace + "/" + w.invitation.Name + "/" + w.token()
}

func (w *world) token() string {
	return w.keys.Token(w.invitation.UID, w.invitation.Status.LinkGeneration, string(w.member.Spec.Email))
}

// credentials of the member, or nil.
func (w *world) credentials() *corev1.Secret {
	w.t.Helper()
	var secret corev1.Secret
	err := w.api.Get(w.ctx, client.ObjectKey{Namespace: w.member.Namespace, Name: "usher-member-" + w.member.Name}, &secret)
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.Expect(err).NotTo(HaveOccurred())
	return &secret
}

// request changes a request before it is sent.
type request func(*http.Request)

func header(name, value string) request { return func(r *http.Request) { r.Header.Set(name, value) } }

func from(address string) request { return func(r *http.Request) { r.RemoteAddr = address } }

var clients atomic.Uint32

// elsewhere makes the request come from a client that has made none so far.
func elsewhere() request {
	n := clients.Add(1)
	return from(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 1234).String())
}

// kindOf an object that may be empty so far.
func kindOf(w *world, object client.Object) string {
	kind, err := w.api.GroupVersionKindFor(object)
	w.Expect(err).NotTo(HaveOccurred())
	return kind.Kind
}

// sign signs credentials that a test makes by hand.
func (w *world) sign(secret *corev1.Secret) *corev1.Secret {
	signer, err := credentials.SignerOf(w.keys)
	w.Expect(err).NotTo(HaveOccurred())
	signer.Sign(secret)
	return secret
}

// otherKeys returns keys that the portal does not have.
func otherKeys(w *world) invite.Keyring {
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{8}, invite.KeyLength))
	w.Expect(err).NotTo(HaveOccurred())
	return keys
}

func (w *world) get(path string, changes ...request) *httptest.ResponseRecorder {
	return w.do(w.portal, httptest.NewRequestWithContext(w.ctx, http.MethodGet, path, nil), changes...)
}

func (w *world) post(path string, form url.Values, changes ...request) *httptest.ResponseRecorder {
	return w.postTo(w.portal, path, form, changes...)
}

func (w *world) postTo(p *portal.Portal, path string, form url.Values, changes ...request) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(w.ctx, http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.do(p, r, changes...)
}

func (w *world) do(p *portal.Portal, r *http.Request, changes ...request) *httptest.ResponseRecorder {
	for _, change := range changes {
		change(r)
	}
	answer := httptest.NewRecorder()
	p.ServeHTTP(answer, r)
	return answer
}

// acceptance is a form that is in order, with some fields changed.
func acceptance(changed ...url.Values) url.Values {
	form := url.Values{
		"action": {"accept"}, "salutation": {"Mx"}, "given_name": {"Ada"}, "family_name": {"Lovelace"},
		"phone": {"+33 6 12 34 56 78"}, "password": {goodPassword}, "password_confirm": {goodPassword}, "terms": {"on"},
	}
	for _, c := range changed {
		maps.Copy(form, c)
	}
	return form
}

var declination = url.Values{"action": {"decline"}}

// expectPage expects an answer with a status, whose page has the title.
func (w *world) expectPage(answer *httptest.ResponseRecorder, status int, title string) {
	w.t.Helper()
	w.Expect(answer.Code).To(Equal(status), answer.Body.String())
	w.Expect(answer.Body.String()).To(ContainSubstring("<h1>" + title + "</h1>"))
}

// expectDone follows the redirect after a POST.
func (w *world) expectDone(answer *httptest.ResponseRecorder, title string) {
	w.t.Helper()
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther), answer.Body.String())
	w.expectPage(w.get(answer.Header().Get("Location")), http.StatusOK, title)
}

// Titles of pages, in English.
const (
	titleForm            = "Join Acme SAS"
	titleWelcome         = "Welcome to Acme SAS"
	titleWaiting         = "You are on the list"
	titleFarewell        = "You have declined"
	titleUsed            = "This invitation has already been accepted"
	titleDeclined        = "This invitation was declined"
	titleExpired         = "This invitation has expired"
	titleRevoked         = "This invitation was withdrawn"
	titleMemberDisabled  = "Your access is switched off"
	titleAccountDisabled = "Acme SAS is not open at the moment"
	titleUnknown         = "This link does not work"
	titleMalformed       = "We could not read the form"
	titleForeign         = "This form came from another site"
	titleTooLarge        = "That is too much text"
	titleTooMany         = "Please wait a moment"
	titleWait            = "Please wait before you try again"
	titleUnavailable     = "Please try again in a moment"
)
