// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// leashChild in the environment makes this test binary the process that starts a program and gets killed.
const leashChild = "USHER_TEST_LEASH_CHILD"

// holdLeash starts a program that does not end by itself, reports that, and waits to be killed.
func holdLeash() {
	leash, err := newLeash(os.Getenv(leashChild))
	if err != nil {
		panic(err)
	}
	program, err := exec.LookPath("sleep")
	if err != nil {
		panic(err)
	}
	path, err := leash.wrap(program)
	if err != nil {
		panic(err)
	}
	sleep := exec.Command(path, "60")
	sleep.Stderr = os.Stderr // the test watches who holds it
	sleep.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := sleep.Start(); err != nil {
		panic(err)
	}
	fmt.Println("started")
	<-time.After(time.Minute) // long after it is killed; a plain select{} is a deadlock to a runtime without cgo
}

func TestProgramsDieWithAKilledProcess(t *testing.T) {
	g := NewWithT(t)
	self, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	child := exec.Command(self)
	child.Env = append(os.Environ(), leashChild+"="+t.TempDir())
	stdout, err := child.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	held, holder, err := os.Pipe()
	g.Expect(err).NotTo(HaveOccurred())
	child.Stderr = holder
	g.Expect(child.Start()).To(Succeed())
	g.Expect(holder.Close()).To(Succeed())
	g.Expect(bufio.NewReader(stdout).ReadString('\n')).To(Equal("started\n"))

	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, held)
		ended <- err
	}()
	g.Consistently(ended).WithTimeout(200*time.Millisecond).ShouldNot(Receive(), "both run")

	g.Expect(child.Process.Signal(syscall.SIGKILL)).To(Succeed())
	g.Expect(child.Wait()).NotTo(Succeed())
	g.Eventually(ended).WithTimeout(10*time.Second).Should(Receive(BeNil()), "the program ended too")
}
