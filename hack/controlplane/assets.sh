#!/bin/sh
# Prints the folder that holds etcd, kube-apiserver and kubectl, getting them first if need be:
#   1. $KUBEBUILDER_ASSETS, if set; 2. the cache; 3. a download by setup-envtest; 4. go build from the Go modules (once).
# Progress goes to standard error, the folder alone to standard output.
set -eu

VERSION=1.36.3
here=$(cd "$(dirname "$0")" && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/usher/controlplane/$VERSION"

say() { echo "controlplane: $*" >&2; }
complete() { [ -x "$1/etcd" ] && [ -x "$1/kube-apiserver" ] && [ -x "$1/kubectl" ]; }

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
	complete "$KUBEBUILDER_ASSETS" || { say "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS lacks etcd, kube-apiserver or kubectl; mend or unset it"; exit 1; }
	echo "$KUBEBUILDER_ASSETS"
	exit 0
fi
if complete "$cache"; then
	echo "$cache"
	exit 0
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

say "no control plane $VERSION in the cache; trying a download (setup-envtest)"
root=$(cd "$here/../.." && pwd)
if path=$(cd "$root" && go tool setup-envtest use "$VERSION" --bin-dir "$work/download" -p path 2>"$work/log"); then
	chmod -R u+w "$work/download"
	mv "$path/etcd" "$path/kube-apiserver" "$path/kubectl" "$work/"
else
	say "no download from here ($(tail -n 1 "$work/log" | cut -c 1-120))"
	say "building from the Go modules instead; this happens once and takes about 8 minutes on 2 cores"
	v=v$VERSION
	flags="-s -w -X k8s.io/component-base/version.gitVersion=$v -X k8s.io/component-base/version.gitMajor=1 \
-X k8s.io/component-base/version.gitMinor=36 -X k8s.io/client-go/pkg/version.gitVersion=$v"
	cd "$here"
	say "fetching modules"
	go mod download
	n=0
	for p in etcd=go.etcd.io/etcd/server/v3 kubectl=k8s.io/kubernetes/cmd/kubectl kube-apiserver=k8s.io/kubernetes/cmd/kube-apiserver; do
		n=$((n + 1)) name=${p%%=*} started=$(date +%s)
		say "[$n/3] building $name …"
		CGO_ENABLED=0 GOFLAGS= go build -trimpath -ldflags "$flags" -o "$work/$name" "${p#*=}" >&2
		say "[$n/3] $name took $(($(date +%s) - started)) s"
	done
fi
# A program is in the cache whole or not at all, also when two of these run at once.
for name in etcd kubectl kube-apiserver; do mv "$work/$name" "$cache/$name"; done
say "control plane $VERSION is ready in $cache"
echo "$cache"
