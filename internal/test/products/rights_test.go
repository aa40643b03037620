// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// streams is why a kind is not listed here: the list is part of a watch.
const streams = "used where the API server does not stream lists (Kubernetes before 1.34)"

// elsewhere are the rights that no request of the lines uses, and what needs them.
var elsewhere = map[string]string{
	"usher: escalate roles.rbac.authorization.k8s.io":      "asked by the API server when a Role is written",
	"usher: bind roles.rbac.authorization.k8s.io":          "asked by the API server when a RoleBinding is written",
	"usher: bind clusterroles.rbac.authorization.k8s.io":   "asked by the API server when a RoleBinding is written",
	"usher: patch events.events.k8s.io":                    "used by client-go where an Event repeats on one version of an object",
	"usher: update accounts/finalizers.usher.dev":          "asked by the admission plugin OwnerReferencesPermissionEnforcement, which is on here",
	"usher: update members/finalizers.usher.dev":           "asked by the admission plugin OwnerReferencesPermissionEnforcement, which is on here",
	"usher-cluster: use identities.guard.usher.dev":        "asked by the policies in config/guard",
	"usher-portal-cluster: use identities.guard.usher.dev": "asked by the policies in config/guard",
	"usher-own: create tokenkeys.guard.usher.dev":          "asked by the policies in config/guard",
	"usher-cluster: list plans.usher.dev":                  streams,
	"usher-portal: list members.usher.dev":                 streams,
	"usher: list accounts.usher.dev":                       streams,
	"usher: list invitations.usher.dev":                    streams,
	"usher: list roles.rbac.authorization.k8s.io":          streams,
	"usher-portal: delete secrets":                         "used where an acceptance came too late (internal/portal)",
	"usher-own: list leases.coordination.k8s.io":           "used by replicas that share the namespaces (internal/app)",
	"usher-own: delete leases.coordination.k8s.io":         "used by replicas that share the namespaces (internal/app)",
}

// TestTheRestOfTheRoad does what no line of docs/products.md does, so that every right is used.
func TestTheRestOfTheRoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sage-starter")
	w.declare("ben")
	w.are(beInvited, "ben")
	shown := w.visit(w.link("ben"), url.Values{"action": {"decline"}})
	w.Expect(shown.Status).To(Equal(http.StatusOK), shown.Body)
	w.are(be(usherv1.ObservedPending, usherv1.ReasonInvitationDeclined), "ben")

	w.declare("abe")
	w.are(beInvited, "abe")
	invitation := w.invitation("abe")
	invitation.OwnerReferences[0].UID = "of-before-a-restore"
	w.Expect(site.api.Update(w.ctx, invitation)).To(Succeed())
	w.Eventually(func() types.UID { return w.invitation("abe").OwnerReferences[0].UID }).Should(Equal(w.member("abe").UID))

	w.declare("cara", immediate)
	w.are(beImported, "cara")
	role := w.roleWithRights()
	w.kubectl("patch", "role", role.Name, "--type=merge", "--patch", `{"rules":[]}`)
	w.Eventually(func() []rbacv1.PolicyRule { return read(w, role.DeepCopy()).Rules }).Should(Equal(role.Rules))

	w.Expect(site.api.Create(w.ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "wording"}, Data: map[string]string{"en-GB.subject": "Join us"},
	})).To(Succeed())
	w.Expect(site.api.Create(w.ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "smtp"}, Data: site.sink.Secret("Acme <no-reply@acme.example>"),
	})).To(Succeed())
	w.patch("account", w.account, `{"mail":{"secretRef":{"name":"smtp"},"templatesRef":{"name":"wording"}}}`)
	w.declare("dora")
	w.are(beInvited, "dora")
}

// roleWithRights waits for a Role that Usher made for the account, and returns it.
func (w *world) roleWithRights() *rbacv1.Role {
	w.t.Helper()
	var roles rbacv1.RoleList
	w.Eventually(func() []rbacv1.Role {
		w.Expect(site.api.List(w.ctx, &roles, client.InNamespace(w.namespace), client.HasLabels{usherv1.AccountLabel})).To(Succeed())
		return roles.Items
	}).ShouldNot(BeEmpty())
	return &roles.Items[0]
}

// right is a verb on a resource, as a rule grants it or a request uses it.
type right struct{ role, verb, resource string }

// String is, for example, "usher: get members.usher.dev".
func (r right) String() string { return r.role + ": " + r.verb + " " + r.resource }

// reportRights checks, after all lines, that the rights in config/rbac are those that were used: every request of the manager and of the
// portal was allowed, and every verb on every resource of their rules was used. It returns an exit code.
func reportRights() int {
	if flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.skip").Value.String() != "" {
		fmt.Println("rights: not compared with what was used, because only some tests ran")
		return 0
	}
	wrong, err := checkRights(context.Background())
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	for _, line := range wrong {
		fmt.Fprintln(os.Stderr, "rights:", line)
	}
	return min(len(wrong), 1)
}

func checkRights(ctx context.Context) (wrong []string, err error) {
	granted := map[string][]right{}
	for user, roles := range map[string][]string{
		apiserver.ManagerUser: {"usher", "usher-cluster"}, apiserver.PortalUser: {"usher-portal", "usher-portal-cluster"},
	} {
		for _, name := range roles {
			var role rbacv1.ClusterRole
			if err := site.api.Get(ctx, client.ObjectKey{Name: name}, &role); err != nil {
				return nil, err
			}
			granted[user] = append(granted[user], rightsOf(name, role.Rules)...)
		}
	}
	for user, name := range map[string]string{apiserver.ManagerUser: "usher-own", apiserver.PortalUser: "usher-portal-own"} {
		var role rbacv1.Role
		if err := site.api.Get(ctx, client.ObjectKey{Namespace: apiserver.ManagerNamespace, Name: name}, &role); err != nil {
			return nil, err
		}
		granted[user] = append(granted[user], rightsOf(name, role.Rules)...)
	}
	requests, err := server.Audit().Requests(0)
	if err != nil {
		return nil, err
	}
	used := map[string]map[right]bool{apiserver.ManagerUser: {}, apiserver.PortalUser: {}}
	for _, request := range requests {
		by := used[request.User]
		if by == nil {
			continue
		}
		if request.Code == 403 {
			wrong = append(wrong, "refused: "+request.String())
		}
		by[right{verb: request.Verb, resource: resourceOf(request.Group, request.Resource, request.Subresource)}] = true
	}
	for user, rights := range granted {
		for _, r := range rights {
			is := used[user][right{verb: r.verb, resource: r.resource}]
			_, excepted := elsewhere[r.String()]
			switch {
			case !is && !excepted:
				wrong = append(wrong, "granted and not used: "+r.String())
			case is && excepted:
				wrong = append(wrong, "used here, so that it needs no exception: "+r.String())
			}
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong), nil
}

func rightsOf(role string, rules []rbacv1.PolicyRule) (rights []right) {
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					name, subresource, _ := strings.Cut(resource, "/")
					rights = append(rights, right{role, verb, resourceOf(group, name, subresource)})
				}
			}
		}
	}
	return rights
}

// resourceOf returns, for example, members/status.usher.dev.
func resourceOf(group, resource, subresource string) string {
	if subresource != "" {
		resource += "/" + subresource
	}
	return strings.TrimSuffix(resource+"."+group, ".")
}
