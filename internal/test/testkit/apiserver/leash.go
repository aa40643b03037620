// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// leash kills etcd and kube-apiserver when this process ends, however it ends. Without it, a test binary that its timeout kills would
// leave a control plane running forever.
//
// A shell starts each program and keeps reading from a named pipe that this process holds open. When the process ends, the pipe is
// closed, and the shell kills the process group; envtest creates one for each program.
type leash struct {
	dir  string
	pipe *os.File
}

func newLeash(dir string) (*leash, error) {
	path := filepath.Join(dir, "leash")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("create the pipe that ends the control plane with this process: %w", err)
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

// The reader does not inherit the program's outputs, which it would keep open. envtest asks every
// program for --help first, outside of a process group of its own.
const leashed = `#!/bin/sh
if [ "$1" != --help ]; then
	(read -r _; kill -s KILL -- -$$) <'%s' >/dev/null 2>&1 &
fi
GOGC=%d GOMEMLIMIT=%s exec '%s' "$@"
`

// wrap returns a program that runs the given program on the leash.
func (l *leash) wrap(program string) (string, error) {
	path := filepath.Join(l.dir, filepath.Base(program))
	script := fmt.Sprintf(leashed, l.pipe.Name(), lessGC, mostMemory, program)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		return "", err
	}
	return path, nil
}

// pull kills the programs that are still on the leash, and prevents new ones.
func (l *leash) pull() {
	_ = os.RemoveAll(l.dir)
	_ = l.pipe.Close()
}
