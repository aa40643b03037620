// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	. "github.com/onsi/gomega"
	"golang.org/x/text/unicode/norm"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestEmailAddressKey(t *testing.T) {
	for key, spellings := range map[string][]usherv1.EmailAddress{
		"":                 {""},
		"no address":       {"No Address"},
		"ada@acme.example": {"ada@acme.example", "Ada@ACME.example", "ada@acme.example.", "ada@ａｃｍｅ．ｅｘａｍｐｌｅ", "ADA@acme。example｡"},
		"ada@xn--bcher-kva.example": {
			"ada@bücher.example", "ada@bu\u0308cher.example", "ada@BÜCHER.example", "ada@BU\u0308CHER.Example.", "ada@XN--BCHER-KVA.example",
			"ada@ｂücher.example", "ada@ｘｎ－－bcher-kva.example", "ada@xn--bcher-kva.example.",
		},
		"ädä@acme.example":               {"ädä@acme.example", "ÄDÄ@acme.example", "a\u0308da\u0308@acme.example", "A\u0308DA\u0308@ACME.example."},
		"νικοσ@acme.example":             {"νικος@acme.example", "ΝΙΚΟΣ@acme.example", "νικοσ@acme.example"},
		"i\u0307da@acme.example":         {"İda@acme.example", "I\u0307da@acme.example", "i\u0307da@acme.example"},
		"ada@xn--strae-oqa.example":      {"ada@straße.example", "ada@STRAẞE.example"}, // nontransitional
		"ada@xn--fiqs8s.example":         {"ada@中国.example", "ada@中国。example"},
		"ada@ab--cd.example":             {"ada@ab--cd.example", "ada@AB--CD.example."}, // such domains exist
		"ada@acme..example":              {"Ada@acme..Example"},
		"ada@acme_.example":              {"Ada@acme_.example"},
		"ada@xn--\u00fc.example":         {"ada@xn--ü.example", "ada@XN--Ü.example"},
		"ada@" + strings.Repeat("ü", 60): {usherv1.EmailAddress("ada@" + strings.Repeat("Ü", 60))}, // over 63 bytes as an A-label
	} {
		for _, spelling := range spellings {
			g := NewWithT(t)
			g.Expect(spelling.Key()).To(Equal(key), "%+q", spelling)
			g.Expect(spelling.SameAs(usherv1.EmailAddress(key))).To(BeTrue())
		}
	}
}

// What looks alike, or what one provider delivers to one mailbox, is not the same address.
func TestEmailAddressesOfOthers(t *testing.T) {
	g := NewWithT(t)
	of := map[string]usherv1.EmailAddress{}
	for _, address := range []usherv1.EmailAddress{
		"ada@acme.example", "bob@acme.example", "\u0430da@acme.example", "ada@\u0430cme.example", "ada@acme.test", "ada@acme.example.test",
		"a.da@acme.example", "ada+x@acme.example", "ａｄａ@acme.example", "àda@acme.example", "ıda@acme.example", "ida@acme.example", "İda@acme.example",
		"strasse@acme.example", "straße@acme.example", "ada@strasse.example", "ada@straße.example", "ada@νικος.example", "ada@νικοσ.example",
		"ﬁ@acme.example", "fi@acme.example",
	} {
		g.Expect(of).NotTo(HaveKey(address.Key()), "%+q and %+q", of[address.Key()], address)
		of[address.Key()] = address
	}
}

// The tokens of links are made of it.
func TestTheKeyOfAnASCIIAddressIsItsLowerCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.StringMatching(`[!#$%&'*+./0-9=?A-Z^_a-z{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?\.){0,3}[A-Za-wyz][A-Za-z0-9]{0,20}`).Draw(t, "address")
		if key := usherv1.EmailAddress(address).Key(); key != strings.ToLower(address) {
			t.Fatalf("the key of %s is %s", address, key)
		}
	})
}

