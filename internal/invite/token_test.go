// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
)

var (
	oldKey = bytes.Repeat([]byte{1}, KeyLength)
	newKey = bytes.Repeat([]byte{2}, KeyLength)
)

func keyring(t testing.TB, current, previous []byte) Keyring {
	t.Helper()
	k, err := NewKeyring(current, theOne(previous)...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return k
}

// theOne is a list of one previous key; none if it is nil.
func theOne(previous []byte) [][]byte {
	if previous == nil {
		return nil
	}
	return [][]byte{previous}
}

// The links of every previous key work, such as those of a cluster whose members were moved here.
func TestSeveralPreviousKeys(t *testing.T) {
	g := NewWithT(t)
	moved := bytes.Repeat([]byte{9}, KeyLength)
	k, err := NewKeyring(newKey, oldKey, moved)
	g.Expect(err).NotTo(HaveOccurred())
	for _, key := range [][]byte{newKey, oldKey, moved} {
		before := keyring(t, key, nil)
		g.Expect(k.Has(before.ID())).To(BeTrue())
		g.Expect(k.Verify(before.Token("uid-1", 7, ada), "uid-1", 7, ada)).To(BeTrue())
	}
	g.Expect(k.ID()).To(Equal(keyring(t, newKey, nil).ID()))
}

func TestNewKeyring(t *testing.T) {
	tests := []struct {
		name              string
		current, previous []byte
		fails             bool
	}{
		{name: "one key", current: newKey},
		{name: "two keys", current: newKey, previous: oldKey},
		{name: "no key", fails: true},
		{name: "a short key", current: newKey[1:], fails: true},
		{name: "a long key", current: append(bytes.Clone(newKey), 0), fails: true},
		{name: "a short previous key", current: newKey, previous: oldKey[1:], fails: true},
		{name: "an empty previous key", current: newKey, previous: []byte{}, fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewKeyring(tt.current, theOne(tt.previous)...)
			NewWithT(t).Expect(err != nil).To(Equal(tt.fails))
		})
	}
}

func TestToken(t *testing.T) {
	g := NewWithT(t)
	k := keyring(t, newKey, nil)
	token := k.Token("uid-1", 7, ada)
	g.Expect(token).To(HaveLen(TokenLength))
	g.Expect(token).To(MatchRegexp(`^[A-Za-z0-9_-]+$`), "it is part of a URL's path")
	g.Expect(k.Token("uid-1", 7, ada)).To(Equal(token), "a retry carries the same link")
	g.Expect(token).NotTo(ContainSubstring("ada"))
	// The format must not change: links that were sent must survive an upgrade.
	g.Expect(token).To(Equal("dYd7tCQGPl-vmEIKrlarNR3zCDlTv8Wau_gbNbHs6GR_b2Np"))
}

func TestVerify(t *testing.T) {
	k := keyring(t, newKey, nil)
	token := k.Token("uid-1", 7, ada)
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	flipped := bytes.Clone(raw)
	flipped[len(flipped)-1] ^= 1
	otherID := bytes.Clone(raw)
	otherID[0] ^= 1
	type link struct {
		uid        types.UID
		generation int64
		email      string
	}
	genuine := link{"uid-1", 7, ada}
	tests := []struct {
		name  string
		ring  Keyring
		token string
		link  link
		want  bool
	}{
		{name: "genuine", token: token, link: genuine, want: true},
		{name: "the address in another case", token: token, link: link{"uid-1", 7, "ADA@Acme.Example"}, want: true},
		{name: "after the key was rotated", ring: keyring(t, bytes.Repeat([]byte{3}, KeyLength), newKey), token: token, link: genuine, want: true},
		{name: "after the key was rotated twice", ring: keyring(t, bytes.Repeat([]byte{3}, KeyLength), oldKey), token: token, link: genuine},
		{name: "another key", ring: keyring(t, oldKey, nil), token: token, link: genuine},
		{name: "another invitation", token: token, link: link{"uid-2", 7, ada}},
		{name: "a newer link exists", token: token, link: link{"uid-1", 8, ada}},
		{name: "an older link", token: token, link: link{"uid-1", 6, ada}},
		{name: "another address", token: token, link: link{"uid-1", 7, "bob@acme.example"}},
		{name: "other parts with the same concatenation", token: k.Token("uid-", 7, "1"+ada), link: genuine},
		{name: "empty", token: "", link: genuine},
		{name: "truncated", token: token[:len(token)-1], link: genuine},
		{name: "truncated to whole bytes", token: token[:len(token)-4], link: genuine},
		{name: "appended", token: token + "A", link: genuine},
		{name: "appended whole bytes", token: token + "AAAA", link: genuine},
		{name: "a line break appended", token: token + "\n", link: genuine},
		{name: "a line break within", token: token[:8] + "\r\n" + token[8:], link: genuine},
		{name: "padded", token: token + "==", link: genuine},
		{name: "a space in front", token: " " + token, link: genuine},
		{name: "one bit flipped", token: base64.RawURLEncoding.EncodeToString(flipped), link: genuine},
		{name: "another key id", token: base64.RawURLEncoding.EncodeToString(otherID), link: genuine},
		{name: "the other alphabet", token: base64.RawStdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, len(raw))), link: genuine},
		{name: "not base64 at all", token: strings.Repeat("!", TokenLength), link: genuine},
		{name: "zeros", token: strings.Repeat("A", TokenLength), link: genuine},
		{name: "a megabyte", token: strings.Repeat("A", 1<<20), link: genuine},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ring := tt.ring
			if len(ring.keys) == 0 {
				ring = k
			}
			got := ring.Verify(tt.token, tt.link.uid, tt.link.generation, tt.link.email)
			NewWithT(t).Expect(got).To(Equal(tt.want))
		})
	}
}

