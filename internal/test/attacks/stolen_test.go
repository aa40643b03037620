// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package attacks_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

const refused = "refused"

// thief uses a stolen token in a tenant's namespace.
type thief struct {
	t *testing.T
	// api is reached with the token, admin as the cluster's administrator.
	api, admin client.Client
	namespace  string
}

func steal(t *testing.T, user *apiserver.User, from *apiserver.Server) *thief {
	t.Helper()
	th := &thief{t: t}
	var err error
	if th.api, err = client.New(user.Config(), client.Options{Scheme: testkit.Scheme()}); err != nil {
		t.Fatal(err)
	}
	if th.admin, err = client.New(from.Config(), client.Options{Scheme: testkit.Scheme()}); err != nil {
		t.Fatal(err)
	}
	if th.namespace, err = from.Namespace(t.Context(), "tenant"); err != nil {
		t.Fatal(err)
	}
	return th
}

// outcome says what became of a request.
func outcome(err error) string {
	switch {
	case err == nil:
		return "allowed"
	case apierrors.IsForbidden(err):
		return refused
	}
	return err.Error()
}

// given creates an object as the tenant.
func (th *thief) given(o client.Object) {
	th.t.Helper()
	o.SetNamespace(th.namespace)
	if err := th.admin.Create(th.t.Context(), o); err != nil {
		th.t.Fatal(err)
	}
}

func (th *thief) create(o client.Object) string {
	o.SetNamespace(th.namespace)
	return outcome(th.api.Create(th.t.Context(), o))
}

func secret(name string, kind corev1.SecretType, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Type: kind, StringData: data}
}

func serviceAccountToken() *corev1.Secret {
	s := secret("usher-member-token", corev1.SecretTypeServiceAccountToken, nil)
	s.Annotations = map[string]string{corev1.ServiceAccountNameKey: "default"}
	return s
}

func role(name string, rules ...rbacv1.PolicyRule) *rbacv1.Role {
	return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

func rule(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
}

func roleBinding(name, kind, role string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role}, Subjects: subjects,
	}
}

func person(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
}

func group(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: name}
}

// settled waits until the policies are in force for a user: the API server learns of them by a watch.
func settled(t *testing.T, th *thief) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		probe := secret("probe", corev1.SecretTypeBasicAuth, map[string]string{"username": "x", "password": "y"})
		probe.Namespace = th.namespace
		return apierrors.IsForbidden(th.api.Create(ctx, probe, client.DryRunAll)), nil
	})
	if err != nil {
		t.Fatal("the policies are not in force: ", err)
	}
}

// A thief of the manager's token cannot become anyone else in the cluster.
func TestTheManagersToken(t *testing.T) {
	attackAsManager(t, "the manager's token", steal(t, manager, server), "usher")
}

func attackAsManager(t *testing.T, by string, th *thief, own string) {
	settled(t, th)
	tries := map[string]func() string{
		"makes a Secret that gets a service account's token": func() string { return th.create(serviceAccountToken()) },
		"writes a Secret of another type": func() string {
			return th.create(secret("usher-member-ssh", corev1.SecretTypeSSHAuth, map[string]string{corev1.SSHAuthPrivateKey: "x"}))
		},
		"writes an Opaque Secret": func() string { return th.create(secret("usher-member-opaque", corev1.SecretTypeOpaque, nil)) },
		"changes a tenant's Secret": func() string {
			theirs := secret("theirs", corev1.SecretTypeOpaque, map[string]string{"key": "value"})
			th.given(theirs)
			theirs.Labels = map[string]string{"usher.dev/htpasswd": "true", "app.kubernetes.io/managed-by": "usher", "usher.dev/account": "acme"}
			theirs.Data = map[string][]byte{"auth": []byte("x")}
			return outcome(th.api.Update(t.Context(), theirs))
		},
		"deletes a tenant's Secret": func() string {
			theirs := secret("theirs-too", corev1.SecretTypeOpaque, nil)
			th.given(theirs)
			return outcome(th.api.Delete(t.Context(), theirs))
		},
		"writes a Role that reads Secrets": func() string {
			return th.create(role("usher-x", rule("", "secrets", "get")))
		},
		"writes a Role with the rights of a plan and more": func() string {
			return th.create(role("usher-y", rule("rights.usher.dev", "orders", "place"), rule("", "pods", "get")))
		},
		"changes a tenant's Role": func() string {
			theirs := role("theirs", rule("", "pods", "get"))
			th.given(theirs)
			theirs.Rules = []rbacv1.PolicyRule{rule("rights.usher.dev", "orders", "place")}
			return outcome(th.api.Update(t.Context(), theirs))
		},
		"deletes a tenant's RoleBinding": func() string {
			theirs := roleBinding("theirs", "ClusterRole", "view", person("tenant"))
			th.given(theirs)
			return outcome(th.api.Delete(t.Context(), theirs))
		},
		"binds cluster-admin": func() string {
			return th.create(roleBinding("usher-x-0", "ClusterRole", "cluster-admin", person("mallory")))
		},
		"binds the manager's own ClusterRole": func() string {
			return th.create(roleBinding("usher-y-0", "ClusterRole", own, person("mallory")))
		},
		"binds a tenant's Role": func() string {
			th.given(role("powerful", rule("", "secrets", "get")))
			return th.create(roleBinding("usher-z-0", "Role", "powerful", person("mallory")))
		},
		"gives rights to all who are signed in": func() string {
			return th.create(roleBinding("usher-v-0", "ClusterRole", "usher-account-admin", group("system:authenticated")))
		},
		"gives rights to a service account": func() string {
			return th.create(roleBinding("usher-w-0", "ClusterRole", "usher-account-admin",
				rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: th.namespace, Name: "default"}))
		},
		"makes a ClusterRoleBinding": func() string {
			return outcome(th.api.Create(t.Context(), &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: "mallory"}, Subjects: []rbacv1.Subject{person("mallory")},
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			}))
		},
		"starts a pod": func() string {
			return th.create(&corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "x", Image: "x"}}},
			})
		},
	}
	for attack, do := range tries {
		try(t, by, attack, refused, func(t *testing.T) string { th.t = t; return do() })
	}
}

