// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"os"
	"path/filepath"
)

// Version is that of etcd, kube-apiserver and kubectl in the cache. `make controlplane` gets the same one: a test compares it with
// hack/controlplane/assets.sh.
const Version = "1.36.3"

// module is the module path in the go.mod at the root of the tree.
const module = "github.com/usher-dev/usher"

// programs are those of a control plane, and kubectl.
var programs = []string{"etcd", "kube-apiserver", "kubectl"}

// Assets returns the folder with etcd, kube-apiserver and kubectl: $KUBEBUILDER_ASSETS, else the cache that `make controlplane` fills.
// The error says what to do if they are missing.
func Assets() (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		if missing := firstMissing(dir); missing != "" {
			return "", fmt.Errorf("KUBEBUILDER_ASSETS=%s lacks %s; correct or unset it", dir, missing)
		}
		return dir, nil
	}
	// XDG_CACHE_HOME or ~/.cache on every system, as in assets.sh; os.UserCacheDir differs on macOS.
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no home folder to look for the control plane in (%w); set XDG_CACHE_HOME or KUBEBUILDER_ASSETS", err)
		}
		cache = filepath.Join(home, ".cache")
	}
	dir := filepath.Join(cache, "usher", "controlplane", Version)
	if missing := firstMissing(dir); missing != "" {
		return "", fmt.Errorf("no %s in %s; run `make controlplane`", missing, dir)
	}
	return dir, nil
}

func firstMissing(dir string) string {
	for _, name := range programs {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			return name
		}
	}
	return ""
}