// Mail programs take a dash or an underscore at the end of a link for the end of a sentence.
func TestEveryTokenEndsInALetterOrDigit(t *testing.T) {
	g := NewWithT(t)
	k := keyring(t, newKey, nil)
	former := 0
	for i := range 10_000 {
		uid, generation := types.UID(fmt.Sprintf("uid-%d", i)), int64(i%7)
		token := k.Token(uid, generation, ada)
		g.Expect(token).To(MatchRegexp(`^[A-Za-z0-9_-]{47}[A-Za-z0-9]$`))
		g.Expect(k.Token(uid, generation, ada)).To(Equal(token))
		g.Expect(k.Verify(token, uid, generation, ada)).To(BeTrue())
		if old := seal(newKey, uid, generation, ada); old != token {
			former++
			g.Expect(old[:TokenLength-1]).To(Equal(token[:TokenLength-1]))
		}
	}
	g.Expect(former).To(BeNumerically("~", 10_000/32, 100), "every other token is what it was")
}

// Links that are out work after an upgrade, and if a mail program has left out what their token ends with.
func TestTokensThatEndInADash(t *testing.T) {
	k := keyring(t, newKey, oldKey)
	for _, key := range [][]byte{newKey, oldKey} {
		for _, ending := range []string{"-", "_", "--", "_-"} {
			t.Run(ending, func(t *testing.T) {
				g := NewWithT(t)
				uid, token := sealedWith(key, ending)
				whole := strings.TrimRight(token, "-_")
				g.Expect(k.Verify(token, uid, 1, ada)).To(BeTrue(), "as it was mailed")
				g.Expect(k.Verify(whole, uid, 1, ada)).To(BeTrue(), "without its end")
				g.Expect(k.Verify(token[:TokenLength-1], uid, 1, ada)).To(BeTrue(), "without its last character")
				g.Expect(keyring(t, key, nil).Verify(keyring(t, key, nil).Token(uid, 1, ada), uid, 1, ada)).To(BeTrue(), "made anew")
				for _, wrong := range []string{
					whole[:len(whole)-1], whole + "C", whole + ".", whole + "\x00", whole + "=", whole + strings.Repeat("-", TokenLength), "", strings.Repeat("-", TokenLength),
				} {
					g.Expect(k.Verify(wrong, uid, 1, ada)).To(BeFalse(), "%q", wrong)
				}
				g.Expect(k.Verify(token, uid, 2, ada)).To(BeFalse())
				g.Expect(k.Verify(whole, "another", 1, ada)).To(BeFalse())
			})
		}
	}
}

