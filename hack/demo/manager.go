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

// patience is how long the demo waits for anything. It allows for a busy machine, and for a lease that must expire
// after a crash.
const patience = 90 * time.Second

// managerProcess runs the built manager as a child process.
type managerProcess struct {
	program, logPath string
	args             []string
	// healthURLs answer 200 once the manager and its portal are ready.
	healthURLs []string

	process *exec.Cmd
	exited  chan struct{}
	// stopping is set before the process is stopped on purpose.
	stopping atomic.Bool
	// onExit is called if the process exits on its own.
	onExit func(error)
}

// start starts the manager and waits until it is ready.
func (m *managerProcess) start(ctx context.Context) error {
	log, err := os.OpenFile(m.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	// stop ends the process, not ctx: gracefully, and before the servers that it talks to.
	process := exec.CommandContext(context.WithoutCancel(ctx), m.program, m.args...)
	process.Stdout, process.Stderr = log, log
	// A process group of its own, so that Ctrl-C does not reach it directly, but through stop.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := process.Start(); err != nil {
		return fmt.Errorf("start the manager: %w", err)
	}
	exited := make(chan struct{})
	m.process, m.exited = process, exited
	m.stopping.Store(false)
	go func() {
		_ = process.Wait() // ProcessState has the result
		if !m.stopping.Load() {
			m.onExit(fmt.Errorf("the manager exited on its own: %s", process.ProcessState))
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

// stop stops the manager gracefully, or kills it if that takes too long.
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

// kill kills the manager, which gets no chance to clean up.
func (m *managerProcess) kill() {
	m.stopping.Store(true)
	_ = m.process.Process.Kill()
	<-m.exited
}

// lastWords returns the end of the manager's log.
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