// The policies hold for an installation in another namespace, with other names, also where there is no other installation.
func TestTheManagersTokenOfAnotherInstallation(t *testing.T) {
	root, err := apiserver.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "dist"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Kustomize accepts resources by a relative path only.
	folder, err := os.MkdirTemp(filepath.Join(root, "dist"), "attack-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	overlay := "namespace: elsewhere\nnamePrefix: acme-\nresources: [../../config/rbac, ../../config/guard]\ncomponents: [../../config/kustomize]\n"
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(overlay), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := apiserver.Start(t.Context(), apiserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Stop() })
	kubectl(t, other, "create", "namespace", "elsewhere")
	kubectl(t, other, "apply", "--server-side", "--kustomize", folder)
	user, err := other.AddUser("system:serviceaccount:elsewhere:acme-usher")
	if err != nil {
		t.Fatal(err)
	}
	attackAsManager(t, "the manager's token, with other names", steal(t, user, other), "acme-usher")
}

func kubectl(t *testing.T, server *apiserver.Server, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), server.Program("kubectl"), append([]string{"--kubeconfig", server.KubeconfigPath()}, args...)...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// An attacker who takes the portal over gets no further.
func TestThePortalsToken(t *testing.T) {
	by, th := "the portal's token", steal(t, portal, server)
	settled(t, th)
	account, member := testkit.Account("acme").Build(), testkit.Member("ada").Build()
	invitation := &usherv1.Invitation{
		ObjectMeta: metav1.ObjectMeta{Name: "ada"}, Spec: usherv1.InvitationSpec{MemberRef: usherv1.MemberReference{Name: "ada"}},
	}
	th.given(account)
	th.given(member)
	th.given(invitation)
	tries := map[string]func() string{
		"makes a Secret that gets a service account's token": func() string { return th.create(serviceAccountToken()) },
		"writes an Opaque Secret":                            func() string { return th.create(secret("usher-member-opaque", corev1.SecretTypeOpaque, nil)) },
		"changes an SMTP Secret": func() string {
			smtp := secret("acme-smtp", corev1.SecretTypeOpaque, map[string]string{"host": "mail.acme.example"})
			th.given(smtp)
			smtp.StringData = map[string]string{"host": "mail.evil.example"}
			return outcome(th.api.Update(t.Context(), smtp))
		},
		"deletes an SMTP Secret": func() string {
			smtp := secret("acme-smtp-too", corev1.SecretTypeOpaque, nil)
			th.given(smtp)
			return outcome(th.api.Delete(t.Context(), smtp))
		},
		"lists Secrets": func() string {
			return outcome(th.api.List(t.Context(), &corev1.SecretList{}, client.InNamespace(th.namespace)))
		},
		"makes a Member": func() string { return th.create(testkit.Member("mallory").Build()) },
		"makes a member an admin": func() string {
			return outcome(th.api.Patch(t.Context(), member.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"role":"admin"}}`))))
		},
		"has a member be Active": func() string {
			active := member.DeepCopy()
			active.Status.State = usherv1.ObservedActive
			return outcome(th.api.Status().Update(t.Context(), active))
		},
		"opens an invitation again": func() string {
			return outcome(th.api.Patch(t.Context(), invitation.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"state":"Open"}}`))))
		},
		"has an invitation be Accepted": func() string {
			accepted := invitation.DeepCopy()
			accepted.Status.State = usherv1.InvitationAccepted
			return outcome(th.api.Status().Update(t.Context(), accepted))
		},
		"changes more of an invitation while it declines": func() string {
			declined := invitation.DeepCopy()
			declined.Status.State, declined.Status.Attempts = usherv1.InvitationDeclined, 7
			return outcome(th.api.Status().Update(t.Context(), declined))
		},
		"buys seats":    func() string { return th.create(testkit.SeatPool("more").Build()) },
		"writes a Role": func() string { return th.create(role("usher-x", rule("rights.usher.dev", "orders", "place"))) },
		"binds a Role": func() string {
			return th.create(roleBinding("usher-x-0", "ClusterRole", "usher-account-admin", person("mallory")))
		},
		"reads the wording of mails": func() string {
			return outcome(th.api.Get(t.Context(), client.ObjectKey{Namespace: th.namespace, Name: "x"}, &corev1.ConfigMap{}))
		},
	}
	for attack, do := range tries {
		try(t, by, attack, refused, func(t *testing.T) string { th.t = t; return do() })
	}
	try(t, by, "declines an invitation", "allowed", func(t *testing.T) string {
		declined := invitation.DeepCopy()
		declined.Status.State = usherv1.InvitationDeclined
		return outcome(th.api.Status().Update(t.Context(), declined))
	})
}

// A namespace tenant turns Usher's own rights against others.
func TestATenant(t *testing.T) {
	by, th := "a tenant", steal(t, manager, server)
	try(t, by, "has all who are signed in get the access of an account, by supportGroup", refused, func(t *testing.T) string {
		account := testkit.Account("acme").In(th.namespace).Build()
		account.Spec.Access = &usherv1.AccountAccess{SupportGroup: "system:unauthenticated"}
		err := th.admin.Create(t.Context(), account)
		if err == nil || !strings.Contains(err.Error(), "must not begin with system:") {
			return fmt.Sprint(err)
		}
		return refused
	})
}
