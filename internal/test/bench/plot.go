// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Series is one line of a plot.
type series struct {
	name   string
	points []point
}

// plot is a diagram with straight lines between measured points. Both axes begin at 0.
type plot struct {
	title, x, y string
	series      []series
}

// The size of one plot in the picture, and the space around its diagram.
const (
	plotWidth, plotHeight             = 460, 320
	marginLeft, marginRight           = 62, 26
	marginTop, marginBottom           = 44, 48
	ticksPerAxis                      = 5
	legendX, legendStep, legendIndent = marginLeft + 14, 18, 22
)

// colours are told apart in both themes, and by people who see fewer colours.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7"}

// pictureOf returns an SVG with the plots beside each other. It has no background: pages are light or dark.
func pictureOf(plots []plot) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		plotWidth*len(plots), plotHeight)
	b.WriteString("<style>text { fill: #24292f } .axis { stroke: #8c959f; fill: none } .grid { stroke: #8c959f; stroke-opacity: 0.3 }\n" +
		"@media (prefers-color-scheme: dark) { text { fill: #d0d7de } }</style>\n")
	for i, p := range plots {
		fmt.Fprintf(&b, `<g transform="translate(%d 0)">`+"\n", i*plotWidth)
		p.draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p plot) draw(b *strings.Builder) {
	var mostX, mostY float64
	for _, s := range p.series {
		for _, at := range s.points {
			mostX, mostY = math.Max(mostX, at.x), math.Max(mostY, at.y)
		}
	}
	stepX, stepY := step(mostX), step(mostY)
	mostX, mostY = math.Ceil(mostX/stepX)*stepX, math.Ceil(mostY/stepY)*stepY
	const right, bottom = plotWidth - marginRight, plotHeight - marginBottom
	x := func(v float64) string { return coordinate(marginLeft + v/mostX*(right-marginLeft)) }
	y := func(v float64) string { return coordinate(bottom - v/mostY*(bottom-marginTop)) }

	fmt.Fprintf(b, `<text x="%d" y="20" font-weight="bold">%s</text>`+"\n", marginLeft, p.title)
	for v := 0.0; v <= mostX; v += stepX {
		fmt.Fprintf(b, `<text x="%s" y="%d" text-anchor="middle">%s</text>`+"\n", x(v), bottom+18, tick(v))
	}
	for v := 0.0; v <= mostY; v += stepY {
		fmt.Fprintf(b, `<path class="grid" d="M%d %sH%d"/><text x="%d" y="%s" text-anchor="end" dy="4">%s</text>`+"\n",
			marginLeft, y(v), right, marginLeft-8, y(v), tick(v))
	}
	fmt.Fprintf(b, `<path class="axis" d="M%d %dV%dH%d"/>`+"\n", marginLeft, marginTop, bottom, right)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", right, plotHeight-10, p.x)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", marginLeft, marginTop-8, p.y)
	for i, s := range p.series {
		colour := colours[i%len(colours)]
		var line []string
		for _, at := range s.points {
			line = append(line, x(at.x)+","+y(at.y))
			fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="3" fill="%s"/>`+"\n", x(at.x), y(at.y), colour)
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(line, " "), colour)
		height := marginTop + legendStep*(i+1)
		fmt.Fprintf(b, `<path d="M%d %dh16" stroke="%s" stroke-width="2"/><text x="%d" y="%d" dy="4">%s</text>`+"\n",
			legendX, height, colour, legendX+legendIndent, height, s.name)
	}
}

// step returns a round distance between ticks: 1, 2 or 5 times a power of ten.
func step(most float64) float64 {
	if most <= 0 {
		return 1
	}
	least := most / ticksPerAxis
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= least {
			return factor * power
		}
	}
	return 10 * power
}

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func tick(v float64) string {
	if v >= kilo {
		return grouped(int(v))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// Picture returns the plots of time and heap against the number of members, as SVG; false if there are too few roll-outs for a line.
func (r *Report) Picture() (svg string, ok bool) {
	times := plot{title: "Time from created to invited", x: "members", y: "seconds"}
	heaps := plot{title: "Live heap after a restart, all Active", x: "members", y: "MB"}
	for _, shape := range Shapes {
		all := r.ofShape(shape)
		if len(all) == 0 {
			continue
		}
		name := "one account"
		if shape.PerAccount > 0 {
			name = fmt.Sprintf("accounts of %d", shape.PerAccount)
		}
		time, heap := series{name: name}, series{name: name}
		for _, each := range all {
			time.points = append(time.points, point{float64(each.N), each.Invite.Wall.Seconds()})
			heap.points = append(heap.points, point{float64(each.N), float64(each.Restart.Heap) / kilo / kilo})
		}
		ok = ok || len(all) > 1
		times.series, heaps.series = append(times.series, time), append(heaps.series, heap)
	}
	return pictureOf([]plot{times, heaps}), ok
}
