// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package postfix

import (
	"os"
	"os/exec"
	"sync"
)

// packages are the Debian packages of the server, and of the tools that create and check passwords.
var packages = []string{"postfix", "libsasl2-modules", "sasl2-bin"}

// programs are the required programs of the packages.
var programs = []string{"/usr/sbin/postfix", "/usr/sbin/saslpasswd2"}

// Missing returns why Postfix cannot run here, and what to do; empty if it can. It installs Debian's packages if it may.
func Missing() string { return missing() }

var missing = sync.OnceValue(func() string {
	if os.Geteuid() != 0 {
		return "Postfix needs root: run the tests as root, or in a container"
	}
	if installed() {
		return ""
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "Postfix is not installed, and there is no apt-get to install it with"
	}
	for _, arguments := range [][]string{{"update", "-qq"}, append([]string{"install", "-qq", "-y", "--no-install-recommends", "-o",
		"DPkg::Lock::Timeout=300"}, packages...)} {
		install := exec.Command("apt-get", arguments...)
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := install.CombinedOutput(); err != nil {
			return "Postfix is not installed, and apt-get failed to install it: " + err.Error() + "\n" + string(output)
		}
	}
	if !installed() {
		return "there is no Postfix, although apt-get has installed its packages"
	}
	return ""
})

func installed() bool {
	for _, program := range programs {
		if _, err := os.Stat(program); err != nil {
			return false
		}
	}
	return true
}
