// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

func discover() discovery.DiscoveryInterface {
	GinkgoHelper()
	d, err := discovery.NewDiscoveryClientForConfig(server.Config())
	Expect(err).NotTo(HaveOccurred())
	return d
}

// table returns what kubectl prints, as the API server formats it: "Header: cell" for each column, with wide headers in brackets.
func table(ctx context.Context, kind string, object client.Object) []string {
	GinkgoHelper()
	raw, err := discover().RESTClient().Get().
		AbsPath("/apis/usher.dev/v1alpha1/namespaces", object.GetNamespace(), plural(kind), object.GetName()).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Do(ctx).Raw()
	Expect(err).NotTo(HaveOccurred())
	var t metav1.Table
	Expect(json.Unmarshal(raw, &t)).To(Succeed())
	Expect(t.Rows).To(HaveLen(1))
	var out []string
	for i, column := range t.ColumnDefinitions {
		header := strings.ToUpper(column.Name)
		if column.Priority > 0 {
			header = "[" + header + "]"
		}
		cell, err := json.Marshal(t.Rows[0].Cells[i])
		Expect(err).NotTo(HaveOccurred())
		if header == "AGE" {
			cell = []byte("…")
		}
		out = append(out, header+": "+strings.Trim(string(cell), `"`))
	}
	return out
}

func ready(status metav1.ConditionStatus, reason, message string) []metav1.Condition {
	return []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(testkit.Epoch),
	}}
}

