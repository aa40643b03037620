// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// Values that Kubernetes' schemas and Go's decoders may judge differently, as JSON.

// times are made of parts that are right, or wrong in one way each.
func times() []string {
	list := []string{
		`"2028-02-29T18:00:00Z"`, `"2027-02-29T18:00:00Z"`, `"2027-02-30T18:00:00Z"`, `"2027-13-01T18:00:00Z"`, `"2027-00-01T18:00:00Z"`,
		`"0000-01-01T00:00:00Z"`, `"0000-01-01T00:00:00+23:59"`, `"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00+00:01"`,
		`"9999-12-31T23:59:59Z"`, `"9999-12-31T23:59:59-00:01"`, `"9999-12-31T23:59:59-23:59"`, `"10000-01-01T00:00:00Z"`,
		`"-001-01-01T00:00:00Z"`, `"2027-3-31T18:00:00Z"`, `"20270331T180000Z"`, `"2027-W13-3T18:00:00Z"`, `"2027-03-31"`, `"2027-03-31T18:00:00"`,
		`"٢٠٢٧-03-31T18:00:00Z"`, `"2027-03-31T1８:00:00Z"`, `"now"`, `"Wed, 31 Mar 2027 18:00:00 GMT"`, `"2027-03-31T18:00:00ZtX"`,
		`"2027-03-31T18:00:00ZT18:00:00Z"`,
	}
	for _, between := range []string{"T", "t", " ", "", "_", "\\u00a0"} {
		for _, zone := range []string{"Z", "z", ""} {
			list = append(list, `"2027-03-31`+between+`18:00:00`+zone+`"`)
		}
	}
	for _, hour := range []string{"00:00:00", "24:00:00", "23:59:60", "18:60:00", "8:00:00", "18:0:00", "18:00", "18", "1800", "-1:00:00"} {
		list = append(list, `"2027-03-31T`+hour+`Z"`)
	}
	for _, fraction := range []string{".", ".5", ".500000000", ".1234567890123456789", ",5", "x5", ":5", ".5.5", ".-5", ".٥"} {
		list = append(list, `"2027-03-31T18:00:00`+fraction+`Z"`)
	}
	for _, zone := range []string{
		"+00:00", "-00:00", "+14:00", "-12:00", "+23:59", "-23:59", "+24:00", "+24:59", "+25:00", "+00:60", "+00:99", "+99:99", "+0100", "+01", "+1:00",
		"+01:00:00", "UTC", "Zulu", "ZZ", "Z ", "Z\\n", " Z", "[Europe/Paris]",
	} {
		list = append(list, `"2027-03-31T18:00:00`+zone+`"`)
	}
	return list
}

func integers() []string {
	return []string{
		"-1", "0", "-0", "1", "2", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967296",
		"9007199254740991", "9007199254740992", "9007199254740993", "9223372036854775807", "9223372036854775808",
		"-9223372036854775808", "-9223372036854775809", "18446744073709551615", "1e3", "1E3", "1e9", "1e15", "1e18", "1e30", "1e400", "-1e400", "1e-3",
		"1.0", "-0.0", "1.5", "1000000000.0", "9007199254740991.0", "0.9999999999999999999", "1.0e0", `"1"`, `"١"`, `"0x10"`,
	}
}

// texts are what Go's durations and quantities are made of, or look as if they were.
func texts() []string {
	return []string{
		`""`, `"x"`, `"é"`, `"\u0000"`, `"\ud800"`, `"1"`, `"1Ki"`, `"1e3"`, `"9999999999E"`, `"*"`, `"1h"`, `"1d"`, `"-1h"`, `"99999999999999999999h"`,
		`"` + x(300) + `"`,
	}
}

func durations() []string {
	var list []string
	for _, duration := range []string{
		"1m", "0", "+1h", "1h1h", "1H", "1.h", ".5h", "0.5h", "1h0.5", "1h ", "1µs", "1us", "1ns", "720h", "720h0.0s", "719h60m", "720h0.000000001s",
		"0.000000000000000000001h60s", "1.99999999999999999999999m", "2562047h47m16.854775807s", "2562047h47m16.854775808s", "9223372036854775808s",
		"1e1h", "٤٨h", "４８h", "1h\n", "infh", "nanm", "0x1h",
	} {
		list = append(list, `"`+duration+`"`)
	}
	return list
}

