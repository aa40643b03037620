// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// ManagerNamespace is the manager's namespace in config/rbac.
const ManagerNamespace = "usher-system"

// AddManager creates ManagerNamespace, installs config/rbac, and returns the manager's user, with the rights that the manager has in a
// cluster and no others. No controller runs here that would aggregate ClusterRoles.
func (s *Server) AddManager(ctx context.Context) (*User, error) {
	root, err := ModuleRoot()
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"create", "namespace", ManagerNamespace},
		{"apply", "--server-side", "--kustomize", filepath.Join(root, "config", "rbac")},
	} {
		command := exec.CommandContext(ctx, s.Program("kubectl"), append([]string{"--kubeconfig", s.KubeconfigPath()}, args...)...)
		if out, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("install the manager's rights: %w: %s", err, out)
		}
	}
	return s.AddUser("system:serviceaccount:" + ManagerNamespace + ":usher")
}
