// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// cause is what processor time was for. A sample counts for the first cause of which its stack contains a function, wherever that is; if
// there is none, for the cause that the innermost function outside of Go's own packages belongs to.
type cause struct {
	name string
	// contains are functions that call nothing of other causes below them, except of causes that come before in the list.
	contains string
	// innermost are functions that others go through.
	innermost string
}

// common are causes in every Go program. The first two come first, because they interrupt all others.
var (
	collecting = cause{name: "garbage collection",
		contains: `^runtime\.(gc[A-Z]|bgsweep|bgscavenge|\(\*gcWork\)|deductSweepCredit|\(\*mheap\)\.reclaim)`}
	measuring = cause{name: "metrics and profiles for the bench",
		contains: `^runtime/pprof\.|prometheus\.\(\*Registry\)\.Gather|/promhttp\.|metrics/legacyregistry\.|^runtime\.profileloop`}
	scheduling = cause{name: "scheduler",
		contains: `^runtime\.(schedule|mcall|park_m|sysmon|goready|ready|mstart|mstart0|mstart1|goexit0|wakep)$`}
	codec = `^encoding/json\.|^sigs\.k8s\.io/json|/json-iterator/|/go-json-experiment/|/fxamacker/cbor|` +
		`/serializer/(json|protobuf|cbor)\.|^k8s\.io/api/.*\.(Marshal|Unmarshal)|gogo/protobuf`
	transport = `^crypto/tls\.|^golang\.org/x/net/http2|^net/http\.\(\*http2|^net\.\(\*conn\)`
)

// serverCauses are the API server's.
var serverCauses = []cause{
	collecting, measuring,
	{name: "watches: from etcd through the watch cache to the clients",
		contains: `storage/etcd3\.\(\*watchChan\)|storage/etcd3\.\(\*watcher\)|` +
			`storage/cacher\.(\(\*Cacher\)|\(\*watchCache\)|\(\*cacheWatcher\)|\(\*watchCacheInterval\)|\(\*cachingObject\)|newCacheWatcher)|` +
			`handlers\.\(\*(WatchServer|watchEncoder)\)|handlers\.handleWatch|client-go/tools/cache\.`},
	{name: "admission", contains: `admission\.chainAdmissionHandler|/plugin/pkg/admission/|/admission/plugin/|admission/plugin/webhook`},
	{name: "managedFields", contains: `/util/managedfields|structured-merge-diff|/handlers/fieldmanager`},
	{name: "CEL", contains: `/apiserver/schema/cel|/google/cel-go/|apiserver/pkg/cel`},
	{name: "authentication and authorization",
		contains: `apiserver/pkg/(authentication|authorization)/|/plugin/pkg/auth/|/registry/rbac/|^crypto/x509\.`},
	{name: "audit", contains: `apiserver/pkg/audit[./]`},
	{name: "etcd's client", contains: `^google\.golang\.org/grpc|^go\.etcd\.io/|/etcd3/metrics`, innermost: `storage/etcd3`},
	{name: "JSON and protobuf", contains: codec},
	{name: "schema: validation, defaults, pruning", contains: `/kube-openapi/|apiextensions-apiserver/pkg/apiserver/(schema|validation)`,
		innermost: `/apiextensions-apiserver/`},
	{name: "patches", contains: `json-?patch|/strategicpatch|/mergepatch`},
	{name: "copies and conversions",
		contains:  `DeepCopy|\.\(\*unstructuredConverter\)|/runtime\.(toUnstructured|fromUnstructured)|/conversion`,
		innermost: `/meta/v1/unstructured|/apimachinery/pkg/(runtime|conversion|api)`},
	{name: "HTTP/2 and TLS",
		contains: `http2\.\(\*(serverConn\)\.(serve|readFrames|writeFrame|processFrame|readPreface)|Framer|responseWriter)|` +
			`/http2/hpack|^crypto/tls\.|^net\.\(\*conn\)`, innermost: `^golang\.org/x/net/|/go-restful/`},
	scheduling,
	{name: "priority and fairness", innermost: `/util/flowcontrol|/server/filters`},
	{name: "metrics and traces of requests", contains: `/client_golang/prometheus\.|component-base/metrics\.|go\.opentelemetry\.io/otel/`,
		innermost: `/endpoints/metrics|component-base/|go\.opentelemetry\.io/|k8s\.io/utils/trace`},
	{name: "handlers and registry", innermost: `/endpoints/|/registry/|/kube-aggregator/|apiserver/pkg/(server|storage|warning)`},
}