// anAddress that the API accepts as far as its characters go; many have no domain that DNS could have.
var anAddress = rapid.Custom(func(t *rapid.T) string {
	char := rapid.OneOf(
		rapid.RuneFrom([]rune("abcXYZ0-éÜß.ıİſςσΣＡ。ǅԱﬁ\u0301\u0308\u0323\u0345\u212aא١中")),
		rapid.RuneFrom(nil, unicode.L, unicode.M, unicode.N, unicode.S),
	)
	part := rapid.StringOfN(char, 1, 12, -1)
	return part.Draw(t, "local") + "@" + part.Draw(t, "domain")
})

func TestAllSpellingsHaveOneKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		address := anAddress.Draw(t, "address")
		checkSpellings(t, address)
	})
}

// Each letter alone: what is special about one is rare among all.
func TestEveryLetterHasOneKey(t *testing.T) {
	for r := rune(0x21); r <= unicode.MaxRune; r++ {
		if unicode.In(r, unicode.Han, unicode.Hangul) && r%64 != 0 { // too many, and too much alike
			continue
		}
		if unicode.IsPrint(r) {
			checkSpellings(t, "x"+string(r)+"@a"+string(r)+"b.example")
		}
	}
}

func checkSpellings(t interface{ Fatalf(string, ...any) }, address string) {
	key := usherv1.EmailAddress(address).Key()
	for name, spelling := range map[string]string{
		"the key": key, "NFC": norm.NFC.String(address), "NFD": norm.NFD.String(address), "lower case": usherv1.EmailAddress(address).LowerCase(),
	} {
		if got := usherv1.EmailAddress(spelling).Key(); got != key {
			t.Fatalf("%+q has the key %+q, and %s, %+q, has %+q", address, key, name, spelling, got)
		}
	}
	mailbox, err := usherv1.EmailAddress(address).Mailbox()
	if err != nil {
		return
	}
	if got := usherv1.EmailAddress(mailbox).Key(); got != key {
		t.Fatalf("%+q has the key %+q, and its mailbox %+q has %+q", address, key, mailbox, got)
	}
	if again, err := usherv1.EmailAddress(mailbox).Mailbox(); err != nil || again != mailbox {
		t.Fatalf("the mailbox of %+q is %+q, whose own is %+q: %v", address, mailbox, again, err)
	}
	for _, respelled := range []string{norm.NFD.String(address), address + "."} {
		if same, err := usherv1.EmailAddress(respelled).Mailbox(); err == nil && same != mailbox {
			t.Fatalf("%+q goes to %+q, and %+q to %+q", address, mailbox, respelled, same)
		}
	}
}

func FuzzEmailAddress(f *testing.F) {
	for _, seed := range []string{
		"", "@", "ada@acme.example", "ädä@bücher.example.", "ada@xn--bcher-kva.example", "a\u0308@u\u0308.example", "\xff@\xfe", "a@@b", "a@xn--",
		"ada@" + strings.Repeat("ü", 300), "ada@a" + strings.Repeat("\u0301", 80), "ada@ا.1", "a@．", "a@xn--a.example", "a@\u00ad", "İ@İ", "ς@ς",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		key := usherv1.EmailAddress(address).Key()
		if again := usherv1.EmailAddress(key).Key(); again != key {
			t.Fatalf("the key of %+q is %+q, whose own is %+q", address, key, again)
		}
		if len(key) > 4*len(address)+300 {
			t.Fatalf("%d bytes have a key of %d", len(address), len(key))
		}
		mailbox, err := usherv1.EmailAddress(address).Mailbox()
		if err != nil {
			return
		}
		checkSpellings(t, address)
		_, domain, _ := strings.Cut(mailbox, "@")
		if len(mailbox) > usherv1.MaxEmailBytes || strings.Count(mailbox, "@") != 1 || strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			t.Fatalf("%+q goes to %+q", address, mailbox)
		}
		for label := range strings.SplitSeq(domain, ".") {
			if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
				t.Fatalf("%+q goes to %+q", address, mailbox)
			}
		}
	})
}

