// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"testing"

	"github.com/google/pprof/profile"
	. "github.com/onsi/gomega"
)

// Stacks of a kube-apiserver, the innermost function first. Each has the registry and the handlers around it.
func TestCauses(t *testing.T) {
	around := []string{
		"k8s.io/apiserver/pkg/storage/etcd3.(*store).GuaranteedUpdate", "k8s.io/apiserver/pkg/storage/cacher.(*CacheDelegator).GuaranteedUpdate",
		"k8s.io/apiserver/pkg/registry/generic/registry.(*Store).Update", "k8s.io/apiserver/pkg/endpoints/filters.withAuthorization.func1",
		"golang.org/x/net/http2.(*serverConn).runHandler",
	}
	find := finder(serverCauses)
	for _, c := range []struct {
		want  string
		stack []string
	}{
		{"handlers and registry", []string{"k8s.io/apiserver/pkg/registry/rest.BeforeUpdate"}},
		{"etcd's client", []string{"runtime.memmove", "google.golang.org/grpc.invoke"}},
		{"etcd's client", nil},
		{"JSON and protobuf", []string{"runtime.mallocgc", "encoding/json.Marshal"}},
		{"managedFields", []string{"encoding/json.Marshal", "sigs.k8s.io/structured-merge-diff/v6/fieldpath.(*Set).ToJSON"}},
		{"CEL", []string{"runtime.mapaccess2", "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel.(*Validator).Validate"}},
		{"schema: validation, defaults, pruning", []string{"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning.prune"}},
		{"authentication and authorization", []string{"crypto/ecdsa.VerifyASN1", "crypto/x509.(*Certificate).Verify"}},
		{"garbage collection", []string{"runtime.scanObject", "runtime.gcAssistAlloc", "runtime.mallocgc", "encoding/json.Marshal"}},
		{"watches: from etcd through the watch cache to the clients",
			[]string{"encoding/json.Marshal", "k8s.io/apiserver/pkg/endpoints/handlers.(*WatchServer).HandleHTTP"}},
		{"admission", []string{"encoding/json.Marshal", "k8s.io/apiserver/pkg/admission.chainAdmissionHandler.Admit",
			"k8s.io/apiserver/pkg/endpoints/handlers/fieldmanager.(*managedFieldsValidatingAdmissionController).Admit"}},
	} {
		NewWithT(t).Expect(find(append(c.stack, around...))).To(Equal(c.want), "%v", c.stack)
	}
	g := NewWithT(t)
	g.Expect(find([]string{"runtime.futex", "runtime.schedule"})).To(Equal("scheduler"))
	g.Expect(find([]string{"example.org/what.Ever"})).To(Equal(otherCause))
	manager := finder(managerCauses)
	g.Expect(manager([]string{"runtime.mallocgc", "github.com/usher-dev/usher/internal/seat.Allocate",
		"github.com/usher-dev/usher/internal/controller/seatpool.(*Reconciler).Reconcile"})).To(Equal("rules"))
	g.Expect(manager([]string{"github.com/usher-dev/usher/internal/controller/seatpool.(*Reconciler).Reconcile"})).
		To(Equal("reconcilers and queues"))
}

// measuredProfile has 3 s in CEL, 1 s in JSON and 6 s for the bench's own look at the metrics.
func measuredProfile() *profile.Profile {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}}
	for function, seconds := range map[string]int64{
		"github.com/google/cel-go/cel.(*prog).Eval": 3, "encoding/json.Marshal": 1,
		"github.com/prometheus/client_golang/prometheus.(*Registry).Gather": 6,
	} {
		location := &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: function}}}}
		p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{location}, Value: []int64{1, seconds * 1e9}})
	}
	return p
}

func TestSharesAreWithoutWhatTheBenchCauses(t *testing.T) {
	NewWithT(t).Expect(sharesOf(measuredProfile(), serverCauses)).To(Equal([]Share{{"CEL", 0.75}, {"JSON and protobuf", 0.25}}))
}
