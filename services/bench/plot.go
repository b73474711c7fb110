package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Sizes of the picture, in pixels.
const (
	plotLeft, plotWidth = 430, 420
	plotRow             = 22
)

// picture draws each goal as a bar: how our figure compares with the goal, better to the right.
func (r *report) picture() string {
	goals := r.goals()
	height := (len(goals)+2)*plotRow + 10
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		plotLeft+plotWidth+70, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	fmt.Fprintf(&b, `<text x="%d" y="16" fill="#333">times as good as the goal</text>`+"\n", plotLeft)
	for i, g := range goals {
		factor := g.Got / g.Limit
		if g.Most {
			factor = g.Limit / g.Got
		}
		color := "#1a7f37"
		if !g.met() {
			color = "#b35900"
		}
		y := (i + 1) * plotRow
		width := plotWidth * min(1, math.Max(0.01, factor/3)) // the picture ends at three times the goal
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#333">%s</text>`+"\n", plotLeft-8, y+15, html.EscapeString(g.What))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/>`+"\n", plotLeft, y+3, width, plotRow-6, color)
		fmt.Fprintf(&b, `<text x="%.0f" y="%d" fill="#333">%.2f</text>`+"\n", plotLeft+width+6, y+15, factor)
	}
	x := plotLeft + plotWidth/3
	fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#333" stroke-dasharray="3 3"/>`+"\n", x, plotRow, x, height-10)
	return b.String() + "</svg>\n"
}