var _ = Describe("kubectl output", func() {
	var ns string
	BeforeEach(func(ctx SpecContext) { ns = testkit.Namespace(ctx, server) })

	// stored creates an object and its status.
	stored := func(ctx context.Context, object client.Object) client.Object {
		GinkgoHelper()
		made := object.DeepCopyObject().(client.Object)
		Expect(c.Create(ctx, made)).To(Succeed())
		object.SetResourceVersion(made.GetResourceVersion())
		Expect(c.Status().Update(ctx, object)).To(Succeed())
		return object
	}
	at := metav1.NewTime(testkit.Epoch)

	It("of an Account", func(ctx SpecContext) {
		Expect(table(ctx, "Account", stored(ctx, testkit.Account("acme").In(ns).DisplayName("Acme SAS").Status(func(s *v1alpha1.AccountStatus) {
			s.State, s.SeatsSummary = v1alpha1.ObservedActive, "2/13"
			s.Members = &v1alpha1.MemberCounts{Total: 3, Pending: 1, Active: 2}
			s.Conditions = ready(metav1.ConditionTrue, "MemberActive", "fine")
		}).Build()))).To(Equal([]string{
			"NAME: acme", "DISPLAY: Acme SAS", "PLAN: null", "STATE: Active", "ACTIVE: 2", "PENDING: 1", "SEATS: 2/13", "READY: True", "AGE: …",
			"[MESSAGE]: fine",
		}))
	})

	It("of a SeatPool, with zeros", func(ctx SpecContext) {
		Expect(table(ctx, "SeatPool", stored(ctx, testkit.SeatPool("pipes").In(ns).AddOn("pipelines").Status(func(s *v1alpha1.SeatPoolStatus) {
			s.Capacity, s.Assigned, s.Reserved, s.Available, s.Waiting = new(int32(4)), new(int32(3)), new(int32(1)), new(int32(0)), new(int32(2))
			s.Conditions = ready(metav1.ConditionTrue, "LedgerCurrent", "fine")
		}).Build()))).To(Equal([]string{
			"NAME: pipes", "ACCOUNT: acme", "ADD-ON: pipelines", "CAPACITY: 4", "ASSIGNED: 3", "RESERVED: 1", "AVAILABLE: 0", "WAITING: 2",
			"READY: True", "AGE: …", "[MESSAGE]: fine",
		}))
	})

	It("of a Member", func(ctx SpecContext) {
		Expect(table(ctx, "Member", stored(ctx, testkit.Member("ada").In(ns).Language("fr").Status(func(s *v1alpha1.MemberStatus) {
			s.State, s.Role, s.DisplayName, s.InvitedAt, s.ExpiresAt = v1alpha1.ObservedPending, "member", "Ada Lovelace", &at, &at
			s.Conditions = ready(metav1.ConditionTrue, "AwaitingAcceptance", "asked")
		}).Build()))).To(Equal([]string{
			"NAME: ada", "EMAIL: ada@acme.example", "ACCOUNT: acme", "ROLE: member", "STATE: Pending", "REASON: AwaitingAcceptance", "AGE: …",
			"[NAME]: Ada Lovelace", "[LANGUAGE]: fr", "[INVITED]: 2031-03-14T09:26:53Z", "[EXPIRES]: 2031-03-14T09:26:53Z", "[MESSAGE]: asked",
		}))
	})

	It("of an Invitation, with future times in full", func(ctx SpecContext) {
		Expect(table(ctx, "Invitation", stored(ctx, testkit.Invitation("ada").In(ns).Status(func(s *v1alpha1.InvitationStatus) {
			s.State, s.Recipient, s.SentAt, s.ExpiresAt, s.Attempts = v1alpha1.InvitationSent, "ada@acme.example", &at, &at, 2
			s.Conditions = ready(metav1.ConditionTrue, "Sent", "asked")
		}).Build()))).To(Equal([]string{
			"NAME: ada", "MEMBER: ada", "RECIPIENT: ada@acme.example", "STATE: Sent", "SENT: 2031-03-14T09:26:53Z",
			"EXPIRES: 2031-03-14T09:26:53Z", "ATTEMPTS: 2", "AGE: …", "[MESSAGE]: asked",
		}))
	})

	// With short names, addresses and roles. A SeatPool has nine columns and an Invitation two full times: these tables are wider.
	It("of Accounts, Members and Plans, in 80 columns", func(ctx SpecContext) {
		stored(ctx, testkit.Account("acme").In(ns).DisplayName("Acme SAS").Plan("professional").Status(func(s *v1alpha1.AccountStatus) {
			s.State, s.SeatsSummary = v1alpha1.ObservedActive, "12/13"
			s.Members = &v1alpha1.MemberCounts{Total: 30, Pending: 10, Active: 20}
			s.Conditions = ready(metav1.ConditionTrue, "MemberActive", "fine")
		}).Build())
		stored(ctx, testkit.Member("ada").In(ns).Status(func(s *v1alpha1.MemberStatus) {
			s.State, s.Role = v1alpha1.ObservedPending, "member"
			s.Conditions = ready(metav1.ConditionTrue, "AwaitingAcceptance", "asked")
		}).Build())
		plan := testkit.Plan("professional").Build()
		Expect(c.Create(ctx, plan)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(c.Delete(ctx, plan)).To(Succeed()) })
		for _, what := range []string{"accounts", "members", "plan/professional"} {
			var out bytes.Buffer
			get := exec.Command(server.Program("kubectl"), "--kubeconfig", server.KubeconfigPath(), "get", what, "-n", ns)
			get.Stdout, get.Stderr = &out, &out
			Expect(get.Run()).To(Succeed(), out.String)
			for line := range strings.Lines(out.String()) {
				Expect(len(strings.TrimRight(line, " \n"))).To(BeNumerically("<=", 80), line)
			}
		}
	})

	It("of explain", func() {
		var out bytes.Buffer
		Eventually(func() error { // the API server publishes the schemas of new CRDs a moment after it serves them
			out.Reset()
			explain := exec.Command(server.Program("kubectl"), "--kubeconfig", server.KubeconfigPath(), "explain", "mbr.spec.email")
			explain.Stdout, explain.Stderr = &out, &out
			return explain.Run()
		}).WithTimeout(30*time.Second).Should(Succeed(), out.String)
		Expect(out.String()).To(ContainSubstring("where the invitation goes and what the member signs in with"))
	})
})

var _ = Describe("Names", func() {
	It("include the short names and the category of the contract", func() {
		resources, err := discover().ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
		Expect(err).NotTo(HaveOccurred())
		short := map[string]string{}
		for _, r := range resources.APIResources {
			if strings.Contains(r.Name, "/") {
				continue
			}
			short[r.Kind] = strings.Join(r.ShortNames, ",")
			Expect(r.Categories).To(Equal([]string{"usher"}), r.Kind)
			Expect(r.Namespaced).To(Equal(r.Kind != "Plan"), r.Kind)
		}
		Expect(short).To(Equal(map[string]string{"Account": "acct", "SeatPool": "sp", "Member": "mbr", "Invitation": "inv", "Plan": ""}))
	})
})

