// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// patience is how long anything may take before the demo gives up on it: on a busy machine, after a crash, with a lease to
// wait for.
const patience = 90 * time.Second

// managerProcess is the built manager, as a child.
type managerProcess struct {
	program, logPath string
	args             []string
	// healthURLs answer 200 once the manager and its portal are ready.
	healthURLs []string

	process *exec.Cmd
	exited  chan struct{}
	// stopping is set before the process is ended on purpose.
	stopping atomic.Bool
	// onExit is called when the process ends by itself.
	onExit func(error)
}

// start starts the manager and waits until it is ready.
func (m *managerProcess) start(ctx context.Context) error {
	log, err := os.OpenFile(m.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	// Not ended by ctx but by stop: gracefully, and before what it talks to.
	process := exec.CommandContext(context.WithoutCancel(ctx), m.program, m.args...)
	process.Stdout, process.Stderr = log, log
	// A group of its own, so that Ctrl-C reaches it through us and in order.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := process.Start(); err != nil {
		return fmt.Errorf("start the manager: %w", err)
	}
	exited := make(chan struct{})
	m.process, m.exited = process, exited
	m.stopping.Store(false)
	go func() {
		_ = process.Wait() // the state says it all
		if !m.stopping.Load() {
			m.onExit(fmt.Errorf("the manager ended by itself: %s", process.ProcessState))
		}
		close(exited)
	}()
	for _, url := range m.healthURLs {
		if err := await(ctx, "the manager to be ready", func(ctx context.Context) error { return probe(ctx, url) }); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the manager gracefully, or by force when it takes too long.
func (m *managerProcess) stop() error {
	if m.process == nil {
		return nil
	}
	m.stopping.Store(true)
	_ = m.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.exited:
		return nil
	case <-time.After(patience):
		m.kill()
		return fmt.Errorf("the manager did not stop within %s of SIGTERM", patience)
	}
}

// kill ends the manager without giving it a chance to do anything about it.
func (m *managerProcess) kill() {
	m.stopping.Store(true)
	_ = m.process.Process.Kill()
	<-m.exited
}

// lastWords are the end of the manager's log.
func (m *managerProcess) lastWords() string {
	const lines, width = 20, 400
	content, err := os.ReadFile(m.logPath)
	if err != nil {
		return ""
	}
	all := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	var out strings.Builder
	for _, line := range all[max(0, len(all)-lines):] {
		fmt.Fprintf(&out, "  %s\n", line[:min(len(line), width)])
	}
	return out.String()
}

func probe(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// freeAddresses are n different free local addresses.
func freeAddresses(ctx context.Context, n int) ([]string, error) {
	addresses := make([]string, 0, n)
	for range n {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close() // only at the end, so that no port is handed out twice
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}
