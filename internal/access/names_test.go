// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// anAccountName has any length. Many share their beginning, and may be cut at a dot or a hyphen.
var anAccountName = rapid.Custom(func(t *rapid.T) string {
	start := strings.Repeat(rapid.SampledFrom([]string{"a", "a.", "a-", "a--b."}).Draw(t, "start"), 253)
	name := start[:rapid.IntRange(0, 240).Draw(t, "length")] + rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,4}[a-z0-9])?`).Draw(t, "end")
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		t.Skip()
	}
	return name
})

// The roles, bindings and password file of an account have valid names and labels, are known as that account's and no other's, and have no
// name in common with those of another account of the namespace.
func TestEveryNameLeadsBackToItsAccount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		projected := func(account string) map[string]metav1.Object {
			role := "seller"
			m := member("ada", role, may("orders:place", "invoices:view"))
			o := observed(m, member("eve", "admin"))
			o.Account.Name = account
			p := Project(o)
			objects := map[string]metav1.Object{"file": o.NewPasswords("passwords")}
			for i := range p.Roles {
				objects["role "+p.Roles[i].Name] = &p.Roles[i]
			}
			for i := range p.Bindings {
				objects["binding "+p.Bindings[i].Name] = &p.Bindings[i]
			}
			for name, object := range objects {
				if faults := validation.IsDNS1123Subdomain(object.GetName()); len(faults) > 0 {
					t.Fatalf("%s: %v", name, faults)
				}
				if faults := validation.IsValidLabelValue(object.GetLabels()[usherv1.AccountLabel]); len(faults) > 0 {
					t.Fatalf("%s: %v", name, faults)
				}
				if is := AccountOf(object); is != account {
					t.Fatalf("%s of %s is of %q", name, account, is)
				}
			}
			for i := range p.Bindings {
				stem, number, _ := cutLast(p.Bindings[i].Name)
				if shards := shardsOf(p.Bindings, stem); len(shards) != 1 || number != "0" || shards[0].Name != p.Bindings[i].Name {
					t.Fatalf("%s is not found by its stem", p.Bindings[i].Name)
				}
			}
			return objects
		}
		one, other := anAccountName.Draw(t, "account"), anAccountName.Draw(t, "another account")
		if one == other {
			t.Skip()
		}
		theirs := projected(other)
		for name, object := range projected(one) {
			if _, taken := theirs[name]; taken && name != "file" {
				t.Fatalf("%s and %s both have %s", one, other, name)
			}
			account := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: other, UID: "uid-other"}}
			object.SetOwnerReferences(nil)
			if Stripped(object, account) {
				t.Fatalf("%s of %s would be deleted as %s's", name, one, other)
			}
		}
	})
}

// A binding is one of a grant's only under the name that Usher would give it.
func TestShardsOfTakesNoOtherNumber(t *testing.T) {
	p := Project(observed(member("ada", "seller")))
	for _, number := range []string{"01", "+1", "-1", "1x", ""} {
		b := p.Bindings[0].DeepCopy()
		stem, _, _ := cutLast(b.Name)
		b.Name = stem + "-" + number
		if shards := shardsOf(append(p.Bindings[:0:0], *b), stem); len(shards) > 0 {
			t.Errorf("%s is a shard", b.Name)
		}
	}
}

func cutLast(name string) (stem, number string, found bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}
