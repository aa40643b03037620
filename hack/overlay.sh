#!/bin/sh
# Copyright The Usher Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Prints the kustomization that `make deploy` applies: overlay.sh IMAGE PORTAL_URL TRUSTED_PROXIES WATCH_NAMESPACES. It is for a folder two
# levels below the repository. An empty argument leaves the default.
set -eu

image=$1 url=$2 proxies=$3 namespaces=$4

# argument FLAG adds a flag.
argument() {
	echo "      - {op: add, path: /spec/template/spec/containers/0/args/-, value: \"$1\"}"
}

# deployment NAME FLAG… sets the image and adds flags that are not empty.
deployment() {
	echo "  - target: {kind: Deployment, name: ^$1\$}"
	echo "    patch: |"
	echo "      - {op: replace, path: /spec/template/spec/containers/0/image, value: \"$image\"}"
	shift
	for flag in "$@"; do
		case $flag in *=) ;; *) argument "$flag" ;; esac
	done
}

echo "apiVersion: kustomize.config.k8s.io/v1beta1"
echo "kind: Kustomization"
echo "resources:"
echo "  - ../../config/default"
watched=
for namespace in $namespaces; do
	mkdir -p "dist/overlay/tenant-$namespace"
	{
		echo "apiVersion: kustomize.config.k8s.io/v1beta1"
		echo "kind: Kustomization"
		echo "resources: [../../../config/tenant]"
		echo "namespace: $namespace"
	} >"dist/overlay/tenant-$namespace/kustomization.yaml"
	echo "  - tenant-$namespace"
	watched="$watched${watched:+,}$namespace"
done
[ -z "$watched" ] || echo "components: [../../config/namespaced]"
echo "patches:"
deployment usher "--portal-url=$url" "--watch-namespaces=$watched"
deployment usher-portal "--portal-url=$url" "--watch-namespaces=$watched" "--trusted-proxies=$proxies"
