// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package postfix

import (
	"os"
	"os/exec"
	"sync"
)

// packages are Debian's: the server, and what makes and checks passwords.
var packages = []string{"postfix", "libsasl2-modules", "sasl2-bin"}

// programs are those of the packages that are needed.
var programs = []string{"/usr/sbin/postfix", "/usr/sbin/saslpasswd2"}

// Missing says why Postfix cannot run here, and what to do; empty if it can. It installs Debian's packages where it may.
func Missing() string { return missing() }

var missing = sync.OnceValue(func() string {
	if os.Geteuid() != 0 {
		return "Postfix wants root: run the tests as root, or in a container"
	}
	if installed() {
		return ""
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "there is no Postfix, and no apt-get to install it with"
	}
	for _, arguments := range [][]string{{"update", "-qq"}, append([]string{"install", "-qq", "-y", "--no-install-recommends", "-o",
		"DPkg::Lock::Timeout=300"}, packages...)} {
		install := exec.Command("apt-get", arguments...)
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := install.CombinedOutput(); err != nil {
			return "there is no Postfix, and apt-get does not install it: " + err.Error() + "\n" + string(output)
		}
	}
	if !installed() {
		return "there is no Postfix, although apt-get has installed it"
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
