// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// ManagerNamespace is the namespace of the manager and the portal in config/rbac.
const ManagerNamespace = "usher-system"

// Names of the manager's and the portal's users, in ManagerNamespace.
const (
	ManagerUser = "system:serviceaccount:" + ManagerNamespace + ":usher"
	PortalUser  = "system:serviceaccount:" + ManagerNamespace + ":usher-portal"
)

// AddManager creates ManagerNamespace, installs config/rbac and config/guard, and returns the manager's user, with the rights that the
// manager has in a cluster and no others. No controller runs here that would aggregate ClusterRoles.
func (s *Server) AddManager(ctx context.Context) (*User, error) {
	root, err := ModuleRoot()
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"create", "namespace", ManagerNamespace},
		{"apply", "--server-side", "--kustomize", filepath.Join(root, "config", "rbac")},
		{"apply", "--server-side", "--kustomize", filepath.Join(root, "config", "guard")},
	} {
		command := exec.CommandContext(ctx, s.Program("kubectl"), append([]string{"--kubeconfig", s.KubeconfigPath()}, args...)...)
		if out, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("install the manager's rights: %w: %s", err, out)
		}
	}
	return s.AddUser(ManagerUser)
}

// GrantOwnEverywhere gives the manager's and the portal's users in every namespace what they have in ManagerNamespace: for tests that run
// many of them, each with its Secrets and Leases in a namespace of its own.
func (s *Server) GrantOwnEverywhere(ctx context.Context) error {
	clients, err := kubernetes.NewForConfig(s.admin.config)
	if err != nil {
		return err
	}
	for name, user := range map[string]string{"usher-own": ManagerUser, "usher-portal-own": PortalUser} {
		role, err := clients.RbacV1().Roles(ManagerNamespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("read Role %s: %w", name, err)
		}
		if err := grantEverywhere(ctx, clients, name, user, role.Rules); err != nil {
			return err
		}
	}
	return nil
}

// GrantManager gives the manager's user rights in all namespaces, by a ClusterRole of that name.
func (s *Server) GrantManager(ctx context.Context, name string, rules ...rbacv1.PolicyRule) error {
	clients, err := kubernetes.NewForConfig(s.admin.config)
	if err != nil {
		return err
	}
	return grantEverywhere(ctx, clients, name, ManagerUser, rules)
}

// AddNamespacedManager returns the user of another manager, in a namespace of its own, with the rights that config/namespaced and
// config/tenant give it in the watched namespaces. AddManager has to be called before.
func (s *Server) AddNamespacedManager(ctx context.Context, own string, watched ...string) (*User, error) {
	clients, err := kubernetes.NewForConfig(s.admin.config)
	if err != nil {
		return nil, err
	}
	name := "system:serviceaccount:" + own + ":usher"
	if err := grantOwn(ctx, clients, own, "usher-own", name); err != nil {
		return nil, err
	}
	for _, role := range []string{"usher-cluster", "usher-metrics-auth"} {
		if err := bindCluster(ctx, clients, role+"-"+own, role, name); err != nil {
			return nil, err
		}
	}
	for _, namespace := range watched {
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "usher"}, Subjects: subjectsOf(name),
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "usher"},
		}
		if _, err := clients.RbacV1().RoleBindings(namespace).Create(ctx, binding, metav1.CreateOptions{}); err != nil {
			return nil, fmt.Errorf("bind ClusterRole usher in %s: %w", namespace, err)
		}
	}
	return s.AddUser(name)
}

// grantOwn copies a Role from ManagerNamespace and binds it to a user.
func grantOwn(ctx context.Context, clients kubernetes.Interface, namespace, name, user string) error {
	role, err := clients.RbacV1().Roles(ManagerNamespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read Role %s: %w", name, err)
	}
	own := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: role.Rules}
	if _, err := clients.RbacV1().Roles(namespace).Create(ctx, own, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create Role %s: %w", name, err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects: subjectsOf(user),
	}
	if _, err := clients.RbacV1().RoleBindings(namespace).Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("bind Role %s: %w", name, err)
	}
	return nil
}

func grantEverywhere(ctx context.Context, clients kubernetes.Interface, name, user string, rules []rbacv1.PolicyRule) error {
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
	if _, err := clients.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create ClusterRole %s: %w", name, err)
	}
	return bindCluster(ctx, clients, name, name, user)
}

func bindCluster(ctx context.Context, clients kubernetes.Interface, name, role, user string) error {
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjectsOf(user),
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
	if _, err := clients.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("bind ClusterRole %s: %w", role, err)
	}
	return nil
}

func subjectsOf(user string) []rbacv1.Subject {
	return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}
}

// AddPortal returns the portal's user, with the rights that AddManager has installed.
func (s *Server) AddPortal() (*User, error) { return s.AddUser(PortalUser) }
