// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
)

var _ = Describe("Wire", func() {
	var (
		ns    string
		wire  *Wire
		wired client.WithWatch // over the wire
		plain client.Client    // the actual state
	)

	BeforeEach(func(ctx SpecContext) {
		ns, wire = Namespace(ctx, server), NewWire()
		wired, plain = Client(wire.Attach(server.Config())), Client(server.Config())
	})

	exists := func(ctx context.Context, name string) bool {
		GinkgoHelper()
		err := plain.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, &v1alpha1.Member{})
		Expect(client.IgnoreNotFound(err)).NotTo(HaveOccurred())
		return err == nil
	}

	Describe("counting", func() {
		It("records mutating calls in order, and nothing else", func(ctx SpecContext) {
			ada := Member("ada").In(ns).Build()
			Expect(wired.Create(ctx, ada)).To(Succeed())
			Expect(wired.Get(ctx, client.ObjectKeyFromObject(ada), ada)).To(Succeed())
			Expect(wired.List(ctx, &v1alpha1.MemberList{}, client.InNamespace(ns))).To(Succeed())
			ada.Status.State = v1alpha1.ObservedPending
			Expect(wired.Status().Update(ctx, ada)).To(Succeed())
			Expect(wired.Patch(ctx, ada, client.RawPatch("application/merge-patch+json", []byte(`{}`)))).To(Succeed())
			Expect(wired.Delete(ctx, ada)).To(Succeed())
			Expect(wired.DeleteAllOf(ctx, &v1alpha1.Member{}, client.InNamespace(ns))).To(Succeed())
			// Kubernetes' own kinds are sent as protobuf.
			Expect(wired.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "key"}})).To(Succeed())

			var calls []string
			for _, c := range wire.Calls() {
				calls = append(calls, c.String())
			}
			Expect(calls).To(Equal([]string{
				"create members " + ns + "/ada",
				"update members/status " + ns + "/ada",
				"patch members " + ns + "/ada",
				"delete members " + ns + "/ada",
				"deletecollection members " + ns + "/",
				"create secrets " + ns + "/key",
			}))
			Expect(wire.Calls()[1]).To(Equal(Call{
				Verb: "update", Group: "usher.dev", Resource: "members", Subresource: "status", Namespace: ns, Name: "ada",
			}))
			wire.Forget()
			Expect(wire.Calls()).To(BeEmpty())
		})

		It("leaves out leases, events and reviews", func(ctx SpecContext) {
			meta := metav1.ObjectMeta{Namespace: ns, Name: "usher"}
			Expect(wired.Create(ctx, &coordinationv1.Lease{ObjectMeta: meta})).To(Succeed())
			Expect(wired.Create(ctx, &corev1.Event{ObjectMeta: meta, InvolvedObject: corev1.ObjectReference{Namespace: ns}})).To(Succeed())
			Expect(wired.Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/", Verb: "get"},
			}})).To(Succeed())
			Expect(wire.Calls()).To(BeEmpty())
		})

		It("counts separately for each Wire", func(ctx SpecContext) {
			Expect(Client(NewWire().Attach(server.Config())).Create(ctx, Member("ada").In(ns).Build())).To(Succeed())
			Expect(wire.Calls()).To(BeEmpty())
		})
	})

	DescribeTable("reads requests as the API server does", func(method, url, want string) {
		call, err := callOf(httptest.NewRequest(method, url, strings.NewReader("{}")))
		Expect(err).NotTo(HaveOccurred())
		Expect(call.String()).To(Equal(want))
	},
		Entry(nil, "GET", "/api/v1/namespaces/acme/secrets/key", "get secrets acme/key"),
		Entry(nil, "GET", "/api/v1/namespaces", "list namespaces "),
		Entry(nil, "GET", "/api/v1/namespaces/acme", "get namespaces acme"),
		Entry(nil, "GET", "/apis/usher.dev/v1alpha1/members?watch=true", "watch members "),
		Entry(nil, "GET", "/apis/usher.dev/v1alpha1/members?watch=1", "watch members "),
		Entry(nil, "GET", "/apis/usher.dev/v1alpha1/members?watch=false", "list members "),
		Entry(nil, "PUT", "/apis/usher.dev/v1alpha1/namespaces/acme/seatpools/base/scale", "update seatpools/scale acme/base"),
		Entry(nil, "POST", "/api/v1/namespaces/acme/serviceaccounts/usher/token", "create serviceaccounts/token acme/usher"),
		Entry(nil, "GET", "/apis/usher.dev/v1alpha1", "get  "),
		Entry(nil, "GET", "/healthz", "get  "),
	)

	Describe("faults", func() {
		It("refuses one call before sending", func(ctx SpecContext) {
			wire.At(2, Refused)
			Expect(wired.Create(ctx, Member("first").In(ns).Build())).To(Succeed())
			Expect(wired.Create(ctx, Member("second").In(ns).Build())).To(MatchError(syscall.ECONNREFUSED))
			Expect(wired.Create(ctx, Member("third").In(ns).Build())).To(Succeed())
			Expect(exists(ctx, "second")).To(BeFalse())
			Expect(wire.Calls()).To(HaveLen(3))
		})

		It("loses the response of one call", func(ctx SpecContext) {
			wire.At(1, AnswerLost)
			Expect(wired.Create(ctx, Member("ada").In(ns).Build())).To(MatchError(syscall.ECONNRESET))
			Expect(exists(ctx, "ada")).To(BeTrue())
		})

		It("runs a function between the work and its response", func(ctx SpecContext) {
			stopped, stop := context.WithCancel(ctx)
			wire.At(1, Then(stop))
			Expect(wired.Create(ctx, Member("ada").In(ns).Build())).To(Succeed())
			Expect(stopped.Err()).To(HaveOccurred())
			Expect(exists(ctx, "ada")).To(BeTrue())
		})

		It("returns an API server's errors", func(ctx SpecContext) {
			wire.At(1, Status(http.StatusConflict, 0))
			wire.At(2, Status(http.StatusInternalServerError, 0))
			wire.At(3, Status(http.StatusGatewayTimeout, 0))
			wire.At(4, Status(http.StatusTooManyRequests, 0))
			create := func() error { return wired.Create(ctx, Member("ada").In(ns).Build()) }
			Expect(apierrors.IsConflict(create())).To(BeTrue())
			Expect(apierrors.IsInternalError(create())).To(BeTrue())
			Expect(apierrors.IsTimeout(create())).To(BeTrue())
			Expect(apierrors.IsTooManyRequests(create())).To(BeTrue())
			Expect(exists(ctx, "ada")).To(BeFalse())
			Expect(create()).To(Succeed())
		})

		It("returns Retry-After, which client-go obeys", func(ctx SpecContext) {
			wire.At(1, Status(http.StatusTooManyRequests, time.Second))
			begin := time.Now()
			Expect(wired.Create(ctx, Member("ada").In(ns).Build())).To(Succeed())
			Expect(time.Since(begin)).To(BeNumerically(">=", time.Second))
			Expect(wire.Calls()).To(HaveLen(2))
		})

		It("disturbs calls that match until Heal, including reads and housekeeping", func(ctx SpecContext) {
			wire.When(func(c Call) bool { return c.Resource == "leases" || c.Verb == "list" }, Refused)
			Expect(wired.Create(ctx, Member("ada").In(ns).Build())).To(Succeed())
			Expect(wired.List(ctx, &v1alpha1.MemberList{})).To(MatchError(syscall.ECONNREFUSED))
			lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "usher"}}
			Expect(wired.Create(ctx, lease)).To(MatchError(syscall.ECONNREFUSED))
			wire.Heal()
			Expect(wired.List(ctx, &v1alpha1.MemberList{})).To(Succeed())
			Expect(wired.Create(ctx, lease)).To(Succeed())
		})

		It("holds a call until it is released", func(ctx SpecContext) {
			hold := wire.Hold(func(c Call) bool { return c.Name == "ada" })
			Expect(wired.Create(ctx, Member("bob").In(ns).Build())).To(Succeed(), "not meant")
			created := make(chan error, 1)
			go func() { created <- wired.Create(ctx, Member("ada").In(ns).Build()) }()
			Eventually(hold.Arrived()).Should(BeClosed())
			Expect(exists(ctx, "ada")).To(BeFalse())
			Expect(created).NotTo(Receive())

			Expect(plain.Create(ctx, Member("ada").In(ns).Email("elsewhere@acme.example").Build())).To(Succeed())
			hold.Release()
			var err error
			Eventually(created).Should(Receive(&err))
			Expect(apierrors.IsAlreadyExists(err)).To(BeTrue(), "it came too late")
			Expect(wired.Create(ctx, Member("carol").In(ns).Build())).To(Succeed())
		})

		It("ends a held call when its client gives up", func(ctx SpecContext) {
			hold := wire.Hold(Call.Mutating)
			giveUp, cancel := context.WithCancel(ctx)
			created := make(chan error, 1)
			go func() { created <- wired.Create(giveUp, Member("ada").In(ns).Build()) }()
			Eventually(hold.Arrived()).Should(BeClosed())
			cancel()
			Eventually(created).Should(Receive(MatchError(context.Canceled)))
			Expect(exists(ctx, "ada")).To(BeFalse())
		})

		It("browns out in several ways until Heal", func(ctx SpecContext) {
			key := client.ObjectKey{Namespace: ns, Name: "ada"}
			Expect(plain.Create(ctx, Member("ada").In(ns).Build())).To(Succeed())
			wire.BrownOut(1, 0.4)
			kinds, failed := map[string]bool{}, 0
			const tries = 100
			for try := range tries {
				var ada v1alpha1.Member
				Expect(plain.Get(ctx, key, &ada)).To(Succeed())
				ada.Spec.Role = fmt.Sprintf("try-%d", try)
				// The test does not retry a call with Retry-After.
				brief, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
				err := wired.Update(brief, ada.DeepCopy())
				cancel()
				if err == nil {
					continue
				}
				failed++
				kind := string(apierrors.ReasonForError(err))
				switch {
				case errors.Is(err, syscall.ECONNREFUSED):
					kind = "refused"
				case errors.Is(err, syscall.ECONNRESET):
					kind = "reset"
				case errors.Is(err, context.DeadlineExceeded):
					kind = "429"
				}
				role := ada.Spec.Role
				Expect(plain.Get(ctx, key, &ada)).To(Succeed())
				if ada.Spec.Role == role {
					kind += ", and done"
				}
				kinds[kind] = true
			}
			Expect(kinds).To(And(HaveKey("refused"), HaveKey("reset, and done"), HaveKey("Conflict"), HaveKey("429"),
				HaveKey("InternalError"), HaveKey("Timeout"), HaveKey("Timeout, and done")))
			Expect(kinds).NotTo(Or(HaveKey("refused, and done"), HaveKey("Conflict, and done"), HaveKey("InternalError, and done")))
			Expect(float64(failed) / tries).To(BeNumerically("~", 0.4, 0.2))

			wire.Heal()
			for range 20 {
				Expect(wired.Get(ctx, key, &v1alpha1.Member{})).To(Succeed())
			}
		})
	})
})
