// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package samples_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"

	"github.com/usher-dev/usher/internal/channel/factory"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// Namespaces of the samples, and of Usher.
const (
	acme            = "acme"
	systemNamespace = "usher-system"
)

// root of the repository.
func root(t *testing.T) string {
	t.Helper()
	root, err := apiserver.ModuleRoot()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return root
}

// run runs kubectl in the root of the repository.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	assets, err := apiserver.Assets()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	command := exec.CommandContext(t.Context(), filepath.Join(assets, "kubectl"), args...)
	command.Dir = root(t)
	output, err := command.CombinedOutput()
	return string(output), err
}

// cluster is a control plane of its own, with nothing but the CRDs and the operator's SMTP Secret.
type cluster struct {
	*WithT
	t       *testing.T
	server  *apiserver.Server
	clients *kubernetes.Clientset
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{WithT: NewWithT(t), t: t}
	var err error
	c.server, err = apiserver.Start(t.Context(), apiserver.Options{})
	c.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { c.Expect(c.server.Stop()).To(Succeed()) })
	c.clients, err = kubernetes.NewForConfig(c.server.Config())
	c.Expect(err).NotTo(HaveOccurred())
	_, err = c.clients.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: systemNamespace}}, metav1.CreateOptions{})
	c.Expect(err).NotTo(HaveOccurred())
	_, err = c.clients.CoreV1().Secrets(systemNamespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "usher-smtp"}, StringData: map[string]string{"host": "mail.acme.example", "from": "no-reply@acme.example"},
	}, metav1.CreateOptions{})
	c.Expect(err).NotTo(HaveOccurred())
	return c
}

// kubectl runs a command, and returns what it prints. The command must succeed.
func (c *cluster) kubectl(args ...string) string {
	c.t.Helper()
	output, err := run(c.t, append([]string{"--kubeconfig", c.server.KubeconfigPath()}, args...)...)
	c.Expect(err).NotTo(HaveOccurred(), "kubectl %s\n%s", strings.Join(args, " "), output)
	return output
}

// operators are the objects of Usher's own namespace, with their versions.
func (c *cluster) operators() map[string]string {
	c.t.Helper()
	secrets, err := c.clients.CoreV1().Secrets(systemNamespace).List(c.t.Context(), metav1.ListOptions{})
	c.Expect(err).NotTo(HaveOccurred())
	maps, err := c.clients.CoreV1().ConfigMaps(systemNamespace).List(c.t.Context(), metav1.ListOptions{})
	c.Expect(err).NotTo(HaveOccurred())
	found := map[string]string{}
	for _, s := range secrets.Items {
		found["secret/"+s.Name] = s.ResourceVersion
	}
	for _, m := range maps.Items {
		found["configmap/"+m.Name] = m.ResourceVersion
	}
	return found
}

// versions of the customer's objects.
func (c *cluster) versions() string {
	c.t.Helper()
	return c.kubectl("get", "accounts,seatpools,members,secrets,configmaps", "--namespace", acme,
		"--output", `jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion}{"\n"}{end}`)
}

// One command is enough on a fresh cluster. A second one changes nothing, and the operator's mail server stays what it is.
func TestTheSamplesApplyInOneCommand(t *testing.T) {
	ways := map[string][]string{
		"a folder":                    {"apply", "--filename", "config/samples"},
		"a kustomization":             {"apply", "--kustomize", "config/samples"},
		"a folder and those below it": {"apply", "--recursive", "--filename", "config/samples"},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			before := c.operators()
			first := c.kubectl(way...)
			c.Expect(first).To(And(ContainSubstring("member.usher.dev/emma created"), ContainSubstring("secret/acme-smtp created")))
			c.Expect(first).NotTo(MatchRegexp(`(?i)warning`))
			made := c.versions()
			for _, again := range [][]string{way, ways["a folder"], ways["a kustomization"]} {
				// A Secret with stringData is always "configured", and stays what it is.
				c.Expect(strings.ReplaceAll(c.kubectl(again...), "secret/acme-smtp configured", "")).NotTo(MatchRegexp(`created|configured`))
			}
			c.Expect(c.versions()).To(Equal(made))
			c.kubectl(append(way, "--server-side", "--force-conflicts")...)
			c.Expect(c.operators()).To(Equal(before))
			c.Expect(c.kubectl("get", "accounts,seatpools,members,secrets,configmaps", "--namespace", acme, "--output", "name")).To(And(
				ContainSubstring("account.usher.dev/acme\n"), ContainSubstring("seatpool.usher.dev/acme-base\n"), ContainSubstring("secret/acme-smtp\n"),
				ContainSubstring("configmap/acme-mails\n"), WithTransform(func(s string) int { return strings.Count(s, "member.usher.dev/") }, Equal(5)),
			))
		})
	}
}

// Each plan applies by itself as its first lines say, twice.
func TestEveryPlanOfTheSamplesApplies(t *testing.T) {
	c := newCluster(t)
	before := c.operators()
	c.kubectl("create", "namespace", acme)
	plans, err := filepath.Glob(filepath.Join(root(t), "config/samples/plans/*.yaml"))
	c.Expect(err).NotTo(HaveOccurred())
	c.Expect(len(plans)).To(BeNumerically(">=", 9))
	for _, plan := range plans {
		content, err := os.ReadFile(plan)
		c.Expect(err).NotTo(HaveOccurred())
		said := regexp.MustCompile(`(?m)^# +kubectl (apply .*)$`).FindSubmatch(content)
		c.Expect(said).NotTo(BeNil(), plan)
		way := strings.Fields(string(said[1]))
		c.Expect(c.kubectl(way...)).To(ContainSubstring("created"))
		c.Expect(c.kubectl(way...)).NotTo(MatchRegexp(`created|configured`), plan)
	}
	c.Expect(c.operators()).To(Equal(before))
}

// Both ways have the same objects, and all are the customer's own.
func TestTheSamplesAreTheCustomersOwn(t *testing.T) {
	g := NewWithT(t)
	files, err := filepath.Glob(filepath.Join(root(t), "config/samples/*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	found := map[string]bool{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		for _, object := range decoded(t, string(content)) {
			found[identity(object)] = true
			if object.GetKind() != "Namespace" {
				g.Expect(object.GetNamespace()).To(Equal(acme), identity(object))
			}
		}
	}
	built, err := run(t, "kustomize", "config/samples")
	g.Expect(err).NotTo(HaveOccurred(), built)
	for _, object := range decoded(t, built) {
		g.Expect(found).To(HaveKey(identity(object)))
		delete(found, identity(object))
	}
	g.Expect(found).To(BeEmpty(), "what only one of the ways applies")
}

// The Secret is well formed, but cannot be taken for one that works.
func TestTheSampleOfAMailServerIsAFormToFillIn(t *testing.T) {
	g := NewWithT(t)
	content, err := os.ReadFile(filepath.Join(root(t), "config/samples/smtp_secret.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	var secret corev1.Secret
	g.Expect(yaml.UnmarshalStrict(content, &secret)).To(Succeed())
	secret.Data = map[string][]byte{}
	for key, value := range secret.StringData {
		secret.Data[key] = []byte(value)
	}
	_, err = factory.Parse(secret.Data, false)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(secret.StringData["host"]).To(HaveSuffix(".invalid"), "RFC 2606: no such host can exist")
	g.Expect(secret.StringData["password"]).To(Equal("fill-in"))
}

// decoded returns the objects of a YAML stream.
func decoded(t *testing.T, stream string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(stream)), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		NewWithT(t).Expect(err).NotTo(HaveOccurred(), stream)
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

func identity(object *unstructured.Unstructured) string {
	return object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}
