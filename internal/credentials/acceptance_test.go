// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestAcceptanceOf(t *testing.T) {
	accepted := metav1.Now()
	member := func(change ...func(*usherv1.Member)) *usherv1.Member {
		m := &usherv1.Member{Spec: usherv1.MemberSpec{Email: "Ada@acme.example"}}
		m.UID = "ada-1"
		for _, c := range change {
			c(m)
		}
		return m
	}
	wasBefore := func(m *usherv1.Member) { m.Annotations = map[string]string{usherv1.MemberUIDAnnotation: "ada-0"} }
	recorded := func(m *usherv1.Member) { m.Status.AcceptedAt = &accepted }
	account := func(status usherv1.AccountStatus) *usherv1.Account { return &usherv1.Account{Status: status} }
	former := account(usherv1.AccountStatus{FormerMembers: []usherv1.FormerMember{{UID: "ada-0"}}})
	departed := account(usherv1.AccountStatus{Departures: []usherv1.Departure{{UID: "ada-0"}}})
	knowsAda := account(usherv1.AccountStatus{FormerMembers: []usherv1.FormerMember{{UID: "ada-1"}, {UID: ""}}})
	no := account(usherv1.AccountStatus{})

	for name, c := range map[string]struct {
		credentials *Credentials
		member      *usherv1.Member
		account     *usherv1.Account
		want        Acceptance
	}{
		"no Secret":                            {nil, member(), former, None},
		"no Secret, no Member":                 {nil, nil, nil, None},
		"hers":                                 {&Credentials{MemberUID: "ada-1", Email: "Ada@acme.example"}, member(), former, Accepted},
		"hers, in other letters":               {&Credentials{MemberUID: "ada-1", Email: "ada@ACME.example"}, member(), no, Accepted},
		"hers, though the account lists her":   {&Credentials{MemberUID: "ada-1"}, member(), knowsAda, Accepted},
		"without a UID":                        {&Credentials{Email: "ada@acme.example"}, member(), knowsAda, Accepted},
		"without an address":                   {&Credentials{MemberUID: "ada-1"}, member(), no, Accepted},
		"with nothing in it":                   {&Credentials{}, member(), no, Accepted},
		"restored":                             {&Credentials{MemberUID: "ada-0", Email: "ada@acme.example"}, member(), no, Accepted},
		"restored, without an Account":         {&Credentials{MemberUID: "ada-0", Email: "ada@acme.example"}, member(), nil, Accepted},
		"restored, at another address":         {&Credentials{MemberUID: "ada-0", Email: "old@acme.example"}, member(), no, OfAnotherAddress},
		"of a former member":                   {&Credentials{MemberUID: "ada-0", Email: "ada@acme.example"}, member(), former, OfEarlierMember},
		"of a departed member":                 {&Credentials{MemberUID: "ada-0", Email: "ada@acme.example"}, member(), departed, OfEarlierMember},
		"of a former member, after acceptance": {&Credentials{MemberUID: "ada-0"}, member(recorded), former, OfEarlierMember},
		"of a former member, elsewhere":        {&Credentials{MemberUID: "ada-0", Email: "old@acme.example"}, member(recorded), former, OfEarlierMember},
		"deleted and restored":                 {&Credentials{MemberUID: "ada-0", Email: "ada@acme.example"}, member(wasBefore), former, Accepted},
		"deleted, restored with another Secret": {&Credentials{MemberUID: "ada-0", Email: "ada@acme.example"}, member(func(m *usherv1.Member) {
			m.Annotations = map[string]string{usherv1.MemberUIDAnnotation: "ada-1"}
		}), former, OfEarlierMember},
		"address corrected before":                 {&Credentials{MemberUID: "ada-1", Email: "old@acme.example"}, member(), no, OfAnotherAddress},
		"address changed after":                    {&Credentials{MemberUID: "ada-1", Email: "old@acme.example"}, member(recorded), no, AcceptedAtFormerAddress},
		"read from the metadata":                   {&Credentials{MemberUID: "ada-1", Recorded: true}, member(recorded), no, Accepted},
		"not by Usher":                             {&Credentials{Foreign: true, MemberUID: "ada-1", Email: "ada@acme.example"}, member(recorded), no, NotCredentials},
		"not by Usher, with a former UID":          {&Credentials{Foreign: true, MemberUID: "ada-0"}, nil, former, NotCredentials},
		"no Member, of a former one":               {&Credentials{MemberUID: "ada-0"}, nil, former, OfEarlierMember},
		"no Member, of an unknown one":             {&Credentials{MemberUID: "ada-0"}, nil, no, OfAbsentMember},
		"no Member, without a UID":                 {&Credentials{}, nil, knowsAda, OfAbsentMember},
		"no signature":                             {&Credentials{MemberUID: "ada-1", Email: "ada@acme.example"}, member(), no, NotSigned},
		"no signature, after acceptance":           {&Credentials{MemberUID: "ada-1", Email: "ada@acme.example"}, member(recorded), no, NotSigned},
		"no signature, of a former member":         {&Credentials{MemberUID: "ada-0"}, member(), former, NotSigned},
		"no signature, no Member":                  {&Credentials{MemberUID: "ada-0"}, nil, former, NotSigned},
		"a signature by a previous key":            {&Credentials{MemberUID: "ada-1", Signature: SignedBefore}, member(), no, Accepted},
		"an unchecked signature":                   {&Credentials{MemberUID: "ada-1", Signature: Unchecked}, member(), no, NotSigned},
		"an unchecked signature, after acceptance": {&Credentials{MemberUID: "ada-1", Signature: Unchecked}, member(recorded), no, Accepted},
		"an unchecked signature, no Member":        {&Credentials{MemberUID: "ada-0", Signature: Unchecked}, nil, former, NotSigned},
		"neither Member nor Account":               {&Credentials{MemberUID: "ada-0"}, nil, nil, OfAbsentMember},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			if c.credentials != nil && !strings.Contains(name, "signature") {
				c.credentials.Signature = Signed
			}
			got := AcceptanceOf(c.credentials, c.member, c.account)
			g.Expect(got).To(Equal(c.want))
			g.Expect(got.Counts()).To(Equal(c.want == Accepted || c.want == AcceptedAtFormerAddress))
			g.Expect(got.Blocks()).To(Equal(c.want == OfEarlierMember || c.want == OfAnotherAddress || got.LeftAlone()))
			g.Expect(got.LeftAlone()).To(Equal(c.want == NotCredentials || c.want == NotSigned))
		})
	}
}

