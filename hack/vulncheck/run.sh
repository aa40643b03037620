#!/bin/sh
# Copyright The Usher Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Reports the known vulnerabilities that the programs in cmd/ can reach, and fails if there are any. The vulnerability database comes as a Go
# module, so that the check needs nothing but a module proxy; its version is in go.mod. The programs are checked as the Go version on the
# toolchain line of the main go.mod builds them.
set -eu

cd "$(dirname "$0")"
database=$(go list -m -f '{{.Version}}' golang.org/x/vulndb)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/usher/vulncheck/$(cat go.mod go.sum | cksum | cut -d ' ' -f 1)"
if [ ! -d "$cache/db" ]; then
	echo "vulncheck: building govulncheck and the database $database; this happens once and takes about 2 minutes on 2 cores" >&2
	mkdir -p "$cache"
	export CGO_ENABLED=0
	go build -trimpath -o "$cache/govulncheck" golang.org/x/vuln/cmd/govulncheck
	go build -trimpath -o "$cache/indexdb" golang.org/x/vulndb/cmd/indexdb
	go mod download golang.org/x/vulndb
	"$cache/indexdb" -vulns "$(go list -m -f '{{.Dir}}' golang.org/x/vulndb)/data/osv" -out "$cache/db.$$"
	mv "$cache/db.$$" "$cache/db"
fi

cd ../..
toolchain=$(sed -n 's/^toolchain //p' go.mod)
echo "vulncheck: cmd/, built with ${toolchain:-$(go env GOVERSION)}, against $database"
CGO_ENABLED=0 GOTOOLCHAIN=${toolchain:-local} "$cache/govulncheck" -db "file://$cache/db" ./cmd/...
