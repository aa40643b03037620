// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package samples_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// A reference is a field that holds the name of an object.
type reference struct{ kind, path, target string }

// described is how the API describes the field `name` of a reference.
var described = regexp.MustCompile(`^name is the name of the (\w+)[,.]`)

// noReferences are the fields that look like a name, and name no object that kustomize knows.
var noReferences = []string{
	"Account spec/access/htpasswdSecret",                             // Usher creates it
	"Account spec/access/supportGroup",                               // a group of users
	"Account spec/addOns", "Member spec/role", "SeatPool spec/addOn", // names within a Plan
	"Plan spec/addOns/name", "Plan spec/roles/name", "Plan spec/defaultRole", "Plan spec/invitedRole", "Plan spec/ownerRole", "Plan spec/ownedResources/kind",
}

// moreReferences are those whose description does not say so in the usual words.
var moreReferences = []reference{{"Plan", "spec/roles/clusterRoles", "ClusterRole"}}

// references returns every reference in the specs of the CRDs, and fails for a field that may be one.
func references(t *testing.T) []reference {
	t.Helper()
	g := NewWithT(t)
	files, err := filepath.Glob(filepath.Join(root(t), "config/crd/bases/*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files).NotTo(BeEmpty())
	found := slices.Clone(moreReferences)
	for _, file := range files {
		content, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		var crd apiextensionsv1.CustomResourceDefinition
		g.Expect(yaml.Unmarshal(content, &crd)).To(Succeed())
		kind := crd.Spec.Names.Kind
		spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		visit(spec, "spec", func(path string, field apiextensionsv1.JSONSchemaProps) {
			if target := described.FindStringSubmatch(field.Description); target != nil {
				found = append(found, reference{kind, path, target[1]})
				return
			}
			// A name has at most 63 or 253 characters; so have role and add-on names.
			named := field.MaxLength != nil && (*field.MaxLength == 63 || *field.MaxLength == 253)
			if !named || slices.Contains(moreReferences, reference{kind, path, "ClusterRole"}) {
				return
			}
			g.Expect(noReferences).To(ContainElement(kind+" "+path),
				"a new field: if it names an object, add it to config/kustomize/namereference.yaml; if not, to noReferences")
		})
	}
	return found
}

// visit calls do with every string below a schema and its path, as kustomize writes it.
func visit(schema apiextensionsv1.JSONSchemaProps, path string, do func(string, apiextensionsv1.JSONSchemaProps)) {
	if schema.Type == "string" {
		do(path, schema)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		visit(*schema.Items.Schema, path, do)
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		visit(schema.Properties[name], path+"/"+name, do)
	}
}

// build builds a kustomization in a folder of its own below the root of the repository's config, where the component is ../kustomize.
func build(t *testing.T, kustomization string, files map[string]string) []*unstructured.Unstructured {
	t.Helper()
	g := NewWithT(t)
	folder := t.TempDir()
	component, err := filepath.Rel(folder, filepath.Join(root(t), "config/kustomize"))
	g.Expect(err).NotTo(HaveOccurred())
	samples, err := filepath.Rel(folder, filepath.Join(root(t), "config/samples"))
	g.Expect(err).NotTo(HaveOccurred())
	kustomization = strings.NewReplacer("COMPONENT", component, "SAMPLES", samples).Replace(kustomization)
	for name, content := range maps.Collect(func(yield func(string, string) bool) {
		if yield("kustomization.yaml", kustomization) {
			maps.All(files)(yield)
		}
	}) {
		g.Expect(os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600)).To(Succeed())
	}
	built, err := run(t, "kustomize", folder)
	g.Expect(err).NotTo(HaveOccurred(), built)
	return decoded(t, built)
}

// named returns what a path holds in an object; lists are walked through.
func named(value any, path []string) []string {
	switch v := value.(type) {
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, named(item, path)...)
		}
		return all
	case map[string]any:
		if len(path) > 0 {
			return named(v[path[0]], path[1:])
		}
	case string:
		if len(path) == 0 {
			return []string{v}
		}
	}
	return nil
}

// holding returns an object of a kind whose path holds a name. Every part that is a list in the API is one.
func holding(r reference, name, namespace string) string {
	parts := strings.Split(r.path, "/")
	value := any(name)
	if r.target == "ClusterRole" {
		value = []any{name, "another"}
	}
	for i := len(parts) - 1; i >= 0; i-- {
		value = map[string]any{parts[i]: value}
		if i > 0 && (strings.HasSuffix(parts[i-1], "Refs") || parts[i-1] == "roles") {
			value = []any{value, map[string]any{parts[i]: "another"}}
		}
	}
	object := value.(map[string]any)
	object["apiVersion"], object["kind"] = "usher.dev/v1alpha1", r.kind
	object["metadata"] = map[string]any{"name": "referrer"}
	if namespace != "" {
		object["metadata"].(map[string]any)["namespace"] = namespace
	}
	content, err := yaml.Marshal(object)
	if err != nil {
		panic(err)
	}
	return string(content)
}

var groups = map[string]string{"Secret": "v1", "ConfigMap": "v1", "ClusterRole": "rbac.authorization.k8s.io/v1"}

