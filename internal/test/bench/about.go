// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// About says how and where figures were taken.
type About struct {
	Command, Commit string
	Date            time.Time
	// Machine is the processors and the versions.
	Machine string
}

func about(ctx context.Context, command string) About {
	return About{
		Command: command, Commit: commit(ctx), Date: time.Now().UTC(),
		Machine: fmt.Sprintf("%d processors (%s/%s), %s, kube-apiserver %s, etcd without fsync",
			runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), apiserver.Version),
	}
}

// commit returns the present commit, with a mark if files have changed since. The document itself does not count: the run writes it.
func commit(ctx context.Context) string {
	hash, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no", "--",
		":/", ":(exclude,top)"+Document, ":(exclude,top)"+Picture).Output()
	if err != nil || len(changed) > 0 {
		return strings.TrimSpace(string(hash)) + ", with changes"
	}
	return strings.TrimSpace(string(hash))
}

// String is for people: two lines of Markdown.
func (a About) String() string {
	return fmt.Sprintf("`%s`, commit %s, %s\n%s\n", a.Command, a.Commit, a.Date.Format("2 January 2006, 15:04 MST"), a.Machine)
}