func TestReadWithoutASecret(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Read(nil, nil)).To(BeNil())
	created := metav1.Now()
	g.Expect(Read(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: created}}, nil).AcceptedAt).To(Equal(created))
}

// An acceptance by a portal whose clock is ahead counts from when the API server made the Secret: by a later time its member would wait
// behind all others for a seat.
func TestAnAcceptanceIsNotLaterThanItsSecret(t *testing.T) {
	made := metav1.Date(2026, 3, 8, 9, 30, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		said time.Time
		want time.Time
	}{
		"a right clock":             {made.Time, made.Time},
		"a clock a little ahead":    {made.Add(time.Minute), made.Add(time.Minute)},
		"a clock a year ahead":      {made.AddDate(1, 0, 0), made.Time},
		"a Secret that is restored": {made.AddDate(-1, 0, 0), made.AddDate(-1, 0, 0)},
	} {
		secret := New(&usherv1.Member{}, Answers{}, tt.said, aSigner(t))
		secret.CreationTimestamp = made
		NewWithT(t).Expect(Read(secret, nil).AcceptedAt.Time).To(BeTemporally("==", tt.want), name)
	}
	with := &corev1.Secret{Data: map[string][]byte{KeyAcceptedAt: []byte("2026-03-08T09:30:00.7Z")}}
	NewWithT(t).Expect(Read(with, nil).AcceptedAt.Time).To(BeTemporally("==", made.Time), "as it is stored")
}

// What metadata tells agrees with what the whole Secret says: it rules out what a deleted member left behind, and what Usher did not make.
func TestMayBeAcceptance(t *testing.T) {
	ada := func(annotated ...string) *usherv1.Member {
		m := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Name: "ada", UID: "ada-1"}}
		for _, uid := range annotated {
			metav1.SetMetaDataAnnotation(&m.ObjectMeta, usherv1.MemberUIDAnnotation, uid)
		}
		return m
	}
	departed := &usherv1.Account{Status: usherv1.AccountStatus{Departures: []usherv1.Departure{{UID: "ada-0"}}}}
	for name, c := range map[string]struct {
		uid, label, secret string
		member             *usherv1.Member
		account            *usherv1.Account
		want, before       bool
	}{
		"hers":                            {uid: "ada-1", member: ada(), account: departed, want: true},
		"without a UID":                   {label: "ada", member: ada(), account: departed, want: true},
		"restored":                        {uid: "ada-0", member: ada(), want: true, before: true},
		"restored, before its Member":     {uid: "ada-0", want: true, before: true},
		"of a departed member":            {uid: "ada-0", member: ada(), account: departed, before: true},
		"of a departed member, no Member": {uid: "ada-0", account: departed, before: true},
		"deleted and restored":            {uid: "ada-0", member: ada("ada-0"), account: departed, want: true, before: true},
		"not by Usher":                    {member: ada()},
		"copied from another member":      {label: "bob", member: ada()},
		"another name":                    {uid: "ada-1", secret: "usher-smtp", member: ada()},
	} {
		t.Run(name, func(t *testing.T) {
			secret := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: Name("ada")}}
			if c.secret != "" {
				secret.Name = c.secret
			}
			if c.uid != "" {
				secret.Annotations = map[string]string{usherv1.MemberUIDAnnotation: c.uid}
			}
			secret.Labels = map[string]string{usherv1.MemberLabel: c.label}
			if got := MayBeAcceptance(secret, c.member, c.account); got != c.want {
				t.Errorf("MayBeAcceptance is %v", got)
			}
			if got := BeforeRestore(c.uid, c.member); got != c.before {
				t.Errorf("BeforeRestore is %v", got)
			}
			whole := &corev1.Secret{ObjectMeta: secret.ObjectMeta, Type: Type}
			aSigner(t).Sign(whole)
			if of := AcceptanceOf(Read(whole, aSigner(t)), c.member, c.account); c.secret == "" && of == OfEarlierMember && c.want {
				t.Error("the whole Secret says that an earlier member left it behind")
			}
		})
	}
}
