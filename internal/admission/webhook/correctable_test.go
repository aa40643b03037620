// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// A webhook that decodes the old object refuses every change of one that cannot be decoded: it could be neither corrected nor deleted.
func TestAnObjectThatCannotBeDecodedCanBeCorrectedAndDeleted(t *testing.T) {
	const spoilt = `{"apiVersion":"usher.dev/v1alpha1","kind":"Member","metadata":{"name":"ada","namespace":"acme"},"spec":{"accessUntil":"2027-03-31t18:00:00z"}}`
	corrected := strings.NewReplacer("t18", "T18", "z", "Z").Replace(spoilt)
	scheme := runtime.NewScheme()
	g := NewWithT(t)
	g.Expect(usherv1.AddToScheme(scheme)).To(Succeed())
	no := rule[*usherv1.Member](func(context.Context, *usherv1.Member, *usherv1.Member) (admission.Warnings, error) {
		return nil, refusal("no")
	})
	hook := correctable(admission.WithValidator(scheme, no))
	ask := func(operation admissionv1.Operation, before, after string) admission.Response {
		return hook.Handler.Handle(t.Context(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
			Operation: operation, OldObject: runtime.RawExtension{Raw: []byte(before)}, Object: runtime.RawExtension{Raw: []byte(after)},
		}})
	}
	for name, answer := range map[string]admission.Response{
		"correct": ask(admissionv1.Update, spoilt, corrected), "edit": ask(admissionv1.Update, spoilt, spoilt), "delete": ask(admissionv1.Delete, spoilt, ""),
	} {
		g.Expect(answer.Allowed).To(BeTrue(), name)
		g.Expect(answer.Warnings).To(ConsistOf(unjudged), name)
	}
	g.Expect(ask(admissionv1.Create, "", spoilt).Allowed).To(BeFalse())
	g.Expect(ask(admissionv1.Update, corrected, spoilt).Allowed).To(BeFalse())
	g.Expect(ask(admissionv1.Delete, corrected, "").Allowed).To(BeFalse(), "the rule refuses it")
}
