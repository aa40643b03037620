// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ModuleRoot returns the folder of Usher's go.mod: the working folder or one above it. A test runs in the folder of its package, a
// program in the one where it was started.
func ModuleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		for line := range bytes.Lines(content) {
			if string(bytes.TrimSpace(line)) == "module "+module {
				return dir, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside the tree of %s; start from there", start, module)
		}
	}
}
