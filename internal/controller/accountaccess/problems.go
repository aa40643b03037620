// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package accountaccess

import (
	"fmt"
	"slices"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/membership"
)

// problems are what could not be written of an account's access.
type problems struct {
	// foreign are objects that Usher did not make, with the name of one that it would make.
	foreign names
	// foreignFile is a Secret that Usher did not make, with the name of the account's password file.
	foreignFile names
	// fullFile is the Secret with the account's password file, if it has no room for all members; left is how many are missing.
	fullFile names
	left     int
	// unbindable are the roles that Usher may not bind.
	unbindable names
	// unwritable are the account's own Roles that Usher may not write.
	unwritable names
}

// names is a sorted set.
type names []string

func (n *names) add(more ...string) {
	*n = append(*n, more...)
	slices.Sort(*n)
	*n = slices.Compact(*n)
}

func (n names) String() string { return strings.Join(n, ", ") }

// verdict names all problems. Its reason is that of the first: problems in the account's own namespace come before permissions that
// the platform has to grant.
func (c problems) verdict() membership.AccessVerdict {
	var v membership.AccessVerdict
	say := func(reason string, about names, format string, args ...any) {
		if len(about) == 0 {
			return
		}
		if v.Reason == "" {
			v.Reason = reason
		} else {
			v.Message += ". "
		}
		v.Message += fmt.Sprintf(format, append([]any{about}, args...)...)
	}
	say(usherv1.ReasonNameTaken, c.foreign,
		"Usher did not make these objects, and would make others of the same name in this namespace: %s; rename or delete them")
	say(usherv1.ReasonNameTaken, c.foreignFile,
		"Usher did not make Secret %s for this account's password file, and leaves it alone; name another Secret in "+
			"spec.access.htpasswdSecret, or delete this one")
	say(usherv1.ReasonPasswordFileFull, c.fullFile,
		"The password file in Secret %s has no room for more (1 MiB): %d Active members are not in it, and have all other access; "+
			"spread the members over several accounts", c.left)
	say(usherv1.ReasonBindForbidden, c.unbindable,
		`Usher may not bind %s; grant it the verb bind there through a ClusterRole labelled %s: "true" (docs/access.md)`, usherv1.AggregateLabel)
	say(usherv1.ReasonBindForbidden, c.unwritable,
		"Usher may not write Role %s, which needs the verb escalate on roles; restore its ClusterRole from config/rbac (docs/access.md)")
	return v
}
