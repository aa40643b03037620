// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/undecodable"
)

// spoilt is a value that the types of a kind cannot decode.
type spoilt struct {
	kind  string
	path  []string
	value any
}

func (s spoilt) field() string { return strings.Join(s.path, ".") }

var (
	spoiltMember = spoilt{"Member", []string{"spec", "accessUntil"}, "2027-03-31t18:00:00z"}
	spoiltOthers = []spoilt{
		{"Account", []string{"spec", "displayName"}, int64(5)},
		{"SeatPool", []string{"spec", "reservation"}, int64(5)},
		{"Invitation", []string{"spec", "ttl"}, int64(5)},
		{"Plan", []string{"spec", "displayName"}, map[string]any{"en": "Professional"}},
	}
)

// loosen takes all rules out of the schema of a kind, and lets one field have any value, as an older or another schema might. The schema
// is put back after the spec.
func loosen(ctx context.Context, s spoilt) {
	GinkgoHelper()
	clients, err := clientset.NewForConfig(server.Config())
	Expect(err).NotTo(HaveOccurred())
	crds := clients.ApiextensionsV1().CustomResourceDefinitions()
	name := strings.ToLower(s.kind) + "s.usher.dev"
	crd, err := crds.Get(ctx, name, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	before := crd.Spec.DeepCopy()
	DeferCleanup(func(ctx SpecContext) {
		crd, err := crds.Get(ctx, name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		crd.Spec = *before
		_, err = crds.Update(ctx, crd, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
	})
	withoutRules(crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
	node := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	for _, step := range s.path[:len(s.path)-1] {
		next := node.Properties[step]
		node = &next
	}
	node.Properties[s.path[len(s.path)-1]] = apiextensionsv1.JSONSchemaProps{XPreserveUnknownFields: ptr.To(true)}
	_, err = crds.Update(ctx, crd, metav1.UpdateOptions{})
	Expect(err).NotTo(HaveOccurred())
}

func withoutRules(node *apiextensionsv1.JSONSchemaProps) {
	node.XValidations, node.Enum, node.Format = nil, nil, ""
	for name, property := range node.Properties {
		withoutRules(&property)
		node.Properties[name] = property
	}
	if node.Items != nil {
		withoutRules(node.Items.Schema)
	}
	if node.AdditionalProperties != nil {
		withoutRules(node.AdditionalProperties.Schema)
	}
}

// set changes one field of an object; nil removes it.
func set(ctx context.Context, api client.Client, s spoilt, namespace, name string, value any) error {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(usherv1.GroupVersion.WithKind(s.kind))
	if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		return err
	}
	if value == nil {
		unstructured.RemoveNestedField(object.Object, s.path...)
	} else if err := unstructured.SetNestedField(object.Object, value, s.path...); err != nil {
		return err
	}
	return api.Update(ctx, object)
}

// spoil makes an object undecodable, as soon as the API server uses the loose schema.
func spoil(ctx context.Context, api client.Client, s spoilt, namespace, name string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(set(ctx, api, s, namespace, name, s.value)).To(Succeed())
		raw := &unstructured.Unstructured{}
		raw.SetGroupVersionKind(usherv1.GroupVersion.WithKind(s.kind))
		g.Expect(api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, raw)).To(Succeed())
		value, _, err := unstructured.NestedFieldNoCopy(raw.Object, s.path...)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(value).To(Equal(s.value))
	}).WithTimeout(patience).Should(Succeed())
}

// patience is for a busy machine.
const patience = 60 * time.Second

// ready returns the answer of /readyz.
func ready(o app.Options) func() string {
	return func() string {
		response, err := http.Get("http://" + o.HealthProbeBindAddress + "/readyz")
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		Expect(err).NotTo(HaveOccurred())
		return response.Status + " " + string(body)
	}
}

// counted returns the metric of undecodable objects of a kind.
func counted(kind string) func() float64 {
	return func() float64 {
		families, err := metrics.Registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				if family.GetName() == "usher_undecodable_objects" && metric.GetLabel()[0].GetValue() == kind {
					return metric.GetGauge().GetValue()
				}
			}
		}
		return -1
	}
}

