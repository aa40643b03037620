// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// The metrics of a manager, and of an API server, that are read.
const (
	cpuSeconds    = "process_cpu_seconds_total"
	residentBytes = "process_resident_memory_bytes"
	heapBytes     = "go_memstats_heap_alloc_bytes"
	liveBytes     = "go_gc_heap_live_bytes"
	collections   = "go_gc_cycles_total_gc_cycles_total"
	queueDepth    = "workqueue_depth"
	activeWorkers = "controller_runtime_active_workers"
	reconciled    = "controller_runtime_reconcile_total"
)

// manager is a running process of the program that ships.
type manager struct {
	process        *exec.Cmd
	exited         chan struct{}
	health, scrape string
	// portal is the base URL of its pages, and pprof of its profiles.
	portal, pprof string
	logPath       string
}

// portalURL is the base of the links in mails. The bench itself accepts, and opens the pages at the portal's own address.
const portalURL = "https://invite.acme.example"

// launch starts a manager and does not wait until it is ready.
func (s *stage) launch(ctx context.Context, flags ...string) (*manager, error) {
	addresses, err := freeAddresses(ctx, 4)
	if err != nil {
		return nil, err
	}
	s.managers++
	m := &manager{
		exited: make(chan struct{}), health: "http://" + addresses[0] + "/readyz", scrape: "http://" + addresses[1] + "/metrics",
		pprof: "http://" + addresses[2], portal: "http://" + addresses[3],
		logPath: filepath.Join(s.server.Dir(), fmt.Sprintf("manager-%d.log", s.managers)),
	}
	log, err := os.Create(m.logPath)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// stop ends the process, not ctx, so that it can be measured until the end.
	m.process = exec.CommandContext(context.WithoutCancel(ctx), s.Manager, append([]string{
		"--kubeconfig=" + s.kubeconfig, "--namespace=" + apiserver.ManagerNamespace, "--smtp-secret=" + smtpSecret,
		"--token-secret=" + tokenSecret, "--portal-url=" + portalURL, "--portal-bind-address=" + addresses[3],
		"--smtp-allow=127.0.0.0/8:*", "--mail-quota=0", "--trusted-proxies=127.0.0.1", "--pprof-bind-address=" + addresses[2],
		"--health-probe-bind-address=" + addresses[0], "--metrics-bind-address=" + addresses[1], "--metrics-secure=false",
	}, flags...)...)
	m.process.Stdout, m.process.Stderr = log, log
	// A process group of its own, so that Ctrl-C does not reach it directly, but through stop.
	m.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.process.Start(); err != nil {
		return nil, fmt.Errorf("start the manager: %w", err)
	}
	go func() {
		_ = m.process.Wait()
		close(m.exited)
	}()
	return m, nil
}

// start starts a manager and returns once it is ready, with how long that took.
func (s *stage) start(ctx context.Context, flags ...string) (*manager, time.Duration, error) {
	began := time.Now()
	m, err := s.launch(ctx, flags...)
	if err != nil {
		return nil, 0, err
	}
	err = reach(ctx, "a manager is ready", 1, func() (int, error) {
		select {
		case <-m.exited:
			return 0, fmt.Errorf("it has exited: %s", m.lastWords())
		default:
		}
		if _, err := get(ctx, m.health); err != nil {
			return 0, nil //nolint:nilerr // it is not ready yet
		}
		return 1, nil
	})
	if err != nil {
		return nil, 0, errors.Join(err, m.stop())
	}
	return m, time.Since(began), nil
}

// stop stops the manager as a cluster does, and waits until it has ended.
func (m *manager) stop() error {
	_ = m.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.exited:
		return nil
	case <-time.After(patience):
		_ = m.process.Process.Kill()
		<-m.exited
		return fmt.Errorf("the manager did not stop within %s", patience)
	}
}

// lastWords returns the end of the manager's log.
func (m *manager) lastWords() string {
	const most = 2000
	content, err := os.ReadFile(m.logPath)
	if err != nil {
		return err.Error()
	}
	return string(content[max(0, len(content)-most):])
}

func (m *manager) metrics(ctx context.Context, names ...string) ([]sample, error) {
	text, err := get(ctx, m.scrape)
	if err != nil {
		err = fmt.Errorf("read the manager's metrics: %w", err)
		select {
		case <-m.exited:
			err = fmt.Errorf("%w; it has exited: %s", err, m.lastWords())
		default:
		}
		return nil, err
	}
	return parseMetrics(text, names...)
}

// restful is how often in a row a manager that is at rest has nothing to do, and restInterval how often it is looked at: together longer
// than the manager batches bursts.
const (
	restful      = 8
	restInterval = 100 * time.Millisecond
)

// rest waits until the manager has nothing to do. What waits for a moment, such as the end of a lease, does not count.
func (m *manager) rest(ctx context.Context) error {
	quiet := 0
	ticks := time.NewTicker(restInterval)
	defer ticks.Stop()
	for quiet < restful {
		samples, err := m.metrics(ctx, queueDepth, activeWorkers)
		if err != nil {
			return err
		}
		if quiet++; sum(samples, queueDepth)+sum(samples, activeWorkers) > 0 {
			quiet = 0
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
		}
	}
	return nil
}

// liveHeap returns the bytes that a collection left which began at rest. Each look at the metrics leaves garbage, so that a collection
// comes soon.
func (m *manager) liveHeap(ctx context.Context) (int64, error) {
	const most = 20000
	first := -1.0
	for range most {
		samples, err := m.metrics(ctx, liveBytes, collections)
		if err != nil {
			return 0, err
		}
		done := sum(samples, collections)
		if first < 0 {
			first = done
		}
		if done >= first+2 { // the first may have begun before
			return int64(sum(samples, liveBytes)), nil
		}
	}
	return 0, fmt.Errorf("the manager has not collected its garbage after %d looks at its metrics", most)
}

// get returns the body of an answer with status 200.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, response.Status, bytes.TrimSpace(body))
	}
	return body, err
}

// freeAddresses returns n different free local addresses.
func freeAddresses(ctx context.Context, n int) ([]string, error) {
	addresses := make([]string, 0, n)
	for range n {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close() // at the end, so that no port is returned twice
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}