var others = []string{
	"null", "true", "1", "1.5", `"x"`, "[]", "{}", "[null]", `["x"]`, `{"x":1}`,
}

func isDuration(node schema) bool {
	return slices.ContainsFunc(node.XValidations, func(r validationRule) bool { return strings.Contains(r.Rule, "duration(") })
}

// valuesFor returns the values to try for a node of a schema.
func valuesFor(kind, path string, node schema) []string {
	list := slices.Clone(others)
	switch {
	case node.Format == "date-time":
		list = slices.Concat(list, times(), []string{`""`, "1774980000"})
	case node.Type == "integer":
		list = slices.Concat(list, integers())
	case node.Type == "string":
		list = slices.Concat(list, texts(), times()[:1])
		if isDuration(node) {
			list = slices.Concat(list, durations())
		}
	}
	for _, value := range node.Enum {
		list = append(list, string(value.Raw))
	}
	good, err := json.Marshal(fill(kind, path, node))
	Expect(err).NotTo(HaveOccurred())
	return append(list, string(good))
}

// examples are admitted values of fields whose rules a schema cannot say in its own words.
var examples = map[string]string{
	"email": `"ada@acme.example"`, "replyTo": `"ada@acme.example"`, "rights": `"orders:place"`, "ttl": `"72h"`, "before": `"48h"`,
	"reminders": `"48h"`, "productURL": `"https://a.example"`, "termsURL": `"https://a.example"`, "logoURL": `"https://a.example/logo.svg"`,
	"accentColor": `"#0a7d4f"`, "apiVersion": `"crm.example/v1"`, "name": `"x"`,
}

// exampleOf returns an admitted value of a field, as JSON; empty if the value has to be built of those of its parts.
func exampleOf(kind, path string, node schema) string {
	name := path[strings.LastIndexByte(path, '.')+1:]
	example, known := examples[strings.TrimSuffix(name, "[]")]
	switch {
	case kind == "Plan" && strings.HasSuffix(path, "rights[].name"):
		return `"orders:place"`
	case kind == "Plan" && slices.Contains([]string{"spec.defaultRole", "spec.ownerRole", "spec.invitedRole"}, path):
		return `"member"`
	case kind == "Plan" && strings.HasSuffix(path, "roles[].name"):
		return `"member"`
	case kind == "Plan" && strings.HasSuffix(path, "roles[].rights[]"):
		return `"*"`
	case known && node.Type == "string" && node.Format == "":
		return example
	case len(node.Enum) > 0:
		return string(node.Enum[0].Raw)
	case node.Format == "date-time":
		return `"2027-03-31T18:00:00Z"`
	case node.Type == "integer":
		return "1"
	case node.Type == "boolean":
		return "true"
	case node.Type == "string":
		return `"x"`
	}
	return ""
}

// fill returns a value for a node: its example, or an object with its required fields, or a list with one item.
func fill(kind, path string, node schema) any {
	if example := exampleOf(kind, path, node); example != "" {
		return json.RawMessage(example)
	}
	switch {
	case node.Items != nil:
		return []any{fill(kind, path+"[]", *node.Items.Schema)}
	case node.AdditionalProperties != nil:
		return map[string]any{mapKey: fill(kind, path+"{}", *node.AdditionalProperties.Schema)}
	}
	object := map[string]any{}
	for _, name := range node.Required {
		object[name] = fill(kind, path+"."+name, node.Properties[name])
	}
	return object
}

// mapKey is a key that the maps of every kind admit.
const mapKey = "fr"