// Links work for every spelling of their address, also those that were mailed when the address was only put into lower case.
func TestTokensOfAnAddressThatIsSpelledInSeveralWays(t *testing.T) {
	k, rotated := keyring(t, oldKey, nil), keyring(t, newKey, oldKey)
	for spelling, others := range map[string][]string{
		"ada@bücher.example":        {"ada@xn--bcher-kva.example", "Ada@BÜCHER.example.", "ada@bu\u0308cher.example"},
		"ada@xn--bcher-kva.example": {"ada@bücher.example"},
		"Ada@acme.example.":         {"ada@acme.example"},
		"a\u0308da@acme.example":    {"äda@acme.example", "ÄDA@acme.example"},
		"ada@ａｃｍｅ.example":          {"ada@acme.example"},
		"ada@no_domain.example":     {"ADA@NO_DOMAIN.example"},
		"ada@acme.example":          {"ADA@acme.example."},
	} {
		g := NewWithT(t)
		token := k.Token("uid-1", 7, spelling)
		for _, other := range others {
			g.Expect(k.Token("uid-1", 7, other)).To(Equal(token), "%s and %s", spelling, other)
			g.Expect(rotated.Verify(token, "uid-1", 7, other)).To(BeTrue())
		}
		former := alphanumericEnd(seal(oldKey, "uid-1", 7, strings.ToLower(spelling)))
		g.Expect(rotated.Verify(former, "uid-1", 7, spelling)).To(BeTrue(), "the link that %s has in hand", spelling)
		g.Expect(rotated.Verify(former, "uid-1", 8, spelling)).To(BeFalse())
		g.Expect(rotated.Verify(former, "uid-1", 7, "bob@acme.example")).To(BeFalse())
	}
	g := NewWithT(t)
	for _, ascii := range []string{ada, "Ada@ACME.example", "ada@xn--bcher-kva.example"} {
		g.Expect(k.Token("uid-1", 7, ascii)).To(Equal(alphanumericEnd(seal(oldKey, "uid-1", 7, strings.ToLower(ascii)))), "no other link than before")
	}
}

// sealedWith returns the invitation of a token that ended in what it is asked for before tokens ended in an alphanumeric character.
func sealedWith(key []byte, ending string) (types.UID, string) {
	for i := 0; ; i++ {
		uid := types.UID(fmt.Sprintf("uid-%d", i))
		if token := seal(key, uid, 1, ada); strings.HasSuffix(token, ending) {
			return uid, token
		}
	}
}

// Verify does not panic on any input, and accepts only the genuine tokens.
func FuzzVerify(f *testing.F) {
	k := keyring(f, newKey, oldKey)
	current, previous := k.Token("uid-1", 7, ada), keyring(f, oldKey, nil).Token("uid-1", 7, ada)
	for _, seed := range []string{current, previous, current + "\n", current[1:], strings.ToUpper(current), current + current, "", "A", "====", "\x00", "é", strings.Repeat("A", TokenLength)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		genuine := token == current || token == previous
		if k.Verify(token, "uid-1", 7, ada) != genuine {
			t.Fatalf("Verify(%q) = %v", token, !genuine)
		}
		if k.Verify(token, "uid-2", 7, ada) || k.Verify(token, "uid-1", 8, ada) || k.Verify(token, "uid-1", 7, "bob@acme.example") {
			t.Fatalf("%q opens another invitation", token)
		}
	})
}

// A link works as long as its key is one of the two.
func TestKeyID(t *testing.T) {
	g := NewWithT(t)
	before, rotated := keyring(t, oldKey, nil), keyring(t, newKey, oldKey)
	g.Expect(before.ID()).To(MatchRegexp("^[0-9a-f]{8}$"))
	raw, err := base64.RawURLEncoding.DecodeString(before.Token("uid-1", 7, ada)[:6])
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(before.ID()).To(HavePrefix(hex.EncodeToString(raw)), "it tells no more than every link does")
	g.Expect(rotated.Has(before.ID())).To(BeTrue())
	g.Expect(rotated.Has(rotated.ID())).To(BeTrue())
	g.Expect(keyring(t, newKey, nil).Has(before.ID())).To(BeFalse())
	g.Expect(before.Has("")).To(BeFalse())
}

// A token that lost its end is told apart from every other one.
func FuzzVerifyWithoutEnd(f *testing.F) {
	k := keyring(f, newKey, nil)
	uid, old := sealedWith(newKey, "-_")
	whole := strings.TrimRight(old, "-_")
	for _, seed := range []string{old, whole, whole + "-", whole + "__", k.Token(uid, 1, ada), whole + "\x00", whole + "\x00\x00", whole + "---", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		genuine := token == k.Token(uid, 1, ada) || len(token) <= TokenLength && strings.TrimRight(token, "-_") == whole
		if k.Verify(token, uid, 1, ada) != genuine {
			t.Fatalf("Verify(%q) = %v", token, !genuine)
		}
	})
}
