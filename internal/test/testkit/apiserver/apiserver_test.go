// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

var server *Server

func TestMain(m *testing.M) {
	if os.Getenv(leashChild) != "" {
		holdLeash()
		return
	}
	Main(m, Options{Audit: true}, &server)
}

func clientsFor(g Gomega, config *rest.Config) kubernetes.Interface {
	clients, err := kubernetes.NewForConfig(config)
	g.Expect(err).NotTo(HaveOccurred())
	return clients
}

func TestServerHasUshersKinds(t *testing.T) {
	g := NewWithT(t)
	resources, err := clientsFor(g, server.Config()).Discovery().ServerResourcesForGroupVersion("usher.dev/v1alpha1")
	g.Expect(err).NotTo(HaveOccurred())
	var kinds []string
	for _, resource := range resources.APIResources {
		kinds = append(kinds, resource.Name)
	}
	g.Expect(kinds).To(ContainElements("accounts", "seatpools", "seatpools/scale", "members", "members/status", "invitations"))
}

func TestKubeconfigIsTheAdministrators(t *testing.T) {
	g := NewWithT(t)
	onDisk, err := os.ReadFile(server.KubeconfigPath())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(onDisk).To(Equal(server.Kubeconfig()))
	info, err := os.Stat(server.KubeconfigPath())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode().Perm()).To(Equal(fs.FileMode(0o600)))

	config, err := clientcmd.RESTConfigFromKubeConfig(onDisk)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = clientsFor(g, config).CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
}

func TestConfigIsACopy(t *testing.T) {
	g := NewWithT(t)
	server.Config().UserAgent = "spoilt"
	g.Expect(server.Config().UserAgent).To(BeEmpty())
	g.Expect(server.Config().QPS).To(BeNumerically("<", 0), "no client-side rate limit")
}

func TestUserMayWhatRBACGives(t *testing.T) {
	g := NewWithT(t)
	namespace, err := server.Namespace(t.Context(), "users")
	g.Expect(err).NotTo(HaveOccurred())
	user, err := server.AddUser("grace", "accountants")
	g.Expect(err).NotTo(HaveOccurred())
	list := func() error {
		_, err := clientsFor(g, user.Config()).CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{})
		return err
	}
	g.Expect(apierrors.IsForbidden(list())).To(BeTrue(), "the user has no bindings yet")

	admin := clientsFor(g, server.Config()).RbacV1()
	_, err = admin.Roles(namespace).Create(t.Context(), &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list"}}},
	}, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = admin.RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "accountants"}},
	}, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(list).WithTimeout(10 * time.Second).Should(Succeed())

	config, err := clientcmd.RESTConfigFromKubeConfig(user.Kubeconfig())
	g.Expect(err).NotTo(HaveOccurred())
	_, err = clientsFor(g, config).CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred(), "the kubeconfig is for the same user")
}

func TestNamespacesDiffer(t *testing.T) {
	g := NewWithT(t)
	first, err := server.Namespace(t.Context(), "twice")
	g.Expect(err).NotTo(HaveOccurred())
	second, err := server.Namespace(t.Context(), "twice")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(first).To(HavePrefix("twice-"))
	g.Expect(second).NotTo(Equal(first))
}

func TestSecondServerInAFolderStopsAndStartsAgain(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	for range 2 {
		s, err := Start(t.Context(), Options{Dir: dir})
		g.Expect(err).NotTo(HaveOccurred())
		clients := clientsFor(g, s.Config())
		_, err = clients.CoreV1().ConfigMaps("default").Create(t.Context(),
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "left"}}, metav1.CreateOptions{})
		g.Expect(err).NotTo(HaveOccurred(), "nothing is left of the previous server")
		g.Expect(s.Audit()).To(BeNil(), "auditing is off")

		g.Expect(s.Stop()).To(Succeed())
		g.Expect(s.Stop()).To(Succeed())
		_, err = clients.Discovery().ServerVersion()
		g.Expect(err).To(HaveOccurred(), "it is stopped")
		g.Expect(filepath.Join(dir, "kube-apiserver.log")).To(BeARegularFile(), "a named folder is kept")
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := Start(ctx, Options{})
	g.Expect(err).To(MatchError(context.DeadlineExceeded))
	g.Expect(time.Since(begin)).To(BeNumerically("<", 10*time.Second))
	g.Expect(os.ReadDir(os.Getenv("TMPDIR"))).To(BeEmpty(), "nothing is left")
}

func TestFailedStartSaysWhy(t *testing.T) {
	g := NewWithT(t)
	broken := t.TempDir()
	for _, name := range programs {
		script := "#!/bin/sh\n[ \"$1\" = --help ] && exit 0\necho the disk of " + name + " is full >&2\nexit 1\n"
		g.Expect(os.WriteFile(filepath.Join(broken, name), []byte(script), 0o755)).To(Succeed())
	}
	t.Setenv("KUBEBUILDER_ASSETS", broken)
	_, err := Start(t.Context(), Options{})
	g.Expect(err).To(MatchError(ContainSubstring("etcd.log:\n  the disk of etcd is full")))

	g.Expect(os.Remove(filepath.Join(broken, "etcd"))).To(Succeed())
	g.Expect(os.Symlink(server.Program("etcd"), filepath.Join(broken, "etcd"))).To(Succeed())
	_, err = Start(t.Context(), Options{})
	g.Expect(err).To(MatchError(ContainSubstring("kube-apiserver.log:\n  the disk of kube-apiserver is full")))
}

func TestMissingCRDsAreAnError(t *testing.T) {
	_, err := Start(t.Context(), Options{CRDs: []string{filepath.Join(t.TempDir(), "nowhere")}})
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("nowhere")))
}
