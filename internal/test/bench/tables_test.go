// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// measured is a report of two roll-outs of one shape, the second ten times as large and as slow.
func measured() *Report {
	rollout := func(n int, heap int64) *Rollout {
		seconds := time.Duration(n) * time.Second
		return &Rollout{
			Shape: Shapes[0], N: n, Raw: Rates{Creates: 800, Patches: 400}, EmptyHeap: 10e6, FullHeap: 2 * heap,
			Invite: Phase{
				Wall: seconds / 20, Raw: seconds / 40, Writes: 6 * n, Events: 3 * n, Reads: 5 * n, Conflicts: n / 100, Calls: 20 * n,
				Manager: 19 * time.Millisecond * time.Duration(n), Server: 40 * time.Millisecond * time.Duration(n),
			},
			Accept:  Phase{Wall: seconds / 50, Raw: seconds / 50, Writes: 2 * n, Events: 2 * n, Reads: 3 * n, Calls: 10 * n},
			Restart: Restart{Ready: 1500 * time.Millisecond, Rest: 4 * time.Second, Heap: heap},
		}
	}
	first := rollout(1000, 13e6)
	first.Invite.Profiles = &Profiles{Server: measuredProfile(), Manager: measuredProfile()}
	first.Accept.Profiles = first.Invite.Profiles
	return &Report{
		About:    About{Command: "make bench", Commit: "abc1234", Date: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Machine: "2 processors"},
		Rollouts: []*Rollout{first, rollout(10000, 40e6)},
		Fairness: []*Fairness{{N: 1000, Probes: []Probe{
			{"member disabled", otherNamespace, []time.Duration{40 * time.Second, time.Second, 2 * time.Second}},
			{whatNew, otherNamespace, []time.Duration{49 * time.Second}},
		}}},
		Conflicts: &Conflicts{N: 1000, Invite: Phase{Writes: 60, Conflicts: 30}, Accept: Phase{Writes: 40, Conflicts: 10}, Mails: 1000},
		Mails:     []*MailRate{{Delay: slowServer, Mails: 500, Connections: 4, Usher: 8, Bare: 16}},
		Machine:   []MachineRates{{true, Rates{700, 300}}},
		Units:     []UnitCost{{Call: callGet, Server: 500 * time.Microsecond}, {Call: "create a Member", Calls: 1000, Server: 1230 * time.Microsecond, Etcd: 200 * time.Microsecond}},
		Rate:      200,
		Pages: []PageLoad{{"an invitation's form", "nothing else", "< 20", Latencies{
			Took: []time.Duration{3 * time.Millisecond, 19 * time.Millisecond, time.Second}, Late: []time.Duration{0}, Failed: 1,
		}}},
		Scales: []*Scale{{
			N: 1000, Accounts: 1, Stored: []Stored{{"Member", 1000, 3000}, {"SeatPool", 1, 50000}}, ClaimBytes: 44,
			Empty: memory{heap: 100e6, inUse: 1e6}, Full: memory{heap: 150e6, inUse: 9e6}, Second: Restart{Writes: 7, Server: time.Second},
		}},
	}
}

// cells returns the cells of the row that begins with a name.
func cells(tables []Table, name string) []string {
	for _, t := range tables {
		for _, row := range t.Rows {
			if strings.HasPrefix(row[0], name) {
				return row[1:]
			}
		}
	}
	return nil
}

func TestTables(t *testing.T) {
	tables := measured().Tables()
	for name, want := range map[string][]string{
		"invited/s over the raw":                  {">= 0.12; 10,000: >= 0.115", "0.050", "0.050"},
		"time created -> invited over the raw":    {"<= 1.2", "2.00", "2.00"},
		"time accepted -> Active over the raw":    {"<= 1.2", "1.00", "1.00"},
		"time created -> invited over that":       {"<= 1.05", "1", "1.00"},
		"live heap after a restart, slope":        {"<= 2.5", "", "3.00"},
		"live heap after a restart, KB":           {"", "3.0", "3.0"},
		"live heap right after":                   {"", "16.0", "7.0"},
		"created -> invited: writes per member":   {"<= 5", "6.00", "6.00"},
		"created -> invited: live reads":          {"<= 2", "5.00", "5.00"},
		"conflicts per successful write, one":     {"", "0.12 %", "0.12 %"},
		"manager, created -> invited":             {"<= 5; 10,000: <= 6", "19.0", "19.0"},
		"API server, created -> invited":          {"", "2.00", "2.00"},
		"created -> invited, s":                   {"", "50.0", "500.0"},
		"invited/s":                               {">= 0.12; 10,000: >= 0.115", "0.050", "0.050"},
		"restart: /readyz":                        {"<= 10", "1.5", "1.5"},
		"member disabled, another namespace":      {"<= 1", "2.00", "40.00", "40.00", "3"},
		"new member invited":                      {"<= 2", "49.00", "49.00", "49.00", "1"},
		"mails/s over a bare loop's, 4":           {">= 0.8", "0.500"},
		"conflicts per successful write, two":     {"< 1 %", "40.00 %"},
		"raw client: status patches/s, etcd with": {"", "300"},
		"CEL":                                  {"75.0 %", "1.50", "75.0 %", "0.00"},
		"create a Member":                      {"1,000", "1.23", "2.5", "0.20"},
		"an invitation's form, during nothing": {"< 20", "19.0", "1,000.0", "1,000.0", "0.0", "3", "1"},
		"restart: writes and Events":           {"0", "7"},
		"restart: ms of processor time per member, API": {"", "1.00"},
		"API server: live heap, KB per member":          {"", "50.0"},
		"etcd: in use, KB per member":                   {"", "8.00"},
		"etcd: bytes of each SeatPool":                  {"", "50,000"},
		"etcd: bytes of keys and values per member":     {"", "3,050"},
	} {
		NewWithT(t).Expect(cells(tables, name)).To(Equal(want), name)
	}
	for value, want := range map[float64]string{0: "0.0", 999.96: "1,000.0", 1234.5: "1,234.5", math.NaN(): "-", math.Inf(1): "-"} {
		NewWithT(t).Expect(number(value, 1)).To(Equal(want))
	}
}

