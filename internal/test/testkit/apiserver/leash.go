// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// leash ties etcd and kube-apiserver to this process: when it dies, however it dies, they die too. Without it, a test binary
// stopped by its timeout leaves a control plane behind that eats memory for good.
//
// A shell starts each program and keeps reading from a named pipe that this process holds open. The pipe's end is this
// process's end; the shell then kills the process group, which envtest makes one per program.
type leash struct {
	dir  string
	pipe *os.File
}

func newLeash(dir string) (*leash, error) {
	path := filepath.Join(dir, "leash")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("make the pipe that ends the control plane with this process: %w", err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // for reading too, or opening would wait for a reader
	if err != nil {
		return nil, err
	}
	return &leash{dir: dir, pipe: pipe}, nil
}

// lessGC is the programs' GOGC. With Go's own 100 a busy API server spends a quarter of its time on collecting a heap of 120 MB.
// Up to mostMemory, its GOMEMLIMIT: after 60,000 Members it had 16 GiB.
const (
	lessGC     = 400
	mostMemory = "8GiB"
)

// The program's own outputs are kept from the reader, which would keep them open. envtest asks every
// program for --help first, outside of a process group of its own.
const leashed = `#!/bin/sh
if [ "$1" != --help ]; then
	(read -r _; kill -s KILL -- -$$) <'%s' >/dev/null 2>&1 &
fi
GOGC=%d GOMEMLIMIT=%s exec '%s' "$@"
`

// wrap returns a program that runs the given one on the leash.
func (l *leash) wrap(program string) (string, error) {
	path := filepath.Join(l.dir, filepath.Base(program))
	script := fmt.Sprintf(leashed, l.pipe.Name(), lessGC, mostMemory, program)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		return "", err
	}
	return path, nil
}

// pull kills what is still on the leash, and lets nothing more start on it.
func (l *leash) pull() {
	_ = os.RemoveAll(l.dir)
	_ = l.pipe.Close()
}
