// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/labels"
)

// KeyPasswords is where a password file is in its Secret, where ingress-nginx looks for one.
const KeyPasswords = "auth"

// PasswordsLabel is on Secrets with a password file.
const PasswordsLabel = "usher.dev/htpasswd"

// Passwords is the password file that an account should have.
type Passwords struct {
	Secret *corev1.Secret
	// Changed are the members, by name, whose line is not in the file yet, whether there is room for it or not.
	Changed []string
	// Removed are the addresses whose line has to be removed.
	Removed []string
	// Left is the number of members that there is no room for.
	Left int
}

// PasswordsLabels are those of an account's Secrets with a password file.
func PasswordsLabels(account string) map[string]string {
	return map[string]string{usherv1.AccountLabel: labels.Value(account), labels.ManagedBy: labels.Usher, PasswordsLabel: "true"}
}

// PasswordsOf returns the name of the Account whose password file Usher keeps in a Secret; empty if it is no such Secret.
func PasswordsOf(secret metav1.Object) string {
	if secret.GetLabels()[PasswordsLabel] == "" {
		return ""
	}
	return AccountOf(secret)
}

// NewPasswords returns the Secret of that name with an empty password file.
func (o Observation) NewPasswords(name string) *corev1.Secret {
	secret := &corev1.Secret{ObjectMeta: o.meta(name), Type: corev1.SecretTypeOpaque, Data: map[string][]byte{KeyPasswords: {}}}
	secret.Labels = PasswordsLabels(o.Account.Name)
	return secret
}

// Passwords returns the account's password file in place of the present one. hashes are those of the members' passwords, by member. If
// there is no room for all, the members that are in the file stay in it.
func (o Observation) Passwords(present *corev1.Secret, hashes map[string]string) Passwords {
	type entry struct {
		line, member string
		gains        bool
	}
	entries := map[string]entry{} // by address
	for i := range o.Members {
		m := &o.Members[i]
		keeps, gains := Entitled(m)
		if gains = gains && !o.Unreadable; !keeps || o.closed() || !credentials.IsPasswordHash(hashes[m.Name]) {
			continue
		}
		address := string(m.EmailInUse())
		entries[address] = entry{address + ":" + hashes[m.Name], m.Name, gains}
	}
	p := Passwords{Secret: o.NewPasswords(present.Name)}
	there := map[string]string{} // address to line
	for line := range strings.SplitSeq(string(present.Data[KeyPasswords]), "\n") {
		if address, _, found := strings.Cut(line, ":"); found {
			there[address] = line
		}
	}
	var lines []string
	size, gone := 0, maps.Clone(there)
	for _, stays := range []bool{true, false} {
		for _, address := range slices.Sorted(maps.Keys(entries)) {
			e := entries[address]
			line, is := there[address]
			if is != stays || !stays && !e.gains {
				continue
			}
			if line != e.line {
				p.Changed = append(p.Changed, e.member)
			}
			if size+len(e.line)+1 > corev1.MaxSecretSize {
				p.Left++
				continue
			}
			lines = append(lines, e.line+"\n")
			size += len(e.line) + 1
			delete(gone, address)
		}
	}
	slices.Sort(lines)
	p.Secret.Data[KeyPasswords] = []byte(strings.Join(lines, ""))
	p.Removed = slices.Sorted(maps.Keys(gone))
	mark(p.Secret, marksOf(o.Members))
	return p
}

// HoldsPasswords reports whether a present Secret with a password file is as it should be.
func HoldsPasswords(present, wanted *corev1.Secret) bool {
	return marked(present, wanted) && equality.Semantic.DeepEqual(present.Data, wanted.Data) && sameMeta(present, wanted)
}
