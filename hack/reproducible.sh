#!/bin/sh
# Copyright The Usher Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Builds the manager twice, in two folders and with two build caches, and fails if the results differ.
set -eu

cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
for number in 1 2; do
	mkdir -p "$work/$number/source-$number"
	git archive HEAD | tar -x -C "$work/$number/source-$number"
	cache=$(go env GOCACHE)
	[ "$number" = 1 ] || cache=$work/cache
	(cd "$work/$number/source-$number" && GOCACHE=$cache CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$work/$number/manager" ./cmd/manager)
done
first=$(sha256sum <"$work/1/manager") second=$(sha256sum <"$work/2/manager")
if [ "$first" != "$second" ]; then
	echo "reproducible: two builds of the manager differ: ${first% *} and ${second% *}" >&2
	exit 1
fi
echo "reproducible: two builds of the manager are the same: ${first% *}"
