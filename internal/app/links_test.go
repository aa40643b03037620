// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// visitor creates a service account with a real token that may get the links of the named invitations and members.
func visitor(ctx context.Context, api client.Client, namespace, name string, links ...string) string {
	GinkgoHelper()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	account := &corev1.ServiceAccount{ObjectMeta: meta}
	Expect(api.Create(ctx, account)).To(Succeed())
	if len(links) > 0 {
		Expect(api.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"usher.dev"}, Resources: []string{"invitations", "members"}, Verbs: []string{"getlink"}, ResourceNames: links,
		}}})).To(Succeed())
		Expect(api.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
		})).To(Succeed())
	}
	request := &authenticationv1.TokenRequest{}
	Expect(api.SubResource("token").Create(ctx, account, request)).To(Succeed())
	return request.Status.Token
}

type answer struct {
	Code                        int
	Header                      http.Header
	Kind, Link, Message, Reason string
	ExpiresAt                   *metav1.Time
}

// ask requests the link of an invitation from a manager, as curl does.
func ask(method, address, namespace, invitation, token string) answer {
	GinkgoHelper()
	return askFor(method, address, "namespaces/"+namespace+"/invitations/"+invitation, token)
}

// askFor requests the link of any object.
func askFor(method, address, object, token string) answer {
	GinkgoHelper()
	target := "https://" + address + "/apis/usher.dev/v1alpha1/" + object + "/link"
	request, err := http.NewRequestWithContext(context.Background(), method, target, nil)
	Expect(err).NotTo(HaveOccurred())
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	insecure := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true} //nolint:gosec // its certificate is its own
	response, err := (&http.Client{Transport: insecure, Timeout: 30 * time.Second}).Do(request)
	if err != nil {
		return answer{} // the server does not listen yet
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	a := answer{}
	Expect(json.Unmarshal(body, &a)).To(Succeed(), string(body))
	a.Code, a.Header = response.StatusCode, response.Header
	return a
}

