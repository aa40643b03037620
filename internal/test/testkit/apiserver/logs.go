// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// log creates a file for the output of a program. With a buffer, exec would need a goroutine to copy the output.
func (s *Server) log(name string) (*os.File, error) {
	file, err := os.Create(filepath.Join(s.dir, name))
	if err == nil {
		s.logs = append(s.logs, file)
	}
	return file, err
}

// lastWords returns the end of the log of the program that was started last: envtest's errors say that a program ended, the log says
// why.
func (s *Server) lastWords() string {
	const lines, width = 8, 300
	for _, name := range []string{"kube-apiserver.log", "etcd.log"} {
		content, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil || len(content) == 0 {
			continue
		}
		var out strings.Builder
		fmt.Fprintf(&out, "the end of %s:\n", name)
		all := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
		for _, line := range all[max(0, len(all)-lines):] {
			fmt.Fprintf(&out, "  %s\n", line[:min(len(line), width)])
		}
		return out.String()
	}
	return ""
}