// place puts a value at the rest of a path into a node's value, with whatever the schema requires beside it.
func place(kind, path string, node schema, into any, rest []string, value json.RawMessage) any {
	if len(rest) == 0 {
		return value
	}
	if into == nil {
		into = fill(kind, path, node)
	}
	switch next := rest[0]; next {
	case "[]":
		item := place(kind, path+"[]", *node.Items.Schema, nil, rest[1:], value)
		return []any{item}
	case "{}":
		return map[string]any{mapKey: place(kind, path+"{}", *node.AdditionalProperties.Schema, nil, rest[1:], value)}
	default:
		object := maps.Clone(into.(map[string]any))
		within := strings.TrimPrefix(path+"."+next, ".")
		object[next] = place(kind, within, node.Properties[next], object[next], rest[1:], value)
		return object
	}
}

// steps splits a path of walk: "spec.rights[].name" into spec, rights, [] and name.
func steps(path string) []string {
	path = strings.NewReplacer("[]", ".[]", "{}", ".{}").Replace(path)
	return strings.Split(path, ".")
}

// around is what a status must say beside the field under test.
var around = map[string]map[string]any{
	"SeatPool": {"capacity": 10, "included": 10},
	"Member":   {"seats": []any{map[string]any{"pool": "acme-base", "grant": 1, "releasedGrant": 0}}},
}

// attempt is one value of one field.
type attempt struct {
	path, value string
	body        []byte
}

// prober sends attempts to the API server without storing them.
type prober struct {
	kind   string
	schema schema
	rest   rest.Interface
	base   map[string]any
}

func newProber(ctx context.Context, kind string) *prober {
	GinkgoHelper()
	config := server.Config()
	config.GroupVersion, config.APIPath = &v1alpha1.GroupVersion, "/apis"
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	connection, err := rest.RESTClientFor(config)
	Expect(err).NotTo(HaveOccurred())
	object := minimal(kind, testkit.Namespace(ctx, server))
	Expect(c.Create(ctx, object)).To(Succeed())
	return &prober{kind: kind, schema: crdSchema(ctx, kind), rest: connection, base: object.Object}
}

// attempts returns every value of every field of the live schema.
func (p *prober) attempts() (list []attempt) {
	walk(p.schema, "", func(path string, node schema) {
		if path == "" || path == "status" || path == "spec" {
			return
		}
		for _, value := range valuesFor(p.kind, path, node) {
			list = append(list, attempt{path: path, value: value, body: p.bodyOf(path, value)})
		}
	})
	return list
}

func (p *prober) bodyOf(path, value string) []byte {
	GinkgoHelper()
	metadata := map[string]any{"name": p.base["metadata"].(map[string]any)["name"], "namespace": p.base["metadata"].(map[string]any)["namespace"]}
	object := map[string]any{"apiVersion": p.base["apiVersion"], "kind": p.kind, "metadata": metadata}
	if strings.HasPrefix(path, "status") {
		object["spec"], object["status"] = p.base["spec"], map[string]any{}
		metadata["resourceVersion"] = p.base["metadata"].(map[string]any)["resourceVersion"]
		maps.Copy(object["status"].(map[string]any), around[p.kind])
	} else {
		object["spec"] = p.base["spec"]
		metadata["name"] = "probe"
	}
	// A marker stands for the value, since json.Marshal would refuse or change some.
	marked := place(p.kind, "", p.schema, object, steps(path), json.RawMessage(`"<value>"`))
	body, err := json.Marshal(marked)
	Expect(err).NotTo(HaveOccurred())
	return []byte(strings.Replace(string(body), `"\u003cvalue\u003e"`, value, 1))
}

// send returns the object as the API server would store it; nil if it refuses the attempt.
func (p *prober) send(ctx context.Context, a attempt) ([]byte, error) {
	metadata := p.base["metadata"].(map[string]any)
	var request *rest.Request
	if strings.HasPrefix(a.path, "status") {
		request = p.rest.Put().Name(metadata["name"].(string)).SubResource("status")
	} else {
		request = p.rest.Post()
	}
	namespace, _ := metadata["namespace"].(string)
	raw, err := request.NamespaceIfScoped(namespace, p.kind != "Plan").Resource(plural(p.kind)).Param("dryRun", "All").
		SetHeader("Content-Type", "application/json").Body(a.body).DoRaw(ctx)
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		return nil, nil
	}
	return raw, err
}

// answer is what the API server says to an attempt.
type answer struct {
	// stored is the object as it would be stored; nil if the attempt is refused.
	stored []byte
	err    error
}

