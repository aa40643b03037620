// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// transcript collects the output of a program.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.text.Bytes())
}

// startProgram builds the manager that ships and runs it with the most verbose log.
func startProgram(ctx SpecContext, flags ...string) (*exec.Cmd, *transcript) {
	GinkgoHelper()
	root, err := apiserver.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	program := filepath.Join(GinkgoT().TempDir(), "manager")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/manager")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))

	said := &transcript{}
	manager := exec.Command(program, append(flags, "--zap-log-level=10", "--leader-elect=false")...)
	manager.Stdout, manager.Stderr = said, said
	Expect(manager.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = manager.Process.Kill()
		_ = manager.Wait() // it was killed
	})
	return manager, said
}

// onDisk returns everything that etcd has written, including what has been overwritten since.
func onDisk() []byte {
	GinkgoHelper()
	var all bytes.Buffer
	Expect(filepath.WalkDir(filepath.Join(server.Dir(), "etcd"), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(file)
		all.Write(content)
		return err
	})).To(Succeed())
	return all.Bytes()
}

// A token and a password pass through the manager that ships, from the mail to the profile, and must not remain anywhere. A name
// that is meant to be stored, and words that each place contains, show that the search works.
var _ = Describe("the token and the password", func() {
	It("are not stored or logged anywhere", func(ctx SpecContext) {
		api, namespace := testkit.Client(server.Config()), testkit.Namespace(ctx, server)
		o := options(namespace)
		o.MetricsBindAddress = address()
		sink := newAccount(api, namespace)
		manager, said := startProgram(ctx, "--kubeconfig="+o.Kubeconfig, "--namespace="+namespace, "--watch-namespaces="+namespace,
			"--portal-url="+o.PortalURL, "--portal-bind-address="+o.PortalBindAddress, "--health-probe-bind-address="+o.HealthProbeBindAddress,
			"--metrics-secure=false", "--metrics-bind-address="+o.MetricsBindAddress)

		Expect(api.Create(ctx, testkit.Member("ada").In(namespace).Role("admin").Build())).To(Succeed())
		mail, err := sink.AwaitMailTo(ctx, "ada@acme.example")
		Expect(err).NotTo(HaveOccurred(), string(said.Bytes()))
		token := path.Base(mail.Link())
		Expect(len(token)).To(BeNumerically(">", 40))
		page, err := http.Get(mail.Link())
		Expect(err).NotTo(HaveOccurred())
		page.Body.Close()
		Expect(page.Header.Get("Referrer-Policy")).To(Equal("no-referrer"))
		Expect(post(mail.Link() + "x")).To(Equal(http.StatusNotFound))
		Expect(post(mail.Link())).To(Equal(http.StatusSeeOther))
		member := memberOf(api, namespace)
		Eventually(member).Should(testkit.HaveCondition(usherv1.ConditionActive, metav1.ConditionTrue))
		changeProfile(o.PortalURL, namespace)
		Eventually(member).Should(HaveField("Status.DisplayName", "Augusta King"))

		metrics, err := http.Get("http://" + o.MetricsBindAddress + "/metrics")
		Expect(err).NotTo(HaveOccurred())
		measured, err := io.ReadAll(metrics.Body)
		metrics.Body.Close()
		Expect(err).NotTo(HaveOccurred())
		var events eventsv1.EventList
		Eventually(func() ([]eventsv1.Event, error) {
			err := api.List(ctx, &events, client.InNamespace(namespace))
			return events.Items, err
		}).ShouldNot(BeEmpty())
		announced, err := json.Marshal(events)
		Expect(err).NotTo(HaveOccurred())
		var secret corev1.Secret
		Expect(api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "usher-member-ada"}, &secret)).To(Succeed())
		places := map[string]struct {
			content []byte
			has     string
		}{
			"etcd":    {onDisk(), "Augusta"},
			"log":     {said.Bytes(), "Invitation answered"},
			"metrics": {measured, "controller_runtime_reconcile_total"},
			"events":  {announced, `"ada"`},
		}
		for _, file := range []string{"cmdline", "environ"} {
			content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", manager.Process.Pid, file))
			if os.IsNotExist(err) {
				GinkgoWriter.Println("not searched: a process's " + file + ", since this system has no /proc")
				continue
			}
			Expect(err).NotTo(HaveOccurred())
			places[file] = struct {
				content []byte
				has     string
			}{content, "="}
		}
		seen := func(where []byte, what string) bool {
			return bytes.Contains(where, []byte(what)) || bytes.Contains(where, []byte(base64.StdEncoding.EncodeToString([]byte(what))))
		}
		for name, place := range places {
			Expect(seen(place.content, place.has)).To(BeTrue(), name+" was not searched")
			Expect(seen(place.content, token)).To(BeFalse(), "the token in "+name)
			Expect(seen(place.content, "correct horse battery")).To(BeFalse(), "the password in "+name)
			if name == "etcd" { // stores these on purpose
				continue
			}
			for _, key := range []string{"password-hash", "api-token", "email"} {
				Expect(secret.Data).To(HaveKey(key))
				Expect(seen(place.content, string(secret.Data[key]))).To(BeFalse(), key+" in "+name)
			}
		}
		Expect(seen(places["etcd"].content, string(secret.Data["password-hash"]))).To(BeTrue())
		Expect(seen(said.Bytes(), `"level":"Level(-5)"`)).To(BeTrue(), "the log is less verbose than requested")
	}, SpecTimeout(5*time.Minute))
})
