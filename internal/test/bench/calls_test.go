// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"testing"

	. "github.com/onsi/gomega"
)

const metricsText = `# HELP apiserver_request_total [STABLE] Counter of apiserver requests
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",component="apiserver",dry_run="",group="usher.dev",resource="members",scope="resource",subresource="status",verb="PUT",version="v1alpha1"} 12
apiserver_request_total{code="409",component="apiserver",dry_run="",group="usher.dev",resource="members",scope="resource",subresource="status",verb="PUT",version="v1alpha1"} 2
apiserver_request_total{code="201",component="apiserver",dry_run="",group="usher.dev",resource="members",scope="resource",subresource="",verb="POST",version="v1alpha1"} 5
apiserver_request_total{code="201",component="apiserver",dry_run="",group="events.k8s.io",resource="events",scope="resource",subresource="",verb="POST",version="v1"} 7
apiserver_request_total{code="200",component="apiserver",dry_run="",group="coordination.k8s.io",resource="leases",scope="resource",subresource="",verb="PUT",version="v1"} 9
apiserver_request_total{code="404",component="apiserver",dry_run="",group="",resource="secrets",scope="resource",subresource="",verb="GET",version="v1"} 3
apiserver_request_total{code="0",component="apiserver",dry_run="",group="usher.dev",resource="members",scope="cluster",subresource="",verb="WATCH",version="v1alpha1"} 1
apiserver_request_total_of_another_name{code="200"} 99
process_cpu_seconds_total 4.25
go_gc_heap_live_bytes 1.5e+06 1789000000000
odd{label="a \"quoted\" } one, with=\"signs\"",next="x"} 1
`

func TestMetricsAreRead(t *testing.T) {
	g := NewWithT(t)
	samples, err := parseMetrics([]byte(metricsText), "process_cpu_seconds_total", "go_gc_heap_live_bytes", "odd")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(samples).To(Equal([]sample{
		{"process_cpu_seconds_total", map[string]string{}, 4.25},
		{"go_gc_heap_live_bytes", map[string]string{}, 1.5e6}, // the time after it is left out
		{"odd", map[string]string{"label": `a \"quoted\" } one, with=\"signs\"`, "next": "x"}, 1},
	}))
	for _, wrong := range []string{"odd{}", "odd one"} {
		_, err := parseMetrics([]byte(wrong+"\n"), "odd")
		g.Expect(err).To(HaveOccurred(), wrong)
	}
}

func TestCallsAreCounted(t *testing.T) {
	g := NewWithT(t)
	samples, err := parseMetrics([]byte(metricsText), requestTotal)
	g.Expect(err).NotTo(HaveOccurred())
	made := callsOf(samples)
	ph := phaseOf(reading{calls: made}, 5)
	g.Expect(ph.Writes).To(Equal(12), "neither the 5 creates of the bench, nor Leases, nor Events, nor what was refused")
	g.Expect(ph.Own).To(Equal(12))
	g.Expect(ph.Events).To(Equal(7))
	g.Expect(ph.Reads).To(Equal(3), "reads that find nothing are reads; watches are not")
	g.Expect(ph.Conflicts).To(Equal(2))
	g.Expect(ph.Calls).To(Equal(39))

	before := calls{{"PUT", "usher.dev", "members", "status", 200}: 10, {"POST", "usher.dev", "members", "", 201}: 5}
	since := made.minus(before)
	g.Expect(since).To(HaveKeyWithValue(call{"PUT", "usher.dev", "members", "status", 200}, 2))
	g.Expect(since).NotTo(HaveKey(call{"POST", "usher.dev", "members", "", 201}), "none since")
	g.Expect(since.String()).To(Equal("7 POST events 201, 3 GET secrets 404, 2 PUT members/status 200, 2 PUT members/status 409, 1 WATCH members 0"))
}

func TestWritesAreReplayedInAnOrderThatWorks(t *testing.T) {
	kinds := map[call]int{}
	for _, c := range []call{
		{verb: "PUT", resource: "members", subresource: "status"}, {verb: "POST", resource: "events"}, {verb: "PATCH", resource: "members"},
		{verb: "POST", resource: "invitations"}, {verb: "POST", resource: "members"}, {verb: "PUT", resource: "invitations", subresource: "status"},
	} {
		kinds[c]++
	}
	var order []string
	for _, c := range inOrder(kinds) {
		order = append(order, c.kind())
	}
	NewWithT(t).Expect(order).To(Equal([]string{
		"POST members", "POST events", "POST invitations", "PATCH members", "PUT invitations/status", "PUT members/status",
	}))
}
