// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"strings"

	. "github.com/onsi/gomega"
	"golang.org/x/crypto/bcrypt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/usher-dev/usher/internal/credentials"
)

// secret returns the content of a Secret; nil if it does not exist.
func (w *world) secret(name string) map[string]string {
	w.t.Helper()
	secret := read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if secret.UID == "" {
		return nil
	}
	content := map[string]string{}
	for key, value := range secret.Data {
		content[key] = string(value)
	}
	return content
}

// credentials returns the content of a member's Secret; nil if it does not exist.
func (w *world) credentials(name string) map[string]string {
	w.t.Helper()
	return w.secret(credentials.Name(name))
}

// expectPassword signs a member in as Dex does.
func (w *world) expectPassword(name, password string) {
	w.t.Helper()
	w.Expect(bcrypt.CompareHashAndPassword([]byte(w.credentials(name)["password-hash"]), []byte(password))).To(Succeed())
}

// letIn reports whether the account's password file accepts a user, read as a web server reads it.
func (w *world) letIn(name, password string) bool {
	w.t.Helper()
	for line := range strings.Lines(w.secret(w.account + "-htpasswd")["auth"]) {
		user, hash, _ := strings.Cut(strings.TrimSpace(line), ":")
		if user == w.address(name) {
			return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
		}
	}
	return false
}