var _ = Describe("the link endpoint", func() {
	It("returns links to authorized users only, on every replica", func(ctx SpecContext) {
		logged := gbytes.NewBuffer()
		GinkgoWriter.TeeTo(logged)
		DeferCleanup(GinkgoWriter.ClearTeeWriters)
		api, namespace := testkit.Client(server.Config()), testkit.Namespace(ctx, server)
		for _, o := range []client.Object{
			testkit.Account("acme").In(namespace).DeliversByLink().Build(), testkit.SeatPool("acme-base").In(namespace).Seats(2).Build(),
			testkit.Member("ada").In(namespace).Build(), testkit.Member("bob").In(namespace).Build(), testkit.Member("cat").In(namespace).Build(),
		} {
			Expect(api.Create(ctx, o)).To(Succeed())
		}
		may := visitor(ctx, api, namespace, "support", "ada", "bob", "cat", "missing")
		bobOnly := visitor(ctx, api, namespace, "bobs-boss", "bob")
		noRight := visitor(ctx, api, namespace, "stranger")

		one, two := options(namespace), options(namespace)
		one.LeaderElect, two.LeaderElect = true, true
		one.MetricsBindAddress, one.MetricsSecure = address(), true
		two.MetricsBindAddress, two.MetricsSecure = address(), true
		two.PortalURL = one.PortalURL
		run(one)
		run(two)
		get := func(invitation, token string) answer {
			return ask(http.MethodGet, one.MetricsBindAddress, namespace, invitation, token)
		}

		account := testkit.Account("acme").In(namespace).Build()
		Eventually(func() *usherv1.Account {
			Expect(api.Get(ctx, client.ObjectKeyFromObject(account), account)).To(Succeed())
			return account
		}).Should(And(testkit.HaveCondition(usherv1.ConditionMailReady, metav1.ConditionTrue, usherv1.ReasonLinkDelivery),
			testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue)), "although there is no mail server and no Secret")
		Eventually(memberOf(api, namespace)).Should(testkit.HaveCondition(usherv1.ConditionPending, metav1.ConditionTrue,
			usherv1.ReasonAwaitingAcceptance))

		for _, replica := range []string{one.MetricsBindAddress, two.MetricsBindAddress} {
			Eventually(func() int { return ask(http.MethodGet, replica, namespace, "ada", may).Code }).ShouldNot(BeZero(), "the replica listens")
		}
		given := get("ada", may)
		Expect(given.Code).To(Equal(http.StatusOK))
		Expect(given.Kind).To(Equal("InvitationLink"))
		Expect(given.Link).To(HavePrefix(one.PortalURL + "i/" + namespace + "/ada/"))
		Expect(given.ExpiresAt.Time).To(BeTemporally("~", time.Now().Add(168*time.Hour), time.Minute))
		Expect(given.Header.Get("Cache-Control")).To(Equal("no-store"))
		Eventually(func() string { return ask(http.MethodGet, two.MetricsBindAddress, namespace, "ada", may).Link }).Should(Equal(given.Link))

		for _, refusal := range []struct {
			invitation, token string
			code              int
			reason            metav1.StatusReason
		}{
			{"ada", "", http.StatusUnauthorized, metav1.StatusReasonUnauthorized},
			{"ada", "nonsense", http.StatusUnauthorized, metav1.StatusReasonUnauthorized},
			{"ada", may + "x", http.StatusUnauthorized, metav1.StatusReasonUnauthorized},
			{"ada", noRight, http.StatusForbidden, metav1.StatusReasonForbidden},
			{"missing", noRight, http.StatusForbidden, metav1.StatusReasonForbidden},
			{"ada", bobOnly, http.StatusForbidden, metav1.StatusReasonForbidden},
			{"missing", may, http.StatusNotFound, metav1.StatusReasonNotFound},
			{"cat", may, http.StatusNotFound, metav1.StatusReasonNotFound}, // she waits for a seat
		} {
			is := get(refusal.invitation, refusal.token)
			Expect(is.Code).To(Equal(refusal.code), refusal.invitation)
			Expect(is.Reason).To(Equal(string(refusal.reason)))
			Expect(is.Kind).To(Equal("Status"))
			Expect(is.Link).To(BeEmpty())
			Expect(is.Message).NotTo(BeEmpty())
		}
		Expect(get("ada", noRight).Message).To(Equal(strings.ReplaceAll(get("missing", noRight).Message, "missing", "ada")),
			"an unauthorized user does not learn whether the invitation exists")
		posted := ask(http.MethodPost, one.MetricsBindAddress, namespace, "ada", may)
		Expect(posted.Code).To(Equal(http.StatusMethodNotAllowed))
		Expect(posted.Header.Get("Allow")).To(Equal("GET"))
		Expect(status("https://"+one.MetricsBindAddress+"/metrics")).To(Equal(http.StatusUnauthorized), "the metrics are protected as before")

		Expect(status(given.Link)).To(Equal(http.StatusOK))
		Expect(post(given.Link)).To(Equal(http.StatusSeeOther))
		Eventually(memberOf(api, namespace)).Should(testkit.HaveCondition(usherv1.ConditionActive, metav1.ConditionTrue, usherv1.ReasonAccepted))
		Expect(get("ada", may)).To(And(HaveField("Code", http.StatusGone), HaveField("Message", ContainSubstring("was accepted")),
			HaveField("Link", BeEmpty())))

		By("asking for the link that confirms another address")
		confirms := func(token string) answer {
			return askFor(http.MethodGet, one.MetricsBindAddress, "namespaces/"+namespace+"/members/ada", token)
		}
		Expect(confirms(may)).To(And(HaveField("Code", http.StatusNotFound), HaveField("Message", ContainSubstring("no address that waits"))))
		Expect(confirms(bobOnly).Code).To(Equal(http.StatusForbidden))
		ada := testkit.Member("ada").In(namespace).Build()
		Expect(api.Patch(ctx, ada, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"email":"countess@acme.example"}}`)))).To(Succeed())
		Eventually(func() int { return confirms(may).Code }).Should(Equal(http.StatusOK))
		Eventually(func() *metav1.Time { return confirms(may).ExpiresAt }).ShouldNot(BeNil())
		confirmed := confirms(may).Link
		Expect(confirmed).To(HavePrefix(one.PortalURL + "e/" + namespace + "/ada/"))
		Expect(status(confirmed)).To(Equal(http.StatusOK))
		Expect(postForm(confirmed, url.Values{"action": {"confirm"}})).To(Equal(http.StatusSeeOther))
		Eventually(func() string { return memberOf(api, namespace)().Status.Email }).Should(Equal("countess@acme.example"))
		Eventually(func() int { return confirms(may).Code }).Should(Equal(http.StatusNotFound))

		By("a revoked right takes effect at once")
		Expect(get("bob", bobOnly).Code).To(Equal(http.StatusOK))
		Expect(api.Delete(ctx, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bobs-boss"}})).To(Succeed())
		Eventually(func() int { return get("bob", bobOnly).Code }).Should(Equal(http.StatusForbidden))

		By("the link and the tokens are not stored or logged")
		_, secret, _ := strings.Cut(given.Link, "/ada/")
		var invitations usherv1.InvitationList
		var events eventsv1.EventList
		for _, list := range []client.ObjectList{&invitations, &events} {
			Expect(api.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
			raw, err := json.Marshal(list)
			Expect(err).NotTo(HaveOccurred())
			Expect(string(raw)).NotTo(ContainSubstring(secret))
		}
		told := string(logged.Contents())
		for _, hidden := range []string{secret, may, bobOnly, noRight, "nonsense"} {
			Expect(told).NotTo(ContainSubstring(hidden))
		}
		Expect(told).To(And(ContainSubstring("link given"), ContainSubstring("link refused"),
			ContainSubstring("system:serviceaccount:"+namespace+":stranger")))
	}, SpecTimeout(2*time.Minute))

	It("does not run if the metrics are not encrypted", func(ctx SpecContext) {
		o := options(testkit.Namespace(ctx, server))
		o.PortalBindAddress, o.MetricsBindAddress = "0", address()
		run(o)
		Eventually(func() int { return status("http://" + o.MetricsBindAddress + "/metrics") }).Should(Equal(http.StatusOK))
		Expect(status("http://" + o.MetricsBindAddress +
			"/apis/usher.dev/v1alpha1/namespaces/x/invitations/x/link")).To(Equal(http.StatusNotFound))
	})
})