// tenant creates an account with three seats and a mail server in a namespace of its own, and a member who is Active at once.
func tenant(ctx context.Context, api client.Client, member string) (namespace string) {
	GinkgoHelper()
	namespace = testkit.Namespace(ctx, server)
	for _, o := range []client.Object{
		testkit.Account("acme").In(namespace).Build(), testkit.SeatPool("acme-base").In(namespace).Seats(3).Build(),
	} {
		Expect(api.Create(ctx, o)).To(Succeed())
	}
	hire(ctx, api, namespace, member)
	return namespace
}

func hire(ctx context.Context, api client.Client, namespace, name string) {
	GinkgoHelper()
	m := testkit.Member(name).In(namespace).Build()
	m.Spec.Activation = usherv1.ActivateImmediately
	Expect(api.Create(ctx, m)).To(Succeed())
}

// stateOf returns a member's state as it is stored, whether or not the member can be decoded.
func stateOf(ctx context.Context, api client.Client, namespace, name string) func() string {
	return func() string {
		m := &unstructured.Unstructured{}
		m.SetGroupVersionKind(usherv1.GroupVersion.WithKind("Member"))
		Expect(client.IgnoreNotFound(api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, m))).To(Succeed())
		state, _, _ := unstructured.NestedString(m.Object, "status", "state")
		return state
	}
}

func disable(ctx context.Context, api client.Client, namespace, name string) {
	GinkgoHelper()
	Expect(api.Patch(ctx, testkit.Member(name).In(namespace).Build(),
		client.RawPatch(types.MergePatchType, []byte(`{"spec":{"state":"Disabled"}}`)))).To(Succeed())
}