// managerCauses are the manager's.
var managerCauses = []cause{
	collecting, measuring,
	{name: "watches and caches: decoding and storing", contains: `client-go/tools/cache\.\(\*(Reflector|DeltaFIFO|RealFIFO|controller|` +
		`processorListener|sharedIndexInformer|threadSafeMap)|client-go/tools/cache\.|/client-go/rest/watch|apimachinery/pkg/watch\.`},
	{name: "mails: text", contains: `usher/internal/message|^html/template|^text/template`},
	{name: "mails: SMTP", contains: `usher/internal/channel|/go-mail|^net/smtp|^net/textproto|usher/internal/outbox\.\(\*Endpoints`},
	{name: "Events", contains: `client-go/tools/(events|record)`},
	{name: "log", contains: `/go-logr/|go\.uber\.org/zap|/klog/`},
	{name: "HTTP/2 and TLS", contains: transport},
	{name: "JSON and protobuf", contains: codec},
	{name: "signatures and tokens", contains: `usher/internal/credentials\.\(\*Signer|^crypto/`},
	{name: "rules", contains: `usher/internal/(access|admission|conditions|delivery|invite|membership|moment|plan|reason|seat)\.`},
	{name: "copies from the caches", contains: `/cache/internal\.\(\*CacheReader|DeepCopy`},
	{name: "comparisons", contains: `/equality|^reflect\.|third_party/forked/golang/reflect`},
	scheduling,
	{name: "calls to the API server: the rest",
		contains: `/client-go/rest\.\(\*Request\)`, innermost: `^net/http|/client-go/|^golang\.org/x/net`},
	{name: "reconcilers and queues", innermost: `usher/internal/|sigs\.k8s\.io/controller-runtime|/client-go/util/workqueue|/client_golang/`},
}

// otherCause is for samples of no cause.
const otherCause = "other"

// Share is what part of a profile a cause has.
type Share struct {
	Cause string
	Part  float64
}

// sharesOf sums a CPU profile by cause, the largest share first, without what the bench itself causes.
func sharesOf(p *profile.Profile, causes []cause) []Share {
	find := finder(causes)
	value := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "cpu" })
	if value < 0 {
		return nil
	}
	sums, total := map[string]int64{}, int64(0)
	for _, s := range p.Sample {
		name := find(functions(s))
		if name == measuring.name {
			continue
		}
		sums[name] += s.Value[value]
		total += s.Value[value]
	}
	var shares []Share
	for name, sum := range sums {
		shares = append(shares, Share{name, float64(sum) / float64(total)})
	}
	slices.SortFunc(shares, func(a, b Share) int { return cmp.Or(cmp.Compare(b.Part, a.Part), cmp.Compare(a.Cause, b.Cause)) })
	return shares
}

// functions returns the names of the functions of a sample, the innermost first.
func functions(s *profile.Sample) []string {
	var names []string
	for _, location := range s.Location {
		for _, line := range location.Line {
			if line.Function != nil {
				names = append(names, line.Function.Name)
			}
		}
	}
	return names
}

// finder returns a function that returns the cause of a stack. Patterns are matched once for each function.
func finder(causes []cause) func(stack []string) string {
	type match struct{ contains, innermost int }
	none := len(causes)
	compile := func(pattern string) *regexp.Regexp {
		if pattern == "" {
			pattern = `^$`
		}
		return regexp.MustCompile(pattern)
	}
	var contains, innermost []*regexp.Regexp
	for _, c := range causes {
		contains, innermost = append(contains, compile(c.contains)), append(innermost, compile(c.innermost))
	}
	first := func(patterns []*regexp.Regexp, function string) int {
		if i := slices.IndexFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(function) }); i >= 0 {
			return i
		}
		return none
	}
	known := map[string]match{}
	return func(stack []string) string {
		best, inner := none, -1
		for _, function := range stack {
			m, found := known[function]
			if !found {
				m = match{first(contains, function), first(innermost, function)}
				known[function] = m
			}
			best = min(best, m.contains)
			if inner < 0 && !ofGo(function) {
				inner = m.innermost
			}
		}
		if best == none && inner >= 0 {
			best = inner
		}
		if best == none {
			return otherCause
		}
		return causes[best].name
	}
}

// ofGo reports whether a function belongs to the runtime or to Go's standard library, whose packages have no dot in their path.
func ofGo(function string) bool {
	path, _, _ := strings.Cut(function, "[")
	if slash := strings.LastIndexByte(path, '/'); slash >= 0 {
		return !strings.Contains(path[:slash], ".")
	}
	return true
}
