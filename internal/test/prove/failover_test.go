// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// A lease lasts for 15 s, controller-runtime's default. After that, another replica may lead, and 5 s later it must have invited a new
// member. A busy machine may be slower: outside of the full runs, if this process had to wait for the processor for longer than starved, a
// twentieth of takeover, the limit is slowTakeover.
const (
	takeover     = 15*time.Second + 5*time.Second
	slowTakeover = 2 * takeover
	starved      = takeover / 20
)

// buildManager builds the program that ships, once, in the server's folder.
var buildManager = sync.OnceValues(func() (path string, err error) {
	root, err := apiserver.ModuleRoot()
	if err != nil {
		return "", err
	}
	path = filepath.Join(server.Dir(), "manager")
	build := exec.Command("go", "build", "-o", path, "./cmd/manager")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// If the leader is killed, another process has invited a new member within LeaseDuration + 5 s.
func TestFailover(t *testing.T) {
	t.Parallel()
	manager, err := buildManager()
	if err != nil {
		t.Fatal(err)
	}
	h := begin(t, "failover: SIGKILL of the leading process")
	jobs := make([]int, scaled(1, 5))
	eachOf(2, jobs, func(int) {
		h.run("SIGKILL", func(w *world) {
			took, given := w.failover(manager, true, scaled(slowTakeover, takeover))
			waited := max(0, took-given)
			t.Logf("another led and had invited a member after %s, for %s of which the machine was too busy", took.Round(100*time.Millisecond), waited)
			if took > takeover && waited <= starved {
				w.fail("another led and had invited a member after %s, on a machine that was not busy", took)
			}
		})
	})
}

// Without a second process, no other leader invites the member.
func TestFailoverNoticesAMissingStandby(t *testing.T) {
	t.Parallel()
	manager, err := buildManager()
	if err != nil {
		t.Fatal(err)
	}
	h := mutant(t, "another leads and invites: not within")
	h.run("alone", func(w *world) { w.failover(manager, false, takeover) })
}

// failover kills a leader. It returns how long it took until another had invited a member, and for how much of that time this process
// ran.
func (w *world) failover(manager string, standby bool, limit time.Duration) (took, given time.Duration) {
	launch := func(kubeconfig string) *exec.Cmd {
		cmd := exec.CommandContext(w.ctx, manager, "--kubeconfig", kubeconfig, "--namespace", w.namespace,
			"--watch-namespaces", w.namespace, "--smtp-secret", smtpSecret, "--token-secret", tokenSecret, "--portal-url", portalURL,
			"--portal-bind-address", "0", "--metrics-bind-address", "0", "--health-probe-bind-address", "0")
		w.must(cmd.Start(), "start a manager")
		return cmd
	}
	end := func(cmd *exec.Cmd) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	leader := launch(managerKubeconfig())
	defer end(leader)
	story[0].do(w)
	w.create(testkit.Member("ada").Build())
	w.until("the leader invites", func() string { return w.invited("ada") })
	if standby {
		// The standby has to read the lease before it can notice that it ages.
		kubeconfig, knowsLease := w.relay()
		other := launch(kubeconfig)
		defer end(other)
		w.until("the standby knows who leads", func() string {
			if !knowsLease.Load() {
				return "it has not read the lease"
			}
			return ""
		})
	}
	holder := w.leader()
	end(leader)
	w.injected.Add(1)
	began, before := time.Now(), testkit.Given()
	w.create(testkit.Member("bob").Build())
	w.within(limit, "another leads and invites", func() string { return w.invited("bob") })
	took, given = time.Since(began), testkit.Given()-before
	if w.leader() == holder {
		w.fail("the lease is still the dead leader's")
	}
	if n := len(w.sink.Mails()); n != 2 {
		w.fail("%d mails to two people", n)
	}
	return took, given
}

// relay is a connection to the API server that reports whether the lease was read over it.
func (w *world) relay() (kubeconfig string, knowsLease *atomic.Bool) {
	config := managerUser.Config()
	target, err := url.Parse(config.Host)
	w.must(err, "read the API server's address")
	transport, err := rest.TransportFor(config)
	w.must(err, "make a transport")
	knowsLease = &atomic.Bool{}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(answer *http.Response) error {
			if strings.HasSuffix(answer.Request.URL.Path, "/leases/"+leaseName) && answer.StatusCode == http.StatusOK {
				knowsLease.Store(true)
			}
			return nil
		},
	})
	context.AfterFunc(w.ctx, proxy.CloseClientConnections)
	kubeconfig = filepath.Join(server.Dir(), w.namespace+"-kubeconfig")
	w.must(clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"relay": {Server: proxy.URL}},
		Contexts:       map[string]*clientcmdapi.Context{"relay": {Cluster: "relay"}},
		CurrentContext: "relay",
	}, kubeconfig), "write a kubeconfig")
	return kubeconfig, knowsLease
}

const leaseName = "usher.dev"

func (w *world) leader() string {
	lease := read(w, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: leaseName}})
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
