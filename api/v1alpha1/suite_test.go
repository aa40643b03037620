// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

var (
	server *apiserver.Server
	c      client.WithWatch
)

func TestAPI(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "API v1alpha1")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	server = testkit.StartServer(ctx, apiserver.Options{})
	c = testkit.Client(server.Config())
})

// kinds are in the order of the contract.
var kinds = []string{"Account", "SeatPool", "Member", "Invitation", "Plan"}

// plural returns the resource name of a kind.
func plural(kind string) string { return strings.ToLower(kind) + "s" }

// minimal returns the smallest valid object of a kind.
func minimal(kind, namespace string) *unstructured.Unstructured {
	GinkgoHelper()
	built := map[string]client.Object{
		"Account":    testkit.Account("subject").In(namespace).Build(),
		"SeatPool":   testkit.SeatPool("subject").In(namespace).Build(),
		"Member":     testkit.Member("subject").In(namespace).Build(),
		"Invitation": testkit.Invitation("subject").In(namespace).Build(),
		"Plan":       testkit.Plan(namespace).Build(), // cluster-scoped, so the name keeps tests apart
	}[kind]
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(built)
	Expect(err).NotTo(HaveOccurred())
	delete(content, "status")
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	return u
}

// causes returns the API server's errors by field, as "spec.email: message".
func causes(err error) []string {
	var out []string
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	for _, cause := range status.Status().Details.Causes {
		out = append(out, cause.Field+": "+cause.Message)
	}
	return out
}

// BeRefused matches the API server's answer to an invalid object, with one cause of that field and message.
func BeRefused(field, message string) OmegaMatcher {
	return WithTransform(causes, ContainElement(And(HavePrefix(field+": "), ContainSubstring(message))))
}
