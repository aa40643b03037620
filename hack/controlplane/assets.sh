#!/bin/sh
# Copyright The Usher Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Prints the directory with etcd, kube-apiserver and kubectl, and gets them first if necessary:
#   1. $KUBEBUILDER_ASSETS, if set; 2. the cache; 3. a download by setup-envtest; 4. go build from the Go modules (once).
# Progress goes to standard error; only the directory goes to standard output.
set -eu

VERSION=1.36.3
MINOR=${VERSION%.*}
here=$(cd "$(dirname "$0")" && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/usher/controlplane/$VERSION"
pulse=

say() { echo "controlplane: $*" >&2; }
complete() { [ -x "$1/etcd" ] && [ -x "$1/kube-apiserver" ] && [ -x "$1/kubectl" ]; }

# Prints a line every 30 seconds: the build of kube-apiserver takes several minutes, and the compiler prints nothing.
start_pulse() {
	# The sleep outlives the stopped loop, so it must not keep the caller's pipes open.
	(
		while sleep 30 2>/dev/null; do say "    still building $1 ($(($(date +%s) - $2)) s)"; done
	) >/dev/null &
	pulse=$!
}
stop_pulse() {
	[ -z "$pulse" ] || kill "$pulse" 2>/dev/null || true
	pulse=
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
	complete "$KUBEBUILDER_ASSETS" || {
		say "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS does not contain etcd, kube-apiserver and kubectl; correct or unset it"
		exit 1
	}
	# Absolute, because go test runs in each package's own directory.
	cd "$KUBEBUILDER_ASSETS" && pwd
	exit 0
fi
if complete "$cache"; then
	echo "$cache"
	exit 0
fi

export CGO_ENABLED=0
mkdir -p "$cache"
work=$(mktemp -d "$cache/.work.XXXXXX")
trap 'stop_pulse; chmod -R u+w "$work"; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "no control plane $VERSION in the cache; trying a download (setup-envtest)"
# Any patch release is good enough: envtest does not publish binaries for each.
if path=$(cd "$here/../.." && go tool setup-envtest use "$MINOR.x" --bin-dir "$work/download" -p path 2>"$work/log") && complete "$path"; then
	chmod -R u+w "$work/download"
	mv "$path/etcd" "$path/kube-apiserver" "$path/kubectl" "$work/"
else
	say "the download failed: $(tail -n 1 "$work/log" | cut -c 1-100)…"
	say "building from the Go modules instead; this happens once and takes about 8 minutes on 2 cores"
	v=v$VERSION
	# Without these flags, kubectl assumes that it is v0.0.0 and refuses to talk to the API server.
	flags="-s -w -X k8s.io/component-base/version.gitVersion=$v -X k8s.io/component-base/version.gitMajor=${MINOR%.*} \
-X k8s.io/component-base/version.gitMinor=${MINOR#*.} -X k8s.io/client-go/pkg/version.gitVersion=$v"
	cd "$here"
	export GOFLAGS= GOWORK=off
	say "fetching modules"
	go mod download
	n=0
	for program in etcd=go.etcd.io/etcd/server/v3 kubectl=k8s.io/kubernetes/cmd/kubectl kube-apiserver=k8s.io/kubernetes/cmd/kube-apiserver; do
		n=$((n + 1)) name=${program%%=*} started=$(date +%s)
		say "[$n/3] building $name …"
		start_pulse "$name" "$started"
		go build -trimpath -ldflags "$flags" -o "$work/$name" "${program#*=}" >&2
		stop_pulse
		say "[$n/3] $name took $(($(date +%s) - started)) s"
	done
fi
# mv is atomic: the cache contains complete programs only, even if two of these scripts run at once.
for name in etcd kubectl kube-apiserver; do mv "$work/$name" "$cache/$name"; done
say "control plane $VERSION is ready in $cache"
echo "$cache"