var _ = Describe("Field selectors", func() {
	It("find members by address, account and state", func(ctx SpecContext) {
		ns := testkit.Namespace(ctx, server)
		for _, member := range []*v1alpha1.Member{
			testkit.Member("ada").In(ns).Build(),
			testkit.Member("bob").In(ns).Build(),
			testkit.Member("eve").In(ns).Account("globex").Email("eve@globex.example").Build(),
		} {
			Expect(c.Create(ctx, member)).To(Succeed())
			if member.Name == "bob" {
				member.Status.State = v1alpha1.ObservedDisabled
				Expect(c.Status().Update(ctx, member)).To(Succeed())
			}
		}
		found := func(field, value string) (names []string) {
			GinkgoHelper()
			var list v1alpha1.MemberList
			Expect(c.List(ctx, &list, client.InNamespace(ns), client.MatchingFields{field: value})).To(Succeed())
			for _, m := range list.Items {
				names = append(names, m.Name)
			}
			return names
		}
		Expect(found("spec.email", "eve@globex.example")).To(ConsistOf("eve"))
		Expect(found("spec.email", "nobody@acme.example")).To(BeEmpty())
		Expect(found("spec.accountRef.name", "acme")).To(ConsistOf("ada", "bob"))
		Expect(found("status.state", "Disabled")).To(ConsistOf("bob"))
		Expect(found("status.state", "")).To(ConsistOf("ada", "eve"))
		Expect(c.List(ctx, &v1alpha1.MemberList{}, client.MatchingFields{"spec.role": "admin"})).To(
			MatchError(ContainSubstring("field label not supported")))
	})

	It("find invitations by member and state, and pools by account and add-on", func(ctx SpecContext) {
		ns := testkit.Namespace(ctx, server)
		sent := testkit.Invitation("ada").In(ns).Build()
		for _, object := range []client.Object{
			sent, testkit.Invitation("bob").In(ns).Build(),
			testkit.SeatPool("base").In(ns).Build(), testkit.SeatPool("pipes").In(ns).AddOn("pipelines").Build(),
		} {
			Expect(c.Create(ctx, object)).To(Succeed())
		}
		sent.Status.State = v1alpha1.InvitationSent
		Expect(c.Status().Update(ctx, sent)).To(Succeed())
		found := func(list client.ObjectList, field, value string) (names []string) {
			GinkgoHelper()
			Expect(c.List(ctx, list, client.InNamespace(ns), client.MatchingFields{field: value})).To(Succeed())
			Expect(meta.EachListItem(list, func(o runtime.Object) error {
				names = append(names, o.(client.Object).GetName())
				return nil
			})).To(Succeed())
			return names
		}
		Expect(found(&v1alpha1.InvitationList{}, "spec.memberRef.name", "bob")).To(ConsistOf("bob"))
		Expect(found(&v1alpha1.InvitationList{}, "status.state", "Sent")).To(ConsistOf("ada"))
		Expect(found(&v1alpha1.SeatPoolList{}, "spec.accountRef.name", "acme")).To(ConsistOf("base", "pipes"))
		Expect(found(&v1alpha1.SeatPoolList{}, "spec.addOn", "pipelines")).To(ConsistOf("pipes"))
	})
})

var _ = Describe("kubectl scale", func() {
	It("reads the capacity and sets the seats of a pool", func(ctx SpecContext) {
		pool := testkit.SeatPool("base").In(testkit.Namespace(ctx, server)).Seats(3).Build()
		Expect(c.Create(ctx, pool)).To(Succeed())
		pool.Status.Included, pool.Status.Capacity = 2, new(int32(5))
		Expect(c.Status().Update(ctx, pool)).To(Succeed())

		groups, err := restmapper.GetAPIGroupResources(discover())
		Expect(err).NotTo(HaveOccurred())
		scales, err := scale.NewForConfig(server.Config(), restmapper.NewDiscoveryRESTMapper(groups), dynamic.LegacyAPIPathResolverFunc,
			scale.NewDiscoveryScaleKindResolver(discover()))
		Expect(err).NotTo(HaveOccurred())
		resource := v1alpha1.GroupVersion.WithResource("seatpools").GroupResource()
		of := scales.Scales(pool.Namespace)
		got, err := of.Get(ctx, resource, pool.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Spec.Replicas).To(Equal(int32(3)), "seats")
		Expect(got.Status.Replicas).To(Equal(int32(5)), "capacity")

		replicas := func(n int32) error {
			wanted := got.DeepCopy()
			wanted.ResourceVersion = ""
			wanted.Spec.Replicas = n
			_, err := of.Update(ctx, resource, wanted, metav1.UpdateOptions{})
			return err
		}
		Expect(replicas(20)).To(Succeed())
		Expect(c.Get(ctx, client.ObjectKeyFromObject(pool), pool)).To(Succeed())
		Expect(*pool.Spec.Seats).To(Equal(int32(20)))
		Expect(replicas(0)).To(Succeed())
		Expect(replicas(10001)).To(BeRefused("spec.seats", tooBig))
		Expect(replicas(-1)).To(MatchError(ContainSubstring("greater than or equal to 0")))
	})
})
