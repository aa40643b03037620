// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package products reproduces how five SaaS products manage users and licences, line by line as docs/products.md lists them. It uses
// the plans of config/samples/plans, a real API server, a mail server, and the manager with its portal, its webhooks and the rights that
// config/rbac grants. A line acts as its user would, by YAML, kubectl or the portal's forms, and asserts what users see: tables, access,
// mails, pages.
package products
