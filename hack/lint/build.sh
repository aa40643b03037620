#!/bin/sh
# Copyright The Usher Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Prints the path of golangci-lint with kube-api-linter compiled in, building it first where the cache has none for these
# pins and this Go. Progress goes to standard error, the path alone to standard output.
set -eu

cd "$(dirname "$0")"
key=$( (go version; cat go.mod go.sum main.go) | cksum | cut -d ' ' -f 1)
binary="${XDG_CACHE_HOME:-$HOME/.cache}/usher/lint/$key/golangci-lint"
if [ ! -x "$binary" ]; then
	echo "lint: building golangci-lint; this happens once and takes about 2 minutes on 2 cores" >&2
	mkdir -p "$(dirname "$binary")"
	CGO_ENABLED=0 GOFLAGS= GOWORK=off go build -trimpath -ldflags "-s -w" -o "$binary.$$" . >&2
	mv "$binary.$$" "$binary"
fi
echo "$binary"
