// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/usher-dev/usher/internal/testkit"
	"github.com/usher-dev/usher/internal/testkit/apiserver"
)

// leaseDuration is controller-runtime's default; after it another may lead.
const leaseDuration = 15 * time.Second

// buildManager makes the program that is shipped, once, in the server's folder.
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

// A process that leads is killed, and another has invited somebody new before LeaseDuration + 5 s have passed.
func TestFailover(t *testing.T) {
	t.Parallel()
	manager, err := buildManager()
	if err != nil {
		t.Fatal(err)
	}
	h := begin(t, "failover: SIGKILL of the leading process")
	jobs := make([]int, scaled(1, 5))
	each(jobs, func(int) { h.run("SIGKILL", func(w *world) { w.failover(manager, true) }) })
}

// Without a second process nobody takes over.
func TestFailoverNoticesThatNobodyIsThere(t *testing.T) {
	t.Parallel()
	manager, err := buildManager()
	if err != nil {
		t.Fatal(err)
	}
	h := mutant(t, "another leads and invites: not within")
	h.run("alone", func(w *world) { w.failover(manager, false) })
}

func (w *world) failover(manager string, standby bool) {
	launch := func() *exec.Cmd {
		var log bytes.Buffer
		cmd := exec.CommandContext(w.ctx, manager, "--kubeconfig", server.KubeconfigPath(), "--namespace", w.namespace,
			"--watch-namespaces", w.namespace, "--smtp-secret", smtpSecret, "--token-secret", tokenSecret, "--portal-url", portalURL,
			"--portal-bind-address", "0", "--metrics-bind-address", "0", "--health-probe-bind-address", "0")
		cmd.Stdout, cmd.Stderr = &log, &log
		w.must(cmd.Start(), "start a manager")
		return cmd
	}
	end := func(cmd *exec.Cmd) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	leader := launch()
	defer end(leader)
	story[0].do(w)
	w.create(testkit.Member("ada").Build())
	w.until("the leader invites", func() string { return w.invited("ada") })
	if standby {
		other := launch()
		defer end(other)
		time.Sleep(3 * time.Second) // the other one has to know the lease before it can see it age
	}
	holder := w.leader()
	end(leader)
	w.injected.Add(1)
	w.create(testkit.Member("bob").Build())
	w.within(leaseDuration+5*time.Second, "another leads and invites", func() string { return w.invited("bob") })
	if w.leader() == holder {
		w.fail("the lease is still the dead leader's")
	}
	if n := len(w.sink.Mails()); n != 2 {
		w.fail("%d mails to two people", n)
	}
}

func (w *world) leader() string {
	lease := read(w, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "usher.dev"}})
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
