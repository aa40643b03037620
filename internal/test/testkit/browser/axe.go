// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// axe-core, an accessibility checker (MPL-2.0), is not part of this tree: npm gets the one package with this digest.
const (
	axeVersion = "4.14.1"
	axeDigest  = "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b73" +
		"4f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5"
	axeFile    = "package/axe.min.js"
	npmTimeout = 2 * time.Minute
)

// axeRun applies axe-core's default rules, WCAG 2.1 A and AA and good practice, and its rule of WCAG 2.2.
//
// What axe-core cannot decide counts as well, except for the contrast of invisible text under an open menu.
const axeRun = `axe.run(document, {
	resultTypes: ["violations", "incomplete"], rules: {"target-size": {enabled: true}}
}).then(r => JSON.stringify({
	passes: r.passes.length,
	found: r.violations.concat(r.incomplete).map(v => ({
		...v, nodes: v.nodes.filter(n => !n.any.some(c => c.data && c.data.messageKey === "bgOverlap"))
	})).filter(v => v.nodes.length > 0).map(v => v.id + " (" + v.impact + "): " + v.help + "\n" +
		v.nodes.map(n => "  " + n.target.join(" ") + ": " + (n.failureSummary || n.any.map(c => c.message).join("; "))).join("\n"))
}))`

// AxeMissing returns why there is no axe-core; nil if there is.
func AxeMissing() error {
	_, err := axe()
	return err
}

// Axe returns the violations that axe-core finds on the page, and what it cannot decide.
func (tab *Tab) Axe() []string {
	tab.t.Helper()
	script, err := axe()
	tab.must("get axe-core", err)
	if tab.noScript {
		tab.setScripts(true)
		defer tab.setScripts(false)
	}
	if Evaluate[string](tab, "typeof axe") == "undefined" {
		Evaluate[bool](tab, script+"\n;true")
	}
	var result struct {
		Passes int
		Found  []string
	}
	tab.must("read what axe-core found", json.Unmarshal([]byte(Evaluate[string](tab, axeRun)), &result))
	if result.Passes == 0 {
		tab.t.Fatal("axe-core has checked nothing")
	}
	return result.Found
}

// axe returns axe-core's script from the cache. If the cache does not have it, npm gets it.
var axe = sync.OnceValues(func() (string, error) {
	cache, err := axeCache()
	if err != nil {
		return "", err
	}
	file := filepath.Join(cache, "axe.min.js")
	if script, err := os.ReadFile(file); err == nil {
		return string(script), nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("axe-core is not in the cache, and there is no npm to get it with: install npm to check accessibility")
	}
	dir, err := os.MkdirTemp("", "axe-core-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), npmTimeout)
	defer cancel()
	pack := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", dir, "axe-core@"+axeVersion)
	pack.Dir = dir
	if output, err := pack.CombinedOutput(); err != nil {
		return "", fmt.Errorf("axe-core is not in the cache, and npm could not get it (%w):\n%s", err, output)
	}
	packed, err := os.ReadFile(filepath.Join(dir, "axe-core-"+axeVersion+".tgz"))
	if err != nil {
		return "", err
	}
	script, err := unpackAxe(packed)
	if err != nil {
		return "", err
	}
	return string(script), keep(file, script)
})

// axeCache is next to the cache of the control plane.
func axeCache() (string, error) {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no home folder to keep axe-core in (%w); set XDG_CACHE_HOME", err)
		}
		cache = filepath.Join(home, ".cache")
	}
	return filepath.Join(cache, "usher", "axe-core", axeVersion), nil
}

func unpackAxe(packed []byte) ([]byte, error) {
	if digest := sha512.Sum512(packed); hex.EncodeToString(digest[:]) != axeDigest {
		return nil, fmt.Errorf("npm got something else than axe-core %s: its SHA-512 is %x", axeVersion, digest)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(unzipped); ; {
		file, err := files.Next()
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", axeFile, err)
		}
		if strings.TrimPrefix(file.Name, "./") == axeFile {
			return io.ReadAll(files)
		}
	}
}

// keep writes the file atomically: another package's tests may be looking for it.
func keep(file string, content []byte) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(dir, ".incoming-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(content)
	if err := errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}
