// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

var resetUntil = time.Date(2026, time.November, 27, 12, 30, 0, 0, time.UTC)

func adasReset() PasswordReset {
	return PasswordReset{Member: "uid-1", Email: ada, PasswordHash: []byte("$2a$12$hash")}
}

// resetToken returns the token of the link of a reset.
func resetToken(g Gomega, k Keyring, r PasswordReset, until time.Time) string {
	at, err := k.ResetPath(&usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "ada"}}, r, until)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(path.Dir(at)).To(Equal("/p/acme/ada"))
	return path.Base(at)
}

func TestVerifyReset(t *testing.T) {
	g := NewWithT(t)
	k := keyring(t, newKey, oldKey)
	token := resetToken(g, k, adasReset(), resetUntil)
	g.Expect(token).To(MatchRegexp(`^[A-Za-z0-9_-]{47}[A-Za-z0-9]$`))
	for name, tt := range map[string]struct {
		token string
		reset func(*PasswordReset)
		want  bool
	}{
		"the link":                     {token, nil, true},
		"another spelling":             {token, func(r *PasswordReset) { r.Email = "ADA@acme.example" }, true},
		"by the previous key":          {resetToken(g, keyring(t, oldKey, nil), adasReset(), resetUntil), nil, true},
		"by an unknown key":            {resetToken(g, keyring(t, append([]byte{9}, newKey[1:]...), nil), adasReset(), resetUntil), nil, false},
		"of another member":            {token, func(r *PasswordReset) { r.Member = "uid-2" }, false},
		"for another address":          {token, func(r *PasswordReset) { r.Email = "eve@acme.example" }, false},
		"from before another password": {token, func(r *PasswordReset) { r.PasswordHash = []byte("$2a$12$other") }, false},
		"with another end":             {"A" + token[1:], nil, false},
		"a link of an invitation":      {k.Token("uid-1", 0, ada), nil, false},
		"nothing":                      {"", nil, false},
		"too long":                     {token + "A", nil, false},
		"not a token":                  {strings.Repeat("!", len(token)), nil, false},
		"without a password": {
			resetToken(g, k, PasswordReset{Member: "uid-1", Email: ada}, resetUntil), func(r *PasswordReset) { r.PasswordHash = nil }, false,
		},
	} {
		r := adasReset()
		if tt.reset != nil {
			tt.reset(&r)
		}
		until, genuine, err := k.VerifyReset(tt.token, r)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(genuine).To(Equal(tt.want), name)
		if genuine {
			g.Expect(until).To(BeTemporally("==", resetUntil), name)
		}
	}
}

// The time in a link cannot be changed, whichever bit of it, and survives what mail programs lose.
func TestTheEndOfALinkThatSetsAPassword(t *testing.T) {
	g := NewWithT(t)
	k := keyring(t, newKey, nil)
	for i := range 500 {
		until := resetUntil.Add(time.Duration(i) * 37 * time.Second)
		token := resetToken(g, k, adasReset(), until)
		is, genuine, err := k.VerifyReset(strings.TrimRight(token, lostAtTheEnd), adasReset())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(genuine).To(BeTrue(), token)
		g.Expect(is).To(BeTemporally("==", until))
		later := resetToken(g, k, adasReset(), until.Add(time.Hour))
		forged := later[:6] + token[6:]
		_, genuine, err = k.VerifyReset(forged, adasReset())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(genuine).To(BeFalse(), fmt.Sprint(i))
	}
}

func FuzzVerifyReset(f *testing.F) {
	k := keyring(f, newKey, nil)
	genuine := resetToken(NewWithT(f), k, adasReset(), resetUntil)
	f.Add(genuine)
	f.Add("")
	f.Add(genuine[:8])
	f.Fuzz(func(t *testing.T, token string) {
		_, is, err := k.VerifyReset(token, adasReset())
		if err != nil || is != (strings.TrimRight(token, lostAtTheEnd) == strings.TrimRight(genuine, lostAtTheEnd) && len(token) <= TokenLength) {
			t.Errorf("%q is %t: %v", token, is, err)
		}
	})
}
