// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nginx runs Debian's nginx in a folder and on a port of its own, as a web server that asks for a password, to check password
// files with a real server.
package nginx
