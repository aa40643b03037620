// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package samples applies config/samples as its readers do, with kubectl and to an API server that has nothing but Usher's CRDs, and
// builds kustomizations with config/kustomize.
package samples
