// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Command lint is golangci-lint with kube-api-linter compiled in: golangci-lint takes linters of others only that way.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
	"github.com/golangci/golangci-lint/v2/pkg/exitcodes"
	_ "sigs.k8s.io/kube-api-linter"
)

const golangciLint = "github.com/golangci/golangci-lint/v2"

func main() {
	if err := commands.Execute(buildInfo()); err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(exitcodes.Failure)
	}
}

// buildInfo names the release that go.mod pins, since golangci-lint keys its cache by it.
func buildInfo() commands.BuildInfo {
	info := commands.BuildInfo{Version: "unknown", Commit: "custom build with kube-api-linter", GoVersion: runtime.Version()}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	for _, module := range build.Deps {
		if module.Path == golangciLint {
			info.Version = strings.TrimPrefix(module.Version, "v")
		}
	}
	return info
}
