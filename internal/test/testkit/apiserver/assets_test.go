// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestVersionIsThatOfTheScript(t *testing.T) {
	g := NewWithT(t)
	root, err := ModuleRoot()
	g.Expect(err).NotTo(HaveOccurred())
	script, err := os.ReadFile(filepath.Join(root, "hack", "controlplane", "assets.sh"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(script)).To(ContainSubstring("\nVERSION=" + Version + "\n"))
}

func TestModuleRootOutsideOfTheTree(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := ModuleRoot()
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("is not inside the tree of github.com/usher-dev/usher")))
}

func TestAssets(t *testing.T) {
	fill := func(dir string, names ...string) {
		NewWithT(t).Expect(os.MkdirAll(dir, 0o755)).To(Succeed())
		for _, name := range names {
			NewWithT(t).Expect(os.WriteFile(filepath.Join(dir, name), nil, 0o755)).To(Succeed())
		}
	}

	t.Run("named by the environment", func(t *testing.T) {
		g, dir := NewWithT(t), t.TempDir()
		t.Setenv("KUBEBUILDER_ASSETS", dir)
		fill(dir, "etcd", "kube-apiserver")
		_, err := Assets()
		g.Expect(err).To(MatchError(ContainSubstring("lacks kubectl; correct or unset it")))

		fill(dir, "kubectl")
		g.Expect(Assets()).To(Equal(dir))

		g.Expect(os.Chmod(filepath.Join(dir, "etcd"), 0o600)).To(Succeed())
		_, err = Assets()
		g.Expect(err).To(MatchError(ContainSubstring("lacks etcd")))
	})

	t.Run("in the cache", func(t *testing.T) {
		g, cache := NewWithT(t), t.TempDir()
		t.Setenv("KUBEBUILDER_ASSETS", "")
		t.Setenv("XDG_CACHE_HOME", cache)
		_, err := Assets()
		g.Expect(err).To(MatchError(ContainSubstring("run `make controlplane`")))

		dir := filepath.Join(cache, "usher", "controlplane", Version)
		fill(dir, programs...)
		g.Expect(Assets()).To(Equal(dir))
	})

	t.Run("in the cache of the home folder", func(t *testing.T) {
		g, home := NewWithT(t), t.TempDir()
		t.Setenv("KUBEBUILDER_ASSETS", "")
		t.Setenv("XDG_CACHE_HOME", "")
		t.Setenv("HOME", home)
		dir := filepath.Join(home, ".cache", "usher", "controlplane", Version)
		fill(dir, programs...)
		g.Expect(Assets()).To(Equal(dir))
	})
}
