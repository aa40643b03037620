// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package blocklist

import (
	"crypto/rand"
	"testing"

	. "github.com/onsi/gomega"
)

func TestCommon(t *testing.T) {
	for password, want := range map[string]bool{
		"1qaz2wsx3edc": true, "1QAZ2wsx3EDC": true, "administrator": true, "administrator!": true, "Password1234": true, "!!password2026!!": true,
		"p@ssw0rd1234": true, "P4$$w0rd2026": true, "passwordpassword": true, "dragon dragon dragon": true, "iloveyou iloveyou": true,
		"111111111111": true, "abcabcabcabc": true, "äöäöäöäöäöäö": true, "123456789012": true, "987654321098": true, "qwertyuiop123": true,
		"abcdefghijkl": true, "azertyuiop123": true, "qwertzuiop456": true, "zyxwvutsrqpo": true, "aaabbbcccddd": true,
		"correct horse battery": false, "zebra violin cactus": false, "another horse, another battery": false,
		"michaelangelo paints": false, "dragonfly kettle": false, "passwordless sign-in": false, "839275610482": false, "password of the day": false,
		"ünwahrscheinlich": false, "abcdefgh bicycle": false, "lemonlimelemonlime?": false, "kettle-kettle": false,
	} {
		NewWithT(t).Expect(Common(password)).To(Equal(want), password)
	}
}

// What a password manager makes is never refused.
func TestRandomPasswordsAreNotCommon(t *testing.T) {
	for range 20_000 {
		password := rand.Text()[:14]
		if Common(password) || Personal(password, "Ada", "Lovelace", "Acme SAS", "ada") {
			t.Errorf("%s is refused", password)
		}
	}
}

func TestPersonal(t *testing.T) {
	names := []string{"Ada", "Lovelace", "Ada Lovelace", "Acme SAS", "a.lovelace", "X1"}
	for password, want := range map[string]bool{
		"Lovelace1815!": true, "ada lovelace": true, "ada.lovelace.2026": true, "ACME-SAS-2026": true, "lovelacelovelace": true, "a.lovelace": true,
		"20262026Ada2026": true, "x1": true,
		"lovelace and babbage": false, "x12345678901": false, "correct horse battery": false, "Adamant kettle": false, "": false,
	} {
		NewWithT(t).Expect(Personal(password, names...)).To(Equal(want), password)
	}
}

func FuzzBlocklist(f *testing.F) {
	for _, seed := range []string{"", "password", "\xff\xfe", "äöäö", "aaa\xff"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, password, name string) {
		Common(password)
		Personal(password, name)
		if len(password) > 0 && !Personal(password, password) {
			t.Errorf("%q is not itself", password)
		}
	})
}
