// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

const (
	installTimeout = 5 * time.Minute
	// lockTimeout is how long, in seconds, apt-get waits for another apt-get.
	lockTimeout = "240"
)

// programs are the possible names of a Chromium.
var programs = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// chromium returns the path of the browser, and installs it if that is possible.
var chromium = sync.OnceValues(func() (string, error) {
	if program := installed(); program != "" {
		return program, nil
	}
	if os.Geteuid() != 0 {
		return "", errors.New("install chromium, or run the tests as root on a Debian, where they install it themselves")
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errors.New("install chromium; there is no apt-get to do it with")
	}
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	for _, arguments := range [][]string{
		{"update"},
		{"install", "--yes", "--no-install-recommends", "chromium", "fonts-liberation"},
	} {
		arguments = append([]string{"--quiet", "--option", "DPkg::Lock::Timeout=" + lockTimeout}, arguments...)
		apt := exec.CommandContext(ctx, "apt-get", arguments...)
		apt.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := apt.CombinedOutput(); err != nil {
			return "", fmt.Errorf("install chromium; apt-get could not (%w):\n%s", err, output)
		}
	}
	if program := installed(); program != "" {
		return program, nil
	}
	return "", errors.New("install chromium; apt-get has installed none with a known name")
})

func installed() string {
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
