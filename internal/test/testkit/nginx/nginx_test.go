// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package nginx_test

import (
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/crypto/bcrypt"

	"github.com/usher-dev/usher/internal/test/testkit/nginx"
)

func TestItAsksForAPassword(t *testing.T) {
	if why := nginx.Missing(); why != "" {
		t.Skip(why)
	}
	g := NewWithT(t)
	n, err := nginx.Start(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(n.Close)
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	g.Expect(err).NotTo(HaveOccurred())
	ask := func(user, password string) int {
		status, err := n.Ask(t.Context(), user, password)
		g.Expect(err).NotTo(HaveOccurred())
		return status
	}
	g.Expect(ask("ada@acme.example", "correct horse")).To(Equal(http.StatusUnauthorized), "no one is in the file yet")
	// crypt(3) takes all three names of one algorithm.
	for _, version := range []string{"a", "b", "y"} {
		g.Expect(n.SetPasswords([]byte("ada@acme.example:$2" + version + string(hash[3:]) + "\n"))).To(Succeed())
		g.Expect(ask("ada@acme.example", "correct horse")).To(Equal(http.StatusOK), version)
		g.Expect(ask("ada@acme.example", "wrong horse")).To(Equal(http.StatusUnauthorized), version)
		g.Expect(ask("bob@acme.example", "correct horse")).To(Equal(http.StatusUnauthorized), version)
	}
	g.Expect(ask("", "")).To(Equal(http.StatusUnauthorized))
}