var _ = Describe("an object that cannot be decoded", func() {
	var (
		api  client.Client
		o    app.Options
		said *transcript
	)
	BeforeEach(func(ctx SpecContext) {
		SetDefaultEventuallyTimeout(patience)
		api, said = testkit.Client(server.Config()), &transcript{}
		GinkgoWriter.TeeTo(said)
		DeferCleanup(GinkgoWriter.ClearTeeWriters)
		o = options(testkit.Namespace(ctx, server))
		o.WatchNamespaces = "" // one cache for all namespaces, as the manager that ships has
	})
	log := func() string { return string(said.Bytes()) }

	It("is named, and stops no other", func(ctx SpecContext) {
		ns := tenant(ctx, api, "ada")
		other := tenant(ctx, api, "bob")
		mails := newAccount(api, o.Namespace)
		stop := run(o)
		Eventually(stateOf(ctx, api, ns, "ada")).Should(Equal("Active"))
		Eventually(stateOf(ctx, api, other, "bob")).Should(Equal("Active"))
		before := counted("Member")()

		By("an event")
		loosen(ctx, spoiltMember)
		spoil(ctx, api, spoiltMember, ns, "ada")
		named := And(HavePrefix("200 OK"), ContainSubstring("Member "+ns+"/ada cannot be decoded"), ContainSubstring("spec.accessUntil"),
			Not(ContainSubstring("t18:00:00z")))
		Eventually(ready(o)).Should(named)
		Eventually(counted("Member")).Should(Equal(before + 1))
		Expect(log()).To(And(ContainSubstring("Member "+ns+"/ada cannot be decoded: spec.accessUntil: parsing time")), "the log names it")
		disable(ctx, api, other, "bob")
		Eventually(stateOf(ctx, api, other, "bob")).Should(Equal("Disabled"))
		invited := testkit.Member("carol").In(o.Namespace).Build()
		Expect(api.Create(ctx, invited)).To(Succeed())
		_, err := mails.AwaitMailTo(ctx, "carol@acme.example")
		Expect(err).NotTo(HaveOccurred())
		hire(ctx, api, ns, "dan")
		Eventually(stateOf(ctx, api, ns, "dan")).Should(Equal("Active"), "its own account goes on, too")
		disable(ctx, api, ns, "dan")
		Eventually(stateOf(ctx, api, ns, "dan")).Should(Equal("Disabled"))

		By("a list")
		stop()
		o.HealthProbeBindAddress, o.PortalBindAddress = address(), address()
		run(o)
		Eventually(ready(o)).Should(named)
		hire(ctx, api, other, "eve")
		Eventually(stateOf(ctx, api, other, "eve")).Should(Equal("Active"))
		Expect(stateOf(ctx, api, ns, "ada")()).To(Equal("Active"), "nothing is taken from a member who cannot be read")
		pool := testkit.SeatPool("acme-base").In(ns).Build()
		Eventually(func() (map[string]int64, error) {
			err := api.Get(ctx, client.ObjectKeyFromObject(pool), pool)
			return pool.Status.Claims, err
		}).Should(HaveLen(1), "ada's claim is left")

		By("a correction")
		Expect(set(ctx, api, spoiltMember, ns, "ada", "2001-03-31T18:00:00Z")).To(Succeed())
		Eventually(stateOf(ctx, api, ns, "ada")).Should(Equal("Disabled"), "its access has ended")
		Eventually(ready(o)).Should(And(HavePrefix("200 OK"), Not(ContainSubstring("cannot be decoded"))))

		By("a deletion")
		spoil(ctx, api, spoiltMember, ns, "ada")
		Eventually(ready(o)).Should(named)
		left := &unstructured.Unstructured{}
		left.SetGroupVersionKind(usherv1.GroupVersion.WithKind("Member"))
		left.SetNamespace(ns)
		left.SetName("ada")
		Expect(api.Delete(ctx, left)).To(Succeed())
		Expect(api.Patch(ctx, left, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
		Eventually(ready(o)).Should(And(HavePrefix("200 OK"), Not(ContainSubstring("cannot be decoded"))))
	}, SpecTimeout(5*time.Minute))

	for _, s := range spoiltOthers {
		It("may be of kind "+s.kind, func(ctx SpecContext) {
			ns := tenant(ctx, api, "ada")
			other := tenant(ctx, api, "bob")
			name, within := map[string]string{"Account": "acme", "SeatPool": "acme-base", "Invitation": "ada", "Plan": ns}[s.kind], ns
			switch s.kind {
			case "Plan":
				within = ""
				Expect(api.Create(ctx, testkit.Plan(name).Build())).To(Succeed())
			case "Invitation":
				Expect(api.Create(ctx, testkit.Invitation(name).In(ns).Build())).To(Succeed())
			}
			loosen(ctx, s)
			spoil(ctx, api, s, within, name)
			DeferCleanup(func(ctx SpecContext) {
				Expect(set(ctx, api, s, within, name, "OnInvitation")).To(Succeed())
			})
			o.HealthProbeBindAddress = address()
			run(o)
			what := (&undecodable.Error{Kind: s.kind, Namespace: within, Name: name}).Object()
			Eventually(ready(o)).Should(And(HavePrefix("200 OK"), ContainSubstring(what+" cannot be decoded"), ContainSubstring(s.field())))
			Expect(log()).To(ContainSubstring(what + " cannot be decoded: " + s.field() + ": json: cannot unmarshal"))
			Eventually(stateOf(ctx, api, other, "bob")).Should(Equal("Active"))
			disable(ctx, api, other, "bob")
			Eventually(stateOf(ctx, api, other, "bob")).Should(Equal("Disabled"))

			good := map[string]any{"Account": "Acme", "SeatPool": "OnInvitation", "Invitation": "72h", "Plan": "Professional"}[s.kind]
			Expect(set(ctx, api, s, within, name, good)).To(Succeed())
			Eventually(ready(o)).ShouldNot(ContainSubstring(what))
			Eventually(stateOf(ctx, api, ns, "ada")).Should(Equal("Active"), "it is picked up")
		}, SpecTimeout(3*time.Minute))
	}

	It("does not keep access from being withdrawn, not even as a plan", func(ctx SpecContext) {
		ns := testkit.Namespace(ctx, server)
		named := testkit.Plan(ns).Build()
		named.Spec.Roles[0].AccountAdmin = ptr.To(true)
		account := testkit.Account("acme").In(ns).Build()
		account.Spec.PlanRef = &usherv1.PlanReference{Name: ns}
		for _, object := range []client.Object{named, account, testkit.SeatPool("acme-base").In(ns).Seats(3).Build()} {
			Expect(api.Create(ctx, object)).To(Succeed())
		}
		for _, name := range []string{"ada", "bob", "carol"} {
			hire(ctx, api, ns, name)
		}
		admins := func() []string {
			var list rbacv1.RoleBindingList
			Expect(api.List(ctx, &list, client.InNamespace(ns))).To(Succeed())
			var users []string
			for _, binding := range list.Items {
				for _, subject := range binding.Subjects {
					users = append(users, strings.TrimSuffix(subject.Name, "@acme.example"))
				}
			}
			return users
		}
		run(o)
		Eventually(admins).Should(ConsistOf("ada", "bob", "carol"))

		By("a member")
		loosen(ctx, spoiltMember)
		spoil(ctx, api, spoiltMember, ns, "ada")
		Eventually(ready(o)).Should(ContainSubstring("Member " + ns + "/ada"))
		disable(ctx, api, ns, "bob")
		Eventually(admins).Should(ConsistOf("ada", "carol"), "nothing is taken from ada")
		Expect(set(ctx, api, spoilt{"Member", []string{"spec", "state"}, nil}, ns, "ada", "Disabled")).To(Succeed())
		Eventually(admins).Should(ConsistOf("carol"), "that ada is disabled can be read")
		Expect(set(ctx, api, spoiltMember, ns, "ada", nil)).To(Succeed())
		Eventually(stateOf(ctx, api, ns, "ada")).Should(Equal("Disabled"))

		By("a plan")
		hire(ctx, api, ns, "dan")
		Eventually(admins).Should(ConsistOf("carol", "dan"))
		spoiltPlan := spoiltOthers[3]
		loosen(ctx, spoiltPlan)
		spoil(ctx, api, spoiltPlan, "", ns)
		DeferCleanup(func(ctx SpecContext) { Expect(set(ctx, api, spoiltPlan, "", ns, "Professional")).To(Succeed()) })
		Eventually(ready(o)).Should(ContainSubstring("Plan " + ns))
		disable(ctx, api, ns, "carol")
		Eventually(admins).Should(ConsistOf("dan"))
		Expect(set(ctx, api, spoiltPlan, "", ns, "Professional")).To(Succeed())

		By("an account")
		hire(ctx, api, ns, "eve")
		Eventually(admins).Should(ConsistOf("dan", "eve"))
		spoiltAccount := spoiltOthers[0]
		loosen(ctx, spoiltAccount)
		spoil(ctx, api, spoiltAccount, ns, "acme")
		DeferCleanup(func(ctx SpecContext) { Expect(set(ctx, api, spoiltAccount, ns, "acme", "Acme")).To(Succeed()) })
		Eventually(ready(o)).Should(ContainSubstring("Account " + ns + "/acme"))
		disable(ctx, api, ns, "dan")
		Eventually(admins).Should(ConsistOf("eve"))
	}, SpecTimeout(3*time.Minute))

	It("is named by a live read, which returns the others", func(ctx SpecContext) {
		ns := tenant(ctx, api, "ada")
		hire(ctx, api, ns, "bob")
		loosen(ctx, spoiltMember)
		spoil(ctx, api, spoiltMember, ns, "ada")
		DeferCleanup(func(ctx SpecContext) { Expect(set(ctx, api, spoiltMember, ns, "ada", nil)).To(Succeed()) })
		config := server.Config()
		config.Wrap(undecodable.Transport)
		live := undecodable.NewClient(testkit.Client(config))

		ada, bob, secret := testkit.Member("ada").In(ns).Build(), testkit.Member("bob").In(ns).Build(), &corev1.Secret{}
		err := live.Get(ctx, client.ObjectKeyFromObject(ada), ada)
		Expect(err).To(MatchError(And(HavePrefix("Member "+ns+"/ada cannot be decoded: spec.accessUntil"), ContainSubstring("t18:00:00z"))))
		Expect(undecodable.Ignore(err)).To(Succeed())
		Expect(ada.UID).NotTo(BeEmpty(), "what can be read is there")
		Expect(live.Get(ctx, client.ObjectKeyFromObject(bob), bob)).To(Succeed())
		Expect(client.IgnoreNotFound(live.Get(ctx, client.ObjectKey{Namespace: ns, Name: "none"}, secret))).To(Succeed())
		var list usherv1.MemberList
		Expect(live.List(ctx, &list, client.InNamespace(ns))).To(Succeed())
		Expect(list.Items).To(HaveLen(2))
		Expect(undecodable.Of(&list.Items[0])).To(HaveOccurred())
		Expect(undecodable.Of(&list.Items[1])).NotTo(HaveOccurred())
	}, SpecTimeout(2*time.Minute))
})