func TestAReportOfOneLineHasItsTableOnly(t *testing.T) {
	g := NewWithT(t)
	g.Expect((&Report{}).Tables()).To(BeEmpty())
	one := &Report{Rollouts: measured().Rollouts[:1]}
	one.Rollouts[0].Invite.Profiles = nil
	g.Expect(one.Tables()).To(HaveLen(1))
	g.Expect(cells(one.Tables(), "time created -> invited over that")).To(BeNil(), "there is nothing to compare with")
	_, drawn := one.Picture()
	g.Expect(drawn).To(BeFalse())
}

func TestMarkdown(t *testing.T) {
	g := NewWithT(t)
	var out strings.Builder
	g.Expect(Table{"Apples", []string{"", "n"}, [][]string{{"réd", "1,000"}, {"green", "2"}}}.markdown(&out)).To(Succeed())
	g.Expect(out.String()).To(Equal(`### Apples

|       |     n |
| ----- | ----: |
| réd   | 1,000 |
| green |     2 |
`))
	out.Reset()
	g.Expect(measured().Markdown(&out)).To(Succeed())
	g.Expect(out.String()).To(HavePrefix("`make bench`, commit abc1234, 1 March 2026, 09:00 UTC\n2 processors\n\n### Roll-out\n"))
}

func TestTheDocumentKeepsWhatIsAroundTheFigures(t *testing.T) {
	g := NewWithT(t)
	before := "# Performance\n" + beginMarker + "\nold\n" + endMarker + "\nend\n"
	after, err := between(before, "\nnew\n")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(after).To(Equal("# Performance\n" + beginMarker + "\n\nnew\n\n" + endMarker + "\nend\n"))
	g.Expect(between(after, "new")).To(Equal(after))
	for _, wrong := range []string{"", beginMarker, endMarker + beginMarker} {
		_, err := between(wrong, "new")
		g.Expect(err).To(HaveOccurred(), wrong)
	}
}

func TestTheDocumentHasAPlaceForTheFigures(t *testing.T) {
	g := NewWithT(t)
	root, err := apiserver.ModuleRoot()
	g.Expect(err).NotTo(HaveOccurred())
	document, err := os.ReadFile(filepath.Join(root, Document))
	g.Expect(err).NotTo(HaveOccurred())
	_, err = between(string(document), "new")
	g.Expect(err).NotTo(HaveOccurred())
}

func TestThePictureIsXMLWithALineForEachShape(t *testing.T) {
	g := NewWithT(t)
	svg, drawn := measured().Picture()
	g.Expect(drawn).To(BeTrue())
	lines := map[string]int{}
	for in := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		g.Expect(err).NotTo(HaveOccurred())
		if start, ok := token.(xml.StartElement); ok {
			lines[start.Name.Local]++
		}
	}
	g.Expect(lines).To(HaveKeyWithValue("polyline", 2))
	g.Expect(lines).To(HaveKeyWithValue("circle", 4))
	// 1,000 members in 50 s of at most 10,000 and 500 s: a tenth of both axes.
	g.Expect(svg).To(ContainSubstring(`points="99.2,249.2 434.0,44.0"`))
	g.Expect(svg).To(ContainSubstring(">10,000<"))
}

func TestStepsAreRound(t *testing.T) {
	for most, want := range map[float64]float64{0: 1, 1: 0.2, 5: 1, 6: 2, 11: 5, 40: 10, 501: 200, 10000: 2000} {
		NewWithT(t).Expect(step(most)).To(BeNumerically("~", want, 1e-9), "%v", most)
	}
}
