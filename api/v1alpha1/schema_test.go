// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

type (
	schema         = apiextensionsv1.JSONSchemaProps
	validationRule = apiextensionsv1.ValidationRule
)

// crdSchema returns the schema of a kind that the API server uses.
func crdSchema(ctx context.Context, kind string) schema {
	GinkgoHelper()
	clients, err := clientset.NewForConfig(server.Config())
	Expect(err).NotTo(HaveOccurred())
	crd, err := clients.ApiextensionsV1().CustomResourceDefinitions().Get(ctx, plural(kind)+".usher.dev", metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	Expect(crd.Spec.Versions).To(HaveLen(1))
	return *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// switches are the fields that the contract declares as booleans.
var switches = map[string]bool{
	"Plan.spec.roles[].accountAdmin": true, "Plan.spec.seatPurchase.whenFull": true, "Plan.spec.addOns[].seatPurchase.whenFull": true,
}

// walk visits every field of a schema that Usher defines, in order; "[]" is an item of a list, "{}" a value of a map.
func walk(node schema, path string, visit func(path string, node schema)) {
	visit(path, node)
	for _, name := range slices.Sorted(maps.Keys(node.Properties)) {
		if path == "" && name != "spec" && name != "status" {
			continue // apiVersion, kind and metadata are Kubernetes'
		}
		walk(node.Properties[name], strings.TrimPrefix(path+"."+name, "."), visit)
	}
	if node.Items != nil {
		walk(*node.Items.Schema, path+"[]", visit)
	}
	if node.AdditionalProperties != nil {
		walk(*node.AdditionalProperties.Schema, path+"{}", visit)
	}
}

// refusals returns the messages for values that break the rules of a field: all rules in spec, CEL rules elsewhere.
func refusals(path string, node schema) (messages []string) {
	add := func(has bool, message string) {
		if has {
			messages = append(messages, message)
		}
	}
	for _, rule := range node.XValidations {
		// A type has the same rules wherever it is used, and only Usher writes status.
		add(!strings.HasPrefix(path, "status") || path == "status", rule.Message)
	}
	if !strings.HasPrefix(path, "spec") {
		return messages
	}
	add(node.MaxLength != nil, tooLong)
	add(node.MinLength != nil, "should be at least 1 chars long, should be at least 3 chars long")
	add(len(node.Enum) > 0, unsupported)
	add(node.Minimum != nil, tooSmall)
	add(node.Maximum != nil, tooBig)
	add(node.MaxItems != nil, tooMany)
	add(node.XListType != nil && *node.XListType != "atomic", duplicate)
	return messages
}

var _ = Describe("Schemas", func() {
	for _, kind := range kinds {
		Context(kind, func() {
			each := func(ctx SpecContext, check func(path string, node schema)) {
				visited := 0
				walk(crdSchema(ctx, kind), "", func(path string, node schema) {
					visited++
					check(path, node)
				})
				Expect(visited).To(BeNumerically(">", 15), "the walk sees the fields")
			}

			It("document every field for kubectl explain", func(ctx SpecContext) {
				each(ctx, func(path string, node schema) {
					if strings.HasSuffix(path, "[]") || strings.HasSuffix(path, "{}") {
						return // kubectl shows the description of the list
					}
					Expect(len(node.Description)).To(BeNumerically(">", 15), "%s.%s", kind, path)
				})
			})

			It("limit every string, list and map", func(ctx SpecContext) {
				each(ctx, func(path string, node schema) {
					where := kind + "." + path
					switch node.Type {
					case "string":
						Expect(node.MaxLength != nil || len(node.Enum) > 0 || node.Format == "date-time").To(BeTrue(), where)
					case "array":
						Expect(node.MaxItems).NotTo(BeNil(), where)
						Expect(node.XListType).NotTo(BeNil(), where)
					case "object":
						if node.AdditionalProperties != nil {
							Expect(node.MaxProperties).NotTo(BeNil(), where)
							Expect(node.XMapType).NotTo(BeNil(), where)
						}
						Expect(node.XPreserveUnknownFields).To(BeNil(), where)
					case "integer":
						// A grant in the ledger has no limit of its own: a Go map has no place to declare one.
						bounded := node.Minimum != nil || strings.HasSuffix(path, "bservedGeneration") || path == "status.claims{}"
						Expect(bounded).To(BeTrue(), where)
					case "boolean":
						Expect(switches).To(HaveKey(where), "use an enum instead of a boolean, unless the contract declares one")
					default:
						Fail(where + " has type " + node.Type + ": no fractions")
					}
				})
			})

			It("have a message and a reason for every rule", func(ctx SpecContext) {
				each(ctx, func(path string, node schema) {
					for _, rule := range node.XValidations {
						Expect(len(rule.Message)).To(BeNumerically(">", 20), "%s.%s: %s", kind, path, rule.Rule)
						Expect(rule.Reason).NotTo(BeNil(), "%s.%s: %s", kind, path, rule.Rule)
					}
				})
			})

			It("have conditions as a map by type, and status as a subresource", func(ctx SpecContext) {
				each(ctx, func(path string, node schema) {
					if path == "status.conditions" {
						Expect(*node.XListType).To(Equal("map"))
						Expect(node.XListMapKeys).To(Equal([]string{"type"}))
						Expect(node.Items.Schema.Properties).To(HaveKey("observedGeneration"))
					}
				})
				Expect(crdSchema(ctx, kind).Properties["status"].Properties).To(HaveKey("conditions"))
			})
		})
	}

	It("are installed from the committed files", func() {
		root, err := apiserver.ModuleRoot()
		Expect(err).NotTo(HaveOccurred())
		options := envtest.CRDInstallOptions{Paths: []string{root + "/config/crd/bases"}, ErrorIfPathMissing: true}
		Expect(envtest.ReadCRDFiles(&options)).To(Succeed())
		var names []string
		for _, crd := range options.CRDs {
			names = append(names, crd.Spec.Names.Kind)
		}
		Expect(names).To(ConsistOf(kinds), "these tests cover every kind")
	})
})
