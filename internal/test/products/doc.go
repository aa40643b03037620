// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package products plays five SaaS products' pages of users and licences, line by line as docs/products.md lists them: the
// plans of config/samples/plans, a real API server, the manager with its portal, its webhooks and the rights that config/rbac
// gives it, and a
// mail server. A line is done as its user would do it, by YAML, kubectl or the portal's form, and what is asserted is what
// they see: tables, access, mails, pages.
package products
