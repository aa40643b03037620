// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// manager is the user with the rights that config/rbac grants.
var manager = sync.OnceValue(func() *apiserver.User {
	GinkgoHelper()
	user, err := server.AddManager(context.Background())
	Expect(err).NotTo(HaveOccurred())
	Expect(server.GrantOwnEverywhere(context.Background())).To(Succeed())
	return user
})

// promptly is how soon access follows a change of state.
const promptly = 5 * time.Second

var _ = Describe("Access", func() {
	var (
		w       *world
		actives []string
	)

	// onPlan creates a world with an account, whose plan has the roles admin and seller, and a pool with that many seats.
	onPlan := func(ctx context.Context, seats int32) {
		GinkgoHelper()
		w, actives = newWorld(ctx, smtpsink.Options{}), nil
		plan := testkit.Plan(w.namespace).Rights("orders:place", "invoices:view").Admin("admin").Role("seller", "orders:place").Build()
		plan.Spec.Roles[len(plan.Spec.Roles)-1].ClusterRoles = []string{"acme-" + w.namespace}
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "acme-" + w.namespace}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"replicationcontrollers"}, Verbs: []string{"list"}},
		}}
		for _, o := range []client.Object{plan, role} {
			Expect(w.api.Create(ctx, o)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(w.api.Delete(ctx, o))).To(Succeed()) })
		}
		account := testkit.Account(testkit.DefaultAccount).Build()
		account.Spec.PlanRef = &usherv1.PlanReference{Name: w.namespace}
		w.create(account, testkit.SeatPool(base).Seats(seats).Build())
	}
	may := func(user, verb, group, resource string, groups ...string) func() bool {
		return func() bool { GinkgoHelper(); return w.may(user, verb, group, resource, groups...) }
	}
	places := func(name string) func() bool {
		return may(name+"@acme.example", "place", "rights.usher.dev", "orders")
	}
	lists := func(name string) func() bool {
		return may(name+"@acme.example", "list", "", "replicationcontrollers")
	}
	immediate := func(builders ...*testkit.MemberBuilder) {
		GinkgoHelper()
		for _, b := range builders {
			m := b.Immediate().Build()
			w.create(m)
			actives = append(actives, m.Name)
		}
	}
	// areActive waits until the created members are Active. From then on, access has to follow promptly.
	areActive := func() {
		GinkgoHelper()
		for _, name := range actives {
			Eventually(w.member(name)).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		}
	}
	// adaSells starts a manager, and waits until Ada, a seller, has the rights of her role.
	adaSells := func(ctx context.Context) *operator {
		GinkgoHelper()
		onPlan(ctx, 5)
		o := w.start()
		immediate(testkit.Member("ada").Role("seller"))
		areActive()
		Eventually(places("ada")).WithTimeout(promptly).Should(BeTrue())
		return o
	}
	bindings := func() []rbacv1.RoleBinding {
		GinkgoHelper()
		var list rbacv1.RoleBindingList
		Expect(w.api.List(context.Background(), &list, client.InNamespace(w.namespace))).To(Succeed())
		return list.Items
	}

	It("gives an Active member the rights of its role, its own rights and the role's ClusterRoles", func(ctx SpecContext) {
		onPlan(ctx, 5)
		manager() // applies config/rbac, which has the ClusterRole of account admins
		o := w.start()
		immediate(testkit.Member("ada"), testkit.Member("bob").Role("seller"), testkit.Member("cat").Role("member").Rights("invoices:view"))
		areActive()
		for i, yes := range []func() bool{
			places("ada"), may("ada@acme.example", "view", "rights.usher.dev", "invoices"), may("ada@acme.example", "create", "usher.dev", "members"),
			places("bob"), may("bob@acme.example", "list", "", "replicationcontrollers"), may("cat@acme.example", "view", "rights.usher.dev", "invoices"),
		} {
			Eventually(yes).WithTimeout(promptly).Should(BeTrue(), "number %d", i)
		}
		for i, no := range []func() bool{
			may("bob@acme.example", "view", "rights.usher.dev", "invoices"), may("bob@acme.example", "create", "usher.dev", "members"),
			places("cat"), may("cat@acme.example", "list", "", "replicationcontrollers"), places("dan"),
		} {
			Expect(no()).To(BeFalse(), "number %d", i)
		}
		Expect(w.account()).To(testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionTrue, usherv1.ReasonAccessUpToDate))

		o.settles()
		writes := len(o.wire.Calls())
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { metav1.SetMetaDataAnnotation(&a.ObjectMeta, "touched", "yes") })
		o.settles()
		Expect(o.wire.Calls()).To(HaveLen(writes), "no change, no write")
	})

	It("is given and taken under the address as it is written and in lower case", func(ctx SpecContext) {
		onPlan(ctx, 5)
		o := w.start()
		const written, lower = "Ada.Lovelace@Acme.example", "ada.lovelace@acme.example"
		place := func(user string) func() bool { return may(user, "place", "rights.usher.dev", "orders") }
		immediate(testkit.Member("ada").Email(written).Role("seller"), testkit.Member("bob").Role("seller"))
		areActive()
		for _, user := range []string{written, lower} {
			Eventually(place(user)).WithTimeout(promptly).Should(BeTrue(), user)
		}
		o.settles()
		writes := len(o.wire.Calls())
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { metav1.SetMetaDataAnnotation(&a.ObjectMeta, "touched", "yes") })
		o.settles()
		Expect(o.wire.Calls()).To(HaveLen(writes), "no change, no write")

		By("respelling it")
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Email = lower })
		Eventually(place(written)).WithTimeout(promptly).Should(BeFalse())
		Expect(place(lower)()).To(BeTrue())
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Email = written })
		Eventually(place(written)).WithTimeout(promptly).Should(BeTrue())

		w.disable("ada")
		for _, user := range []string{written, lower} {
			Eventually(place(user)).WithTimeout(promptly).Should(BeFalse(), user)
		}
		Eventually(func() bool { return w.member("ada")().Status.Seats[0].Held() }).Should(BeFalse(), "the seat is free")
		Expect(places("bob")()).To(BeTrue())
	})

	It("is what kubectl auth can-i reports", func(ctx SpecContext) {
		onPlan(ctx, 5)
		w.start()
		immediate(testkit.Member("ada").Role("seller"))
		areActive()
		kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(os.WriteFile(kubeconfig, server.Kubeconfig(), 0o600)).To(Succeed())
		canI := func(user string) func() string {
			return func() string {
				out, _ := exec.Command(server.Program("kubectl"), "--kubeconfig", kubeconfig, "--namespace", w.namespace, // "no" also sets the exit code
					"auth", "can-i", "place", "orders.rights.usher.dev", "--as", user).Output()
				return strings.TrimSpace(string(out))
			}
		}
		Eventually(canI("ada@acme.example")).Should(Equal("yes"))
		Expect(canI("eve@acme.example")()).To(Equal("no"))
		w.disable("ada")
		Eventually(canI("ada@acme.example")).Should(Equal("no"))
	})

	for name, withdraw := range map[string]func(){
		"disabled": func() { w.disable("bob") },
		"deleted":  func() { w.remove(testkit.Member("bob").Build()) },
		"demoted":  func() { w.editMember("bob", func(m *usherv1.Member) { m.Spec.Role = "member" }) },
		"readdressed": func() {
			w.editMember("bob", func(m *usherv1.Member) { m.Spec.Email = "robert@acme.example" })
			Eventually(places("robert")).WithTimeout(promptly).Should(BeTrue())
		},
		"of an account that is disabled": func() {
			edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		},
		"of an account that is deleted": func() { w.remove(testkit.Account(testkit.DefaultAccount).Build()) },
	} {
		It("ends when a member is "+name, func(ctx SpecContext) {
			onPlan(ctx, 5)
			w.start()
			immediate(testkit.Member("ada"), testkit.Member("bob").Role("seller"))
			areActive()
			Eventually(places("bob")).WithTimeout(promptly).Should(BeTrue())
			withdraw()
			Eventually(places("bob")).WithTimeout(promptly).Should(BeFalse())
			if strings.Contains(name, "account") {
				Eventually(bindings).Should(BeEmpty())
			}
		})
	}

	It("is withdrawn before the next waiting member gets the seat", func(ctx SpecContext) {
		onPlan(ctx, 1)
		o := w.start()
		immediate(testkit.Member("ada").Role("seller"))
		areActive()
		Eventually(places("ada")).WithTimeout(promptly).Should(BeTrue())
		immediate(testkit.Member("bob").Role("seller"))
		Eventually(w.member("bob")).Should(beWaiting)

		// While bindings cannot be changed, the seat is not granted to another member.
		o.wire.When(func(c testkit.Call) bool { return c.Resource == "rolebindings" }, testkit.Refused)
		w.disable("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		Consistently(func() []string { return w.holders(base) }).WithTimeout(2 * time.Second).Should(Equal([]string{"ada"}))
		Expect(w.member("ada")().Status.Seats[0].Held()).To(BeTrue())
		o.wire.Heal()
		Eventually(w.member("bob")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		Expect(places("ada")()).To(BeFalse())
	})

	It("is restored when another client changes or deletes a binding or a role", func(ctx SpecContext) {
		adaSells(ctx)
		for _, b := range bindings() {
			b.Subjects = append(b.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "eve@acme.example"})
			Expect(w.api.Update(ctx, &b)).To(Succeed())
		}
		Eventually(places("eve")).WithTimeout(promptly).Should(BeFalse())
		for _, b := range bindings() {
			Expect(client.IgnoreNotFound(w.api.Delete(ctx, &b))).To(Succeed())
		}
		Eventually(places("ada")).Should(BeTrue())
		var roles rbacv1.RoleList
		Expect(w.api.List(ctx, &roles, client.InNamespace(w.namespace))).To(Succeed())
		for _, r := range roles.Items {
			r.Rules = nil
			Expect(w.api.Update(ctx, &r)).To(Succeed())
		}
		Eventually(places("ada")).Should(BeTrue())
	})

	It("is restored when another client removes the labels or owner of a binding or a role", func(ctx SpecContext) {
		adaSells(ctx)
		known := SatisfyAll(HaveKeyWithValue(usherv1.AccountLabel, testkit.DefaultAccount), HaveKeyWithValue(labels.ManagedBy, labels.Usher))
		strip := func(how func(client.Object)) {
			GinkgoHelper()
			var roles rbacv1.RoleList
			Expect(w.api.List(ctx, &roles, client.InNamespace(w.namespace))).To(Succeed())
			objects := []client.Object{&roles.Items[0]}
			for _, b := range bindings() {
				objects = append(objects, &b)
			}
			for _, o := range objects {
				edit(w, o, how)
				Eventually(func() client.Object { return read(w, o.DeepCopyObject().(client.Object)) }).Should(SatisfyAll(
					HaveField("GetLabels()", known), HaveField("GetOwnerReferences()", HaveLen(1))), o.GetName())
			}
			Eventually(places("ada")).Should(BeTrue())
			Eventually(lists("ada")).Should(BeTrue())
			Expect(w.account()).To(testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionTrue))
		}
		strip(func(o client.Object) { o.SetLabels(nil) })
		strip(func(o client.Object) { o.SetOwnerReferences(nil) })
		strip(func(o client.Object) {
			o.SetLabels(map[string]string{usherv1.AccountLabel: "globex", labels.ManagedBy: labels.Usher})
		})
	})

	It("does not change an object of the same name that Usher does not own", func(ctx SpecContext) {
		o := adaSells(ctx)
		o.settles()
		o.stop()
		theirs := bindings()
		for i := range theirs {
			b := &theirs[i]
			Expect(w.api.Delete(ctx, b)).To(Succeed())
			b.ObjectMeta = metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name}
			b.Subjects[0].Name = "eve@acme.example"
			Expect(w.api.Create(ctx, b)).To(Succeed())
		}
		w.start()
		Eventually(w.account).Should(SatisfyAll(
			testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionFalse, usherv1.ReasonNameTaken),
			testkit.HaveCondition(usherv1.ConditionStalled, metav1.ConditionTrue, usherv1.ReasonNameTaken)))
		Expect(meta.FindStatusCondition(w.account().Status.Conditions, usherv1.ConditionAccessReady).Message).To(ContainSubstring(theirs[0].Name))
		Eventually(warnings).WithArguments(w).Should(ContainElement(usherv1.ReasonNameTaken))
		Expect(places("eve")()).To(BeTrue())
		Expect(w.member("ada")()).To(be(usherv1.ObservedActive, usherv1.ReasonActivated))
	})

	It("binds no member to a role that Usher does not own", func(ctx SpecContext) {
		o := adaSells(ctx)
		o.stop()
		var roles rbacv1.RoleList
		Expect(w.api.List(ctx, &roles, client.InNamespace(w.namespace))).To(Succeed())
		Expect(roles.Items).NotTo(BeEmpty())
		for i := range roles.Items {
			r := &roles.Items[i]
			Expect(w.api.Delete(ctx, r)).To(Succeed())
			r.ObjectMeta = metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name}
			Expect(w.api.Create(ctx, r)).To(Succeed())
		}
		w.start()
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionFalse, usherv1.ReasonNameTaken))
		Eventually(places("ada")).WithTimeout(promptly).Should(BeFalse())
		for i := range roles.Items {
			Expect(w.api.Delete(ctx, &roles.Items[i])).To(Succeed())
		}
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { metav1.SetMetaDataAnnotation(&a.ObjectMeta, "try", "again") })
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionTrue))
		Eventually(places("ada")).WithTimeout(promptly).Should(BeTrue())
	})

	It("includes the vendor's support group while the account names it", func(ctx SpecContext) {
		onPlan(ctx, 5)
		w.start()
		immediate(testkit.Member("ada").Role("seller"))
		areActive()
		agent := may("agent@vendor.example", "place", "rights.usher.dev", "orders", "vendor:agents")
		allow := func(group usherv1.Line) {
			edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Spec.Access = &usherv1.AccountAccess{SupportGroup: group} })
		}
		Eventually(places("ada")).WithTimeout(promptly).Should(BeTrue())
		Expect(agent()).To(BeFalse())
		allow("vendor:agents")
		Eventually(agent).WithTimeout(promptly).Should(BeTrue())
		allow("")
		Eventually(agent).WithTimeout(promptly).Should(BeFalse())
	})

	It("uses the cluster's prefix for user names", func(ctx SpecContext) {
		onPlan(ctx, 5)
		w.start(func(o *app.Options) { o.UserPrefix = "oidc:" })
		immediate(testkit.Member("ada").Role("seller"))
		areActive()
		Eventually(may("oidc:ada@acme.example", "place", "rights.usher.dev", "orders")).WithTimeout(promptly).Should(BeTrue())
		Expect(places("ada")()).To(BeFalse())
	})

	Context("with no other rights than config/rbac grants", func() {
		var forbidden types.GomegaMatcher
		// grant returns objects that let the manager bind the seller's ClusterRole, as an aggregated ClusterRole does in a cluster.
		grant := func() []client.Object {
			name := "more-" + w.namespace
			return []client.Object{
				&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{
					{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, ResourceNames: []string{"acme-" + w.namespace}, Verbs: []string{"bind"}},
				}},
				&rbacv1.ClusterRoleBinding{
					ObjectMeta: metav1.ObjectMeta{Name: name},
					RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
					Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: apiserver.ManagerNamespace, Name: "usher"}},
				},
			}
		}
		mayBind := func() bool {
			GinkgoHelper()
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:" + apiserver.ManagerNamespace + ":usher",
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Verb: "bind", Group: rbacv1.GroupName, Resource: "clusterroles", Name: "acme-" + w.namespace, Namespace: w.namespace,
				},
			}}
			Expect(w.api.Create(context.Background(), review)).To(Succeed())
			return review.Status.Allowed
		}
		allow := func(ctx context.Context) {
			GinkgoHelper()
			for _, o := range grant() {
				Expect(w.api.Create(ctx, o)).To(Succeed())
			}
			Eventually(mayBind).Should(BeTrue())
		}
		deny := func(ctx context.Context) {
			GinkgoHelper()
			for _, o := range grant() {
				Expect(client.IgnoreNotFound(w.api.Delete(ctx, o))).To(Succeed())
			}
			Eventually(mayBind).Should(BeFalse())
		}
		BeforeEach(func(ctx SpecContext) {
			onPlan(ctx, 5)
			forbidden = SatisfyAll(
				testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionFalse, usherv1.ReasonBindForbidden),
				testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue, usherv1.ReasonBindForbidden))
			w.startAs(manager().Config())
			DeferCleanup(deny)
		})

		It("reports what it may not bind while everything else continues, and binds it once it may", func(ctx SpecContext) {
			immediate(testkit.Member("ada").Role("seller"), testkit.Member("bob").Role("admin"))
			areActive()
			Eventually(w.account).Should(forbidden)
			Expect(meta.FindStatusCondition(w.account().Status.Conditions, usherv1.ConditionAccessReady).Message).To(SatisfyAll(
				ContainSubstring("ClusterRole acme-"+w.namespace), ContainSubstring(usherv1.AggregateLabel)))
			Eventually(warnings).WithArguments(w).Should(ContainElement(usherv1.ReasonBindForbidden))
			Eventually(places("ada")).WithTimeout(promptly).Should(BeTrue())
			Eventually(may("ada@acme.example", "place", "", "orders.rights.usher.dev")).WithTimeout(promptly).Should(BeTrue())
			Eventually(may("bob@acme.example", "create", "usher.dev", "members")).WithTimeout(promptly).Should(BeTrue())
			Expect(lists("ada")()).To(BeFalse())
			w.hire("cat")
			Eventually(w.member("cat")).Should(beInvited)
			Expect(w.mails("cat")).To(HaveLen(1))
			w.disable("ada")
			Eventually(places("ada")).WithTimeout(promptly).Should(BeFalse())
			Eventually(func() bool { return w.member("ada")().Status.Seats[0].Held() }).Should(BeFalse(), "the seat is free")
			w.enable("ada")
			Eventually(places("ada")).Should(BeTrue())
			Eventually(w.account).Should(forbidden)

			allow(ctx)
			edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { metav1.SetMetaDataAnnotation(&a.ObjectMeta, "try", "again") })
			Eventually(lists("ada")).Should(BeTrue())
			Eventually(w.account).Should(SatisfyAll(
				testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionTrue),
				testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue, usherv1.ReasonUpToDate)))
		})

		It("reports the same for a ClusterRole that does not exist", func(ctx SpecContext) {
			immediate(testkit.Member("bob").Role("admin"))
			areActive()
			Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionAccessReady, metav1.ConditionTrue))
			Expect(w.api.Delete(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "acme-" + w.namespace}})).To(Succeed())
			immediate(testkit.Member("ada").Role("seller"))
			areActive()
			Eventually(w.account).Should(forbidden)
			Eventually(places("ada")).WithTimeout(promptly).Should(BeTrue())
		})

		It("keeps the access of other members when it may no longer bind, and withdraws what it has to", func(ctx SpecContext) {
			allow(ctx)
			immediate(testkit.Member("ada").Role("seller"), testkit.Member("bob").Role("admin"))
			areActive()
			Eventually(lists("ada")).Should(BeTrue())
			deny(ctx)
			immediate(testkit.Member("cat").Role("seller"))
			areActive()
			Eventually(w.account).Should(forbidden)
			Eventually(places("cat")).WithTimeout(promptly).Should(BeTrue())
			Expect(lists("cat")()).To(BeFalse())
			Expect(lists("ada")()).To(BeTrue(), "no member loses access")

			w.disable("ada")
			Eventually(lists("ada")).WithTimeout(promptly).Should(BeFalse())
			Eventually(func() bool { return w.member("ada")().Status.Seats[0].Held() }).Should(BeFalse(), "the seat is free")
			Expect(places("cat")()).To(BeTrue())
		})
	})

	It("is limited by the admission policies to rights of plans", func(ctx SpecContext) {
		usher, err := client.New(manager().Config(), client.Options{Scheme: testkit.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		role := func(groups []string, resources ...string) func(context.Context) error {
			r := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "usher-try"}}
			r.Rules = []rbacv1.PolicyRule{{APIGroups: groups, Resources: resources, Verbs: []string{"place"}}}
			return func(ctx context.Context) error { return usher.Create(ctx, r.DeepCopy(), client.DryRunAll) }
		}
		binding := func(name, of string) func(context.Context) error {
			b := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
			b.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: of}
			return func(ctx context.Context) error { return usher.Create(ctx, b.DeepCopy(), client.DryRunAll) }
		}
		// The API server takes a moment to apply a policy.
		Eventually(role([]string{""}, "secrets")).WithContext(ctx).Should(MatchError(ContainSubstring("rights of plans only")))
		Eventually(binding("usher-try-0", "theirs")).WithContext(ctx).Should(MatchError(ContainSubstring("its own Roles only")))
		for _, refused := range []func(context.Context) error{
			role([]string{""}, "*"), role([]string{"*"}, "orders.rights.usher.dev"), role([]string{"", "rights.usher.dev"}, "secrets"), role([]string{""}, "orders.rights.usher.dev", "secrets"), role([]string{"apps"}, "deployments"),
		} {
			Expect(refused(ctx)).To(MatchError(ContainSubstring("rights of plans only")))
		}
		Expect(role([]string{"rights.usher.dev"}, "*")(ctx)).To(Succeed())
		Expect(role([]string{""}, "orders.rights.usher.dev")(ctx)).To(Succeed())
		Expect(binding("usher-try-0", "usher-try")(ctx)).To(Succeed())
		Expect(binding("usher-try-0", "usher")(ctx)).To(MatchError(ContainSubstring("its own Roles only")), "only a name's end may be a number")
	})
})

// warnings returns the reasons of the warning Events of Accounts.
func warnings(w *world) (reasons []string) {
	GinkgoHelper()
	var list eventsv1.EventList
	Expect(w.api.List(context.Background(), &list, client.InNamespace(w.namespace))).To(Succeed())
	for _, e := range list.Items {
		if e.Regarding.Kind == "Account" && e.Type == corev1.EventTypeWarning {
			reasons = append(reasons, e.Reason)
		}
	}
	return reasons
}

// may asks the API server whether a user, with these groups, may do something in the world's namespace.
func (w *world) may(user, verb, group, resource string, groups ...string) bool {
	GinkgoHelper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, Groups: groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: w.namespace, Verb: verb, Group: group, Resource: resource},
	}}
	Expect(w.api.Create(context.Background(), review)).To(Succeed())
	return review.Status.Allowed
}
