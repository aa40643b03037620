// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"errors"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// keysOf derives for each purpose keys that are the label and a name.
type keysOf []string

func (k keysOf) Derive(label string) ([][]byte, error) {
	var keys [][]byte
	for _, name := range k {
		if name == "" {
			return nil, errors.New("no key")
		}
		keys = append(keys, []byte(label+name))
	}
	return keys, nil
}

// failer is a test of any kind.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func signerOf(t failer, names ...string) *Signer {
	t.Helper()
	s, err := SignerOf(keysOf(names))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func aSigner(t failer) *Signer { return signerOf(t, "current") }

func adasAcceptance(t failer) *corev1.Secret {
	ada := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "ada", UID: "ada-1"}, Spec: usherv1.MemberSpec{Email: "Ada@acme.example"}}
	return New(ada, Answers{}, time.Date(2026, 3, 8, 9, 30, 0, 0, time.UTC), aSigner(t))
}

// A signature is over the namespace, the member, the address and the time, and over nothing that a restore or the member changes.
func TestSignature(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*corev1.Secret)
		want   Signature
	}{
		"as it was made":      {func(*corev1.Secret) {}, Signed},
		"restored":            {func(s *corev1.Secret) { s.UID, s.CreationTimestamp = "after", metav1.Now() }, Signed},
		"adopted":             {func(s *corev1.Secret) { s.Annotations[usherv1.MemberUIDAnnotation] = "ada-2" }, Signed},
		"another profile":     {func(s *corev1.Secret) { SetProfile(s, Personal{KeyGivenName: "Ada"}) }, Signed},
		"another token":       {func(s *corev1.Secret) { RotateToken(s, metav1.Now()) }, Signed},
		"address in capitals": {func(s *corev1.Secret) { s.Data[KeyEmail] = []byte("ADA@acme.example") }, Signed},
		"newlines at the ends": {func(s *corev1.Secret) {
			for _, key := range []string{KeyEmail, KeyAcceptedAt, KeySignature} {
				s.Data[key] = append(s.Data[key], '\n')
			}
		}, Signed},
		"another namespace": {func(s *corev1.Secret) { s.Namespace = "globex" }, Unsigned},
		"another member":    {func(s *corev1.Secret) { s.Name = Name("eve") }, Unsigned},
		"another address":   {func(s *corev1.Secret) { s.Data[KeyEmail] = []byte("eve@acme.example") }, Unsigned},
		"no address":        {func(s *corev1.Secret) { delete(s.Data, KeyEmail) }, Unsigned},
		"another time":      {func(s *corev1.Secret) { s.Data[KeyAcceptedAt] = []byte("2026-03-08T09:30:01Z") }, Unsigned},
		"no signature":      {func(s *corev1.Secret) { delete(s.Data, KeySignature) }, Unsigned},
		"half a signature":  {func(s *corev1.Secret) { s.Data[KeySignature] = s.Data[KeySignature][:20] }, Unsigned},
		"empty":             {func(s *corev1.Secret) { s.Data = nil }, Unsigned},
		"a member whose name goes on with the address": {func(s *corev1.Secret) {
			s.Name, s.Data[KeyEmail] = Name("adaa"), []byte("da@acme.example")
		}, Unsigned},
	} {
		t.Run(name, func(t *testing.T) {
			secret := adasAcceptance(t)
			tt.change(secret)
			if got := Read(secret, aSigner(t)).Signature; got != tt.want {
				t.Errorf("it is %d, want %d", got, tt.want)
			}
		})
	}
}

// Keys that are rotated: a previous key counts until it is dropped, and what it signed is signed anew.
func TestRotatedKeys(t *testing.T) {
	g := NewWithT(t)
	secret := adasAcceptance(t)
	g.Expect(secret.Annotations).To(HaveKeyWithValue(usherv1.KeyIDAnnotation, aSigner(t).KeyID()))
	rotated, lost := signerOf(t, "next", "current", "older"), signerOf(t, "next")
	g.Expect(rotated.Check(secret)).To(Equal(SignedBefore))
	g.Expect(signerOf(t, "next", "older", "current").Check(secret)).To(Equal(SignedBefore), "moved from another cluster")
	g.Expect(lost.Check(secret)).To(Equal(Unsigned))
	g.Expect((*Signer)(nil).Check(secret)).To(Equal(Unchecked))
	rotated.Sign(secret)
	g.Expect(lost.Check(secret)).To(Equal(Signed))
	g.Expect(secret.Annotations).To(HaveKeyWithValue(usherv1.KeyIDAnnotation, lost.KeyID()))
	g.Expect(lost.KeyID()).NotTo(Equal(aSigner(t).KeyID()))
	_, err := SignerOf(keysOf{""})
	g.Expect(err).To(MatchError(ContainSubstring("no key")))
}

