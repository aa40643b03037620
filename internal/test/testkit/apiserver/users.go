// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// User is a user with a client certificate for the API server.
type User struct {
	config     *rest.Config
	kubeconfig []byte
}

// Config returns the user's client configuration, without client-side rate limits. Every call returns a copy.
func (u *User) Config() *rest.Config { return rest.CopyConfig(u.config) }

// Kubeconfig returns the content of a kubeconfig file for this user.
func (u *User) Kubeconfig() []byte { return u.kubeconfig }

// AddUser creates a user with the rights that RBAC grants to the name and the groups: none until there are bindings. For a service
// account, pass its user name, `system:serviceaccount:<namespace>:<name>`.
func (s *Server) AddUser(name string, groups ...string) (*User, error) {
	added, err := s.env.AddUser(envtest.User{Name: name, Groups: groups}, &rest.Config{QPS: -1})
	if err != nil {
		return nil, fmt.Errorf("add user %s: %w", name, err)
	}
	kubeconfig, err := added.KubeConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig of user %s: %w", name, err)
	}
	return &User{config: added.Config(), kubeconfig: kubeconfig}, nil
}

// Namespace creates a namespace and returns its name, which starts with prefix.
func (s *Server) Namespace(ctx context.Context, prefix string) (string, error) {
	clients, err := kubernetes.NewForConfig(s.admin.config)
	if err != nil {
		return "", err
	}
	ns, err := clients.CoreV1().Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-"}}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("create a namespace: %w", err)
	}
	return ns.Name, nil
}
