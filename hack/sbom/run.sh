#!/bin/sh
# Copyright The Usher Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Writes dist/sbom-PROGRAM.json, a software bill of materials in the CycloneDX format, for each program in cmd/, and fails if a module that
# is compiled in has a licence that is not on the list in main.go.
set -eu

cd "$(dirname "$0")"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/usher/sbom/$( (go version; cat go.mod go.sum) | cksum | cut -d ' ' -f 1)"
if [ ! -x "$cache/cyclonedx-gomod" ]; then
	echo "sbom: building cyclonedx-gomod; this happens once and takes about a minute on 2 cores" >&2
	mkdir -p "$cache"
	CGO_ENABLED=0 go build -trimpath -o "$cache/cyclonedx-gomod.$$" github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	mv "$cache/cyclonedx-gomod.$$" "$cache/cyclonedx-gomod"
fi

cd ../..
mkdir -p dist
for program in cmd/*; do
	file=dist/sbom-${program#cmd/}.json
	CGO_ENABLED=0 "$cache/cyclonedx-gomod" app -json -licenses -noserial -std -main "$program" -output "$file" . 2>&1 | grep -v "module=.*std@" >&2 || true
	(cd hack/sbom && go run . "../../$file")
done
