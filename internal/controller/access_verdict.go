// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"slices"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/membership"
)

// complaints are about what could not be brought about of an account's access.
type complaints struct {
	// foreign are the objects that have the name of one that Usher would make.
	foreign names
	// foreignFile is the Secret that has the name of the account's password file and is not Usher's.
	foreignFile names
	// fullFile is the Secret with the account's password file, if members are missing from it for want of room; left is how many.
	fullFile names
	left     int
	// unbindable are the roles that Usher may not bind.
	unbindable names
	// unwritable are the account's own Roles that Usher may not write.
	unwritable names
}

// names are sorted, and each is there once.
type names []string

func (n *names) add(more ...string) {
	*n = append(*n, more...)
	slices.Sort(*n)
	*n = slices.Compact(*n)
}

func (n names) String() string { return strings.Join(n, ", ") }

// verdict names all that is wrong. The reason is what is in the way in the account's own namespace, if anything is, before what the
// platform keeps from Usher.
func (c complaints) verdict() membership.AccessVerdict {
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
	say(usherv1.ReasonNameTaken, c.foreign, "Not made by Usher, and named like something that it would make in this namespace: %s; rename or delete it")
	say(usherv1.ReasonNameTaken, c.foreignFile, "Not made by Usher for this account's password file, and so left alone: Secret %s; name another in spec.access.htpasswdSecret, or delete it")
	say(usherv1.ReasonPasswordFileFull, c.fullFile, "The password file in Secret %s has no room for more (1 MiB): %d Active members are not in it, and have all other access; spread the members over several accounts",
		c.left)
	say(usherv1.ReasonBindForbidden, c.unbindable, `Usher may not bind %s; grant it the verb bind there through a ClusterRole labelled %s: "true" (docs/access.md)`,
		usherv1.AggregateLabel)
	say(usherv1.ReasonBindForbidden, c.unwritable, "Usher may not write Role %s, which needs the verb escalate on roles; restore its ClusterRole from config/rbac (docs/access.md)")
	return v
}
