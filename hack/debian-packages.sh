#!/bin/sh
# Copyright The Usher Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that some tests use: a mail server, a browser and a reverse proxy. If it cannot install them, it
# prints why and succeeds: those tests are then skipped, and say so too.
set -eu

packages="postfix libsasl2-modules sasl2-bin chromium nginx"

missing=
for package in $packages; do
	dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -z "$missing" ]; then
	echo "Debian packages: all installed"
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "Debian packages: not installed, because this is not root on Debian:$missing. Tests that need them are skipped." >&2
	exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 $missing >/dev/null ||
	echo "Debian packages: apt-get could not install$missing. Tests that need them are skipped." >&2