// An imported Secret keeps its password, its time and its token, and is signed.
func TestTakeOver(t *testing.T) {
	g := NewWithT(t)
	member := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "ada", UID: "ada-1"}, Spec: usherv1.MemberSpec{Email: "ada@acme.example"}}
	member.Spec.AccountRef.Name = "acme"
	at := time.Date(2026, 3, 8, 9, 30, 0, 0, time.UTC)
	hash := []byte("$2a$10$" + strings.Repeat("a", 53))
	imported := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: Name("ada")}, Type: Type, Data: map[string][]byte{KeyPasswordHash: hash}}
	bare := imported.DeepCopy()
	TakeOver(bare, member, at, aSigner(t))
	is := Read(bare, aSigner(t))
	g.Expect(is).To(And(HaveField("Signature", Signed), HaveField("Email", "ada@acme.example"), HaveField("MemberUID", "ada-1"), HaveField("HasPassword", true)))
	g.Expect(is.AcceptedAt.Time).To(BeTemporally("==", at))
	g.Expect(bare.Data[KeyAPIToken]).NotTo(BeEmpty())
	g.Expect(bare.Data[KeyPasswordHash]).To(Equal(hash))
	g.Expect(bare.Labels).To(Equal(map[string]string{usherv1.AccountLabel: "acme", usherv1.MemberLabel: "ada"}))

	full := imported.DeepCopy()
	full.Data[KeyAcceptedAt], full.Data[KeyAPIToken], full.Data[KeyGivenName] = []byte("2020-01-01T00:00:00Z"), []byte("token"), []byte("Ada")
	full.Labels = map[string]string{"team": "sales"}
	TakeOver(full, member, at, aSigner(t))
	g.Expect(full.Data).To(And(HaveKeyWithValue(KeyAcceptedAt, []byte("2020-01-01T00:00:00Z")), HaveKeyWithValue(KeyAPIToken, []byte("token")), HaveKeyWithValue(KeyGivenName, []byte("Ada"))))
	g.Expect(full.Labels).To(HaveLen(3))
	g.Expect(aSigner(t).Check(full)).To(Equal(Signed))
}

// Credentials are input: what cannot be used is left out, and said.
func TestWhatCannotBeUsedIsSaid(t *testing.T) {
	hash := "$2a$10$" + strings.Repeat("a", 53)
	for name, tt := range map[string]struct {
		key, value, want string
		name             string
		password         bool
	}{
		"a name":                     {key: KeyGivenName, value: "Ada", name: "Ada"},
		"a newline after a name":     {key: KeyGivenName, value: "Ada\n", name: "Ada"},
		"a name of 300 characters":   {key: KeyGivenName, value: strings.Repeat("é", 300), want: "given-name is longer than 100 characters"},
		"a name of 100 characters":   {key: KeyGivenName, value: strings.Repeat("é", 100), name: strings.Repeat("é", 100)},
		"a newline within a name":    {key: KeyGivenName, value: "Ada\nKing", want: "given-name contains a control character"},
		"bytes that are not UTF-8":   {key: KeyGivenName, value: "\xff", want: "given-name is not UTF-8"},
		"a hash":                     {key: KeyPasswordHash, value: hash, password: true},
		"a newline after a hash":     {key: KeyPasswordHash, value: hash + "\n", password: true},
		"a hash that takes a second": {key: KeyPasswordHash, value: "$2y$14$" + strings.Repeat("a", 53), password: true},
		"a hash that takes a day":    {key: KeyPasswordHash, value: "$2a$31$" + strings.Repeat("a", 53), want: "password-hash is no bcrypt hash of a cost of 4 to 14"},
		"no hash by bcrypt":          {key: KeyPasswordHash, value: "$apr1$abc$def", want: "password-hash is no bcrypt hash of a cost of 4 to 14"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			secret := adasAcceptance(t)
			secret.Data[tt.key] = []byte(tt.value)
			is := Read(secret, aSigner(t))
			g.Expect(is.Problems).To(Equal(tt.want))
			g.Expect(is.GivenName).To(Equal(tt.name))
			g.Expect(is.HasPassword).To(Equal(tt.password))
			g.Expect(PasswordHash(secret) != nil).To(Equal(tt.password))
			g.Expect(Said(secret)[KeyGivenName]).To(Equal(tt.name))
		})
	}
	g := NewWithT(t)
	secret, yes := adasAcceptance(t), true
	secret.Immutable = &yes
	g.Expect(Read(secret, nil)).To(And(HaveField("Immutable", true), HaveField("Problems", ContainSubstring("immutable"))))
}

// Whatever is in a Secret, what is read fits into a status.
func TestReadBoundsAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: Name("ada")}, Type: Type, Data: map[string][]byte{}}
		for _, key := range []string{KeyEmail, KeyAcceptedAt, KeySalutation, KeyGivenName, KeyFamilyName, KeyPhone, KeyLanguage, KeyPasswordHash, KeySignature} {
			secret.Data[key] = rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, key)
		}
		is := Read(secret, &Signer{keys: [][]byte{[]byte("key")}})
		if is.Signature != Unsigned || len(is.Problems) > 1024 || len([]rune(is.GivenName+" "+is.FamilyName)) > 254 {
			t.Fatalf("read %+v", is)
		}
	})
}

// A change of address takes the signature along. Only an address that was confirmed keeps the password.
func TestMove(t *testing.T) {
	for name, tt := range map[string]struct {
		move     func(*corev1.Secret)
		password bool
	}{
		"at once": {func(s *corev1.Secret) {
			Move(s, &usherv1.Member{Spec: usherv1.MemberSpec{Email: "king@acme.example"}}, aSigner(t))
		}, false},
		"confirmed": {func(s *corev1.Secret) { Confirm(s, "king@acme.example", "the link", aSigner(t)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			secret := adasAcceptance(t)
			secret.Data[KeyPasswordHash] = []byte("$2a$10$" + strings.Repeat("a", 53))
			token := string(secret.Data[KeyAPIToken])
			tt.move(secret)
			g.Expect(Read(secret, aSigner(t))).To(And(
				HaveField("Signature", Signed), HaveField("Email", "king@acme.example"), HaveField("HasPassword", tt.password),
				HaveField("ProfileGeneration", int64(1)),
			))
			g.Expect(string(secret.Data[KeyAPIToken])).To(Equal(token))
			if tt.password {
				g.Expect(secret.Annotations).To(HaveKeyWithValue(usherv1.ConfirmedAnnotation, "the link"))
			}
		})
	}
}
