// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/test/testkit"
)

// set sets the value at a path such as "spec.seatPoolRefs[].name"; "{}" stands for a whole map.
func set(object map[string]any, path string, value any) {
	name, rest, nested := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(name, "[]")
	name = strings.TrimSuffix(name, "{}")
	switch {
	case isList && nested:
		item := map[string]any{}
		set(item, rest, value)
		object[name] = []any{item}
	case isList:
		object[name] = []any{value}
	case nested:
		inner, ok := object[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[name] = inner
		}
		set(inner, rest, value)
	case value == absent:
		delete(object, name)
	default:
		object[name] = value
	}
}

// run tries the value on the API server.
func (t trial) run(ctx context.Context, namespace string) error {
	GinkgoHelper()
	object := minimal(t.kind, namespace)
	if t.from == nil {
		set(object.Object, t.path, t.value)
		complete(object.Object, t)
		return c.Create(ctx, object)
	}
	set(object.Object, t.path, t.from)
	Expect(c.Create(ctx, object)).To(Succeed())
	set(object.Object, t.path, t.value)
	return c.Update(ctx, object)
}

// field is where the API server reports the error: "[]" becomes the item's index, or its value in a set.
func (t trial) field() string {
	field := strings.ReplaceAll(t.path, "[]", "[0]")
	if of, isMap := strings.CutSuffix(field, "{}"); isMap && t.refusal == badPlaceholder {
		return of + "[fr]" // as CEL writes it
	} else if isMap {
		return of + ".fr"
	}
	switch t.refusal {
	case poolAccount, memberAccount, invitedMember:
		return strings.TrimSuffix(field, ".name")
	case duplicate:
		return field + "[1]"
	}
	return field
}

func (t trial) name() string {
	value := fmt.Sprintf("%q", t.value)
	if t.value == absent {
		value = "nothing"
	}
	if len(value) > 60 {
		value = fmt.Sprintf("%s… (%d)", value[:60], len(value))
	}
	if t.from != nil {
		value += " after " + strings.ReplaceAll(fmt.Sprintf("%q", t.from), "{}", "nothing")
	}
	verb := "takes"
	if t.refusal != "" {
		verb = "refuses"
	}
	return fmt.Sprintf("%s.%s %s %s", t.kind, t.path, verb, value)
}

var _ = Describe("Fields", func() {
	for _, t := range trials() {
		It(t.name(), func(ctx SpecContext) {
			err := t.run(ctx, testkit.Namespace(ctx, server))
			if t.refusal == "" {
				Expect(err).NotTo(HaveOccurred())
				return
			}
			Expect(err).To(BeRefused(t.field(), t.refusal))
		})
	}

	It("have an accepted and a refused trial for every rule of the schema", func(ctx SpecContext) {
		all := trials()
		for _, kind := range kinds {
			walk(crdSchema(ctx, kind), "", func(path string, node schema) {
				for _, refusal := range refusals(path, node) {
					if slices.Contains(rulesOfObjects, refusal) {
						continue
					}
					of := func(t trial) bool {
						return t.kind == kind && (t.path == path || strings.HasPrefix(t.path, path+".") && refusal != required)
					}
					Expect(slices.ContainsFunc(all, func(t trial) bool { return of(t) && t.refusal != "" && strings.Contains(refusal, t.refusal) })).
						To(BeTrue(), "no trial shows that %s.%s refuses a value with %q", kind, path, refusal)
					Expect(slices.ContainsFunc(all, func(t trial) bool { return of(t) && t.refusal == "" })).
						To(BeTrue(), "no trial shows a value that %s.%s accepts", kind, path)
				}
			})
		}
	})
})

var _ = Describe("Defaults", func() {
	created := func(ctx SpecContext, kind string) map[string]any {
		GinkgoHelper()
		object := minimal(kind, testkit.Namespace(ctx, server))
		Expect(c.Create(ctx, object)).To(Succeed())
		return object.Object
	}
	at := func(object map[string]any, fields ...string) any {
		value, _, err := unstructured.NestedFieldNoCopy(object, fields...)
		Expect(err).NotTo(HaveOccurred())
		return value
	}

	It("are exactly those of the contract", func(ctx SpecContext) {
		Expect(at(created(ctx, "Account"), "spec")).To(Equal(map[string]any{
			"displayName": "subject", "state": "Active", "language": "en-GB",
			"invitations":         map[string]any{"ttl": "168h", "reminders": []any{"48h"}},
			"retainFormerMembers": int64(50),
		}))
		Expect(at(created(ctx, "SeatPool"), "spec")).To(Equal(map[string]any{
			"accountRef": named("acme"), "seats": int64(0), "reservation": "OnInvitation",
		}))
		Expect(at(created(ctx, "Member"), "spec")).To(Equal(map[string]any{
			"accountRef": named("acme"), "email": "subject@acme.example", "state": "Active", "activation": "Invitation",
		}))
		Expect(at(created(ctx, "Invitation"), "spec")).To(Equal(map[string]any{
			"memberRef": named("subject"), "sendGeneration": int64(1), "state": "Open",
		}))
	})

	It("let an account on a Plan buy any number of seats", func(ctx SpecContext) {
		Expect(at(created(ctx, "Plan"), "spec", "includedSeats")).To(Equal(int64(0)))
		Expect(at(created(ctx, "Plan"), "spec", "seatPurchase")).To(Equal(map[string]any{"policy": "Allowed"}))
	})

	It("keep a duration as it was written, so that GitOps tools see no drift", func(ctx SpecContext) {
		account := testkit.Account("acme").In(testkit.Namespace(ctx, server)).InvitationTTL("90m").Build()
		Expect(c.Create(ctx, account)).To(Succeed())
		Expect(string(account.Spec.Invitations.TTL)).To(Equal("90m"))
	})

	It("return when the field is removed", func(ctx SpecContext) {
		pool := minimal("SeatPool", testkit.Namespace(ctx, server))
		set(pool.Object, "spec.seats", int64(3))
		Expect(c.Create(ctx, pool)).To(Succeed())
		Expect(c.Patch(ctx, pool, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"seats":null}}`)))).To(Succeed())
		Expect(at(pool.Object, "spec", "seats")).To(Equal(int64(0)))
	})

	for _, kind := range kinds {
		It("mark the status of a new "+kind+" as not observed", func(ctx SpecContext) {
			Expect(at(created(ctx, kind), "status")).To(Equal(map[string]any{"observedGeneration": int64(-1)}))
		})

		It("mark a lost status of a "+kind+" as not observed again", func(ctx SpecContext) {
			object := minimal(kind, testkit.Namespace(ctx, server))
			Expect(c.Create(ctx, object)).To(Succeed())
			Expect(unstructured.SetNestedField(object.Object, int64(1), "status", "observedGeneration")).To(Succeed())
			Expect(c.Status().Update(ctx, object)).To(Succeed())
			delete(object.Object, "status")
			Expect(c.Status().Update(ctx, object)).To(Succeed())
			Expect(at(object.Object, "status")).To(Equal(map[string]any{"observedGeneration": int64(-1)}))
		})

		It("ignore the status of a "+kind+" on creation", func(ctx SpecContext) {
			object := minimal(kind, testkit.Namespace(ctx, server))
			set(object.Object, "status.observedGeneration", int64(7))
			Expect(c.Create(ctx, object)).To(Succeed())
			Expect(at(object.Object, "status", "observedGeneration")).To(Equal(int64(-1)))
		})
	}
})