// try sends attempts, a few at a time, and returns the answers in the order of the attempts.
func (p *prober) try(ctx context.Context, attempts []attempt) iter.Seq2[attempt, answer] {
	answers := make([]answer, len(attempts))
	var next atomic.Int64
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(attempts)); i = next.Add(1) - 1 {
				answers[i].stored, answers[i].err = p.send(ctx, attempts[i])
			}
		})
	}
	work.Wait()
	return func(yield func(attempt, answer) bool) {
		for i := range attempts {
			if !yield(attempts[i], answers[i]) {
				return
			}
		}
	}
}

// kept reports whether an object has a field.
func kept(raw []byte, path string) bool {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return false
	}
	for _, step := range steps(path) {
		switch at := value.(type) {
		case map[string]any:
			if step == "{}" {
				step = mapKey
			}
			value = at[step]
		case []any:
			if len(at) == 0 {
				return false
			}
			value = at[0]
		default:
			return false
		}
	}
	return value != nil
}

// roundTrip decodes an object with the types of this package, and what they write of it.
func roundTrip(kind string, raw []byte) error {
	for _, stage := range []string{"decode", "decode what the types write of it"} {
		object, err := testkit.Scheme().New(v1alpha1.GroupVersion.WithKind(kind))
		if err != nil {
			return fmt.Errorf("make the object: %w", err)
		}
		if err := utiljson.Unmarshal(raw, object); err != nil {
			return fmt.Errorf("%s: %w", stage, err)
		}
		if raw, err = json.Marshal(object.(client.Object)); err != nil {
			return fmt.Errorf("encode: %w", err)
		}
	}
	return nil
}

// What the API server stores and Usher's types cannot decode takes the whole kind away from every client of theirs, in every namespace.
// The fields come from the schema that the API server uses, so a new field is tried, too.
var _ = Describe("What the API server takes", func() {
	for _, kind := range kinds {
		It("can be decoded, in every field of "+kind, func(ctx SpecContext) {
			p := newProber(ctx, kind)
			admitted, failures := map[string]int{}, []string{}
			for a, answer := range p.try(ctx, p.attempts()) {
				what := fmt.Sprintf("%s.%s = %s", kind, a.path, a.value)
				switch {
				case answer.err != nil:
					failures = append(failures, fmt.Sprintf("%s: %v", what, answer.err))
				case answer.stored == nil:
					continue // refused
				}
				if err := roundTrip(kind, answer.stored); answer.stored != nil && err != nil {
					failures = append(failures, fmt.Sprintf("%s is admitted, but not decoded: %v", what, err))
				}
				if kept(answer.stored, a.path) {
					admitted[a.path]++
				}
			}
			Expect(failures).To(BeEmpty(), "%d values", len(failures))
			walk(p.schema, "", func(path string, node schema) {
				if strings.Count(path, ".") > 0 && len(node.Properties) == 0 {
					Expect(admitted[path]).To(BeNumerically(">", 0), "no value of %s.%s was admitted; add one to examples", kind, path)
				}
			})
		}, SpecTimeout(5*time.Minute))
	}

	It("has durations that Go parses as it stands in their rules", func(ctx SpecContext) {
		found := 0
		for _, kind := range kinds {
			p := newProber(ctx, kind)
			walk(p.schema, "", func(path string, node schema) {
				if !isDuration(node) {
					return
				}
				found++
				for _, value := range durations() {
					raw, err := p.send(ctx, attempt{path: path, body: p.bodyOf(path, value)})
					Expect(err).NotTo(HaveOccurred())
					if raw == nil {
						continue
					}
					var text string
					Expect(json.Unmarshal([]byte(value), &text)).To(Succeed())
					length, err := time.ParseDuration(text)
					Expect(err).NotTo(HaveOccurred(), "%s.%s", kind, path)
					Expect(length).To(And(BeNumerically(">=", time.Minute), BeNumerically("<=", 720*time.Hour)), "%s.%s = %s", kind, path, value)
				}
			})
		}
		Expect(found).To(BeNumerically(">=", 4))
	})
})