func TestMailbox(t *testing.T) {
	for in, want := range map[usherv1.EmailAddress]string{
		"ada@acme.example":                      "ada@acme.example",
		"Ada.@ACME.Example.":                    "Ada.@acme.example",
		"zoé@société.example":                   "zoé@xn--socit-esab.example",
		"zoe\u0301@socie\u0301te\u0301.example": "zoé@xn--socit-esab.example",
		"ada+usher@acme.example":                "ada+usher@acme.example",
		"ada@Ａcme。example":                      "ada@acme.example",
		"ada@ab--cd.example":                    "ada@ab--cd.example",
		"":                                      "",
		"ada":                                   "",
		"@acme.example":                         "",
		"ada@":                                  "",
		"ada@.":                                 "",
		"ada@acme..example":                     "",
		"ada@acme.example..":                    "",
		"ada@acme_x.example":                    "",
		"ada@-acme.example":                     "",
		"ada@－acme.example":                     "",
		"ada@acme－.example":                     "",
		"ada@xn--0.example":                     "",
		"ada@xn--acme-.example":                 "",
		"ada@\u0301acme.example":                "",
		"ada@1א.example":                        "",
		"ada@acme／example":                      "",
		"ada love@acme.example":                 "",
		"<ada@acme.example>":                    "",
		"ada@x@acme.example":                    "",
		"ada@acme.example\r\n":                  "",
		"ada\u202e@acme.example":                "",
		"\xff@acme.example":                     "",
		"ada@\xff.example":                      "",
		usherv1.EmailAddress(strings.Repeat("a", 241) + "@acme.example"):                                      strings.Repeat("a", 241) + "@acme.example",
		usherv1.EmailAddress(strings.Repeat("a", 242) + "@acme.example"):                                      "",
		usherv1.EmailAddress(strings.Repeat("é", 130) + "@acme.example"):                                      "",
		usherv1.EmailAddress(strings.Repeat("a", 238) + "@bücher.example"):                                    "", // 254 bytes here, 260 with the domain in ASCII
		usherv1.EmailAddress("a@" + strings.Repeat("ü", 60) + ".example"):                                     "",
		usherv1.EmailAddress("a@" + strings.Repeat(strings.Repeat("b", 63)+".", 3) + strings.Repeat("b", 60)): "a@" + strings.Repeat(strings.Repeat("b", 63)+".", 3) + strings.Repeat("b", 60),
	} {
		got, err := in.Mailbox()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.60q goes to %.60q: %v", in, got, err)
		}
	}
}

func TestEmailInUse(t *testing.T) {
	in := func(state usherv1.ObservedState, accepted bool, email string) usherv1.MemberStatus {
		s := usherv1.MemberStatus{State: state, Email: email}
		if accepted {
			s.AcceptedAt = &metav1.Time{Time: time.Unix(1, 0)}
		}
		return s
	}
	const wanted, used = "wanted@acme.example", "used@acme.example"
	for name, tt := range map[string]struct {
		status usherv1.MemberStatus
		marked string
		want   usherv1.EmailAddress
	}{
		"not judged yet":                      {in("", false, ""), "", wanted},
		"invited":                             {in(usherv1.ObservedPending, false, ""), "", wanted},
		"accepted":                            {in(usherv1.ObservedActive, true, used), "", used},
		"accepted, the mark is old":           {in(usherv1.ObservedActive, true, used), "old@acme.example", used},
		"the status says no address":          {in(usherv1.ObservedActive, true, ""), "", wanted},
		"the status is lost":                  {in("", false, ""), used, used},
		"the status is lost, and accepted":    {in("", true, ""), used, used},
		"invited, the mark is of an old time": {in(usherv1.ObservedPending, false, ""), "old@acme.example", wanted},
	} {
		m := usherv1.Member{Spec: usherv1.MemberSpec{Email: wanted}, Status: tt.status}
		if tt.marked != "" {
			m.Annotations = map[string]string{usherv1.EmailInUseAnnotation: tt.marked}
		}
		if is := m.EmailInUse(); is != tt.want {
			t.Errorf("%s: %s, want %s", name, is, tt.want)
		}
	}
}