// For every field of the API that names an object, kustomize changes it with the object's name.
func TestEveryReferenceFollowsAName(t *testing.T) {
	found := references(t)
	NewWithT(t).Expect(len(found)).To(BeNumerically(">=", 9))
	for _, r := range found {
		t.Run(r.kind+" "+r.path, func(t *testing.T) {
			g := NewWithT(t)
			version := groups[r.target]
			if version == "" {
				version = "usher.dev/v1alpha1"
			}
			target := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: target}\n", version, r.target)
			objects := build(t, "resources: [target.yaml, referrer.yaml]\ncomponents: [COMPONENT]\nnamespace: acme\nnamePrefix: eu-\nnameSuffix: -one\n",
				map[string]string{"target.yaml": target, "referrer.yaml": holding(r, "target", "")})
			g.Expect(objects).To(HaveLen(2))
			for _, object := range objects {
				if object.GetName() == "eu-referrer-one" && object.GetKind() == r.kind {
					names := named(object.Object, strings.Split(r.path, "/"))
					g.Expect(names).To(ContainElement("eu-target-one"))
					g.Expect(names).NotTo(ContainElement("target"))
					g.Expect(strings.Join(names, " ")).NotTo(ContainSubstring("eu-another"), "what the kustomization does not contain")
				}
			}
		})
	}
}

// The file has no field that the API does not have (any more).
func TestNoReferenceIsMadeUp(t *testing.T) {
	g := NewWithT(t)
	content, err := os.ReadFile(filepath.Join(root(t), "config/kustomize/namereference.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	var file struct {
		NameReference []struct {
			Kind       string `json:"kind"`
			FieldSpecs []struct {
				Kind  string `json:"kind"`
				Group string `json:"group"`
				Path  string `json:"path"`
			} `json:"fieldSpecs"`
		} `json:"nameReference"`
	}
	g.Expect(yaml.Unmarshal(content, &file)).To(Succeed())
	var written []reference
	for _, target := range file.NameReference {
		for _, field := range target.FieldSpecs {
			if field.Group == "admissionregistration.k8s.io" {
				continue // of an installation of Usher, not of its kinds
			}
			g.Expect(field.Group).To(Equal("usher.dev"))
			written = append(written, reference{field.Kind, field.Path, target.Kind})
		}
	}
	g.Expect(written).To(ConsistOf(references(t)))
}

// With a prefix, the samples still name each other, and a generated Secret takes the place of the sample's.
func TestTheSamplesWithAnotherName(t *testing.T) {
	g := NewWithT(t)
	objects := build(t, `resources: [SAMPLES]
namePrefix: eu-
secretGenerator:
  - {name: acme-smtp, namespace: acme, behavior: replace, literals: [host=mail.acme.example, from=no-reply@acme.example]}
patches:
  - target: {kind: Account}
    patch: |
      - {op: add, path: /spec/mail/secretRef, value: {name: acme-smtp}}
      - {op: add, path: /spec/mail/templatesRef, value: {name: acme-mails}}
`, nil)
	there := map[string]bool{}
	for _, object := range objects {
		there[object.GetKind()+" "+object.GetName()] = true
	}
	g.Expect(there).To(And(HaveKey("Account eu-acme"), HaveKey("Member eu-ada"), HaveKey("Namespace acme")))
	followed := map[string]bool{}
	for _, object := range objects {
		for _, r := range references(t) {
			if object.GetKind() != r.kind {
				continue
			}
			for _, name := range named(object.Object, strings.Split(r.path, "/")) {
				followed[r.kind+" "+r.path] = true
				g.Expect(there).To(HaveKey(r.target+" "+name), "%s of %s", r.path, identity(object))
			}
		}
	}
	g.Expect(slices.Sorted(maps.Keys(followed))).To(Equal([]string{
		"Account spec/mail/secretRef/name", "Account spec/mail/templatesRef/name", "Member spec/accountRef/name", "SeatPool spec/accountRef/name",
	}))
}

// A kustomization that only adds the component gets references to generated Secrets and ConfigMaps with the hash in their names.
func TestReferencesToWhatKustomizeGenerates(t *testing.T) {
	g := NewWithT(t)
	objects := build(t, `resources: [account.yaml]
components: [COMPONENT]
secretGenerator: [{name: acme-smtp, namespace: acme, literals: [host=mail.acme.example]}]
configMapGenerator: [{name: acme-mails, namespace: acme, literals: [en-GB.invitation.subject=Come in]}]
`, map[string]string{"account.yaml": `apiVersion: usher.dev/v1alpha1
kind: Account
metadata: {name: acme, namespace: acme}
spec: {displayName: Acme, mail: {secretRef: {name: acme-smtp}, templatesRef: {name: acme-mails}}}
`})
	var names, referred []string
	for _, object := range objects {
		if object.GetKind() == "Account" {
			referred = append(named(object.Object, []string{"spec", "mail", "secretRef", "name"}), named(object.Object, []string{"spec", "mail", "templatesRef", "name"})...)
		} else {
			names = append(names, object.GetName())
		}
	}
	g.Expect(referred).To(ConsistOf(names))
	g.Expect(names).To(ContainElement(MatchRegexp("^acme-smtp-[a-z0-9]{10}$")))
}
