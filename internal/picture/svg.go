package picture

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"scalable-backend/internal/graph"
)

// The grid, in pixels. Arrows run in the gaps between its boxes.
const (
	boxWidth, boxHeight = 210, 84
	columnGap, rowGap   = 84, 60
	left, top           = 160, 96
	width               = left + 4*(boxWidth+columnGap) - columnGap + 20
	height              = top + 5*(boxHeight+rowGap) + 30
)

const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">
<title>%s</title>
<style>
  text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2933; }
  .name { font-weight: 600; font-size: 15px; } .small { font-size: 11px; fill: #52606d; } .head { font-weight: 600; font-size: 17px; }
  .label { font-size: 11px; stroke: #fff; stroke-width: 4px; paint-order: stroke; }
  rect { stroke-width: 1.5px; } .paper { fill: #fff; } .vpc { fill: none; stroke: #7b8794; stroke-dasharray: 6 4; }
  .layer { fill: #f5f7fa; stroke: none; } .outside { fill: #fff; stroke: #7b8794; } .edge { fill: #e6f0ff; stroke: #2b6cb0; }
  .compute { fill: #fff3e0; stroke: #c05621; } .store { fill: #e8f7ee; stroke: #2f855a; }
  path { fill: none; stroke: #3e4c59; stroke-width: 1.5px; marker-end: url(#end); } .bytes { stroke: #2f855a; stroke-dasharray: 5 3; }
</style>
<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path
  d="M0,0 L8,4 L0,8 z" style="fill:#3e4c59;stroke:none;marker-end:none"/></marker></defs>
<rect class="paper" width="100%%" height="100%%"/>
`

// WriteSVG draws a graph. It needs the ids of a plan, or of shape.Restore.
func WriteSVG(w io.Writer, g *graph.Graph) error {
	d, err := model(g)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, head, width, height, width, height, escaped(d.title))
	write(&b, 20, 34, "head", d.title)
	d.writeLayers(&b)
	at := map[string]box{}
	for _, box := range d.boxes {
		at[box.id] = box
	}
	for _, a := range d.arrows {
		a.write(&b, at[a.from], at[a.to])
	}
	for _, box := range d.boxes {
		box.write(&b)
	}
	write(&b, 20, height-14, "small", d.caption)
	b.WriteString("</svg>\n")
	_, err = io.WriteString(w, b.String())
	return err
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return b.String()
}

func write(b *strings.Builder, x, y int, class, text string) {
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" class=\"%s\">%s</text>\n", x, y, class, escaped(text))
}

// writeLayers draws the network and its rows of subnets.
func (d *drawing) writeLayers(b *strings.Builder) {
	const x, wide = 14, left + 3*(boxWidth+columnGap) - columnGap/2 - 10
	first := top + boxHeight + rowGap
	fmt.Fprintf(b, "<rect class=\"vpc\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", x, first-34, wide,
		4*(boxHeight+rowGap)+14)
	write(b, x+10, first-18, "small", "VPC")
	for i, l := range d.layers {
		y := first + i*(boxHeight+rowGap)
		fmt.Fprintf(b, "<rect class=\"layer\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", x+6, y-12, wide-12, boxHeight+24)
		write(b, x+14, y+10, "name", l.name)
		for n, subnet := range l.subnets {
			write(b, x+14, y+28+15*n, "small", subnet)
		}
	}
}

// corner returns the upper left corner of a box.
func (b box) corner() (x, y int) {
	return left + b.column*(boxWidth+columnGap), top + b.row*(boxHeight+rowGap)
}

func (b box) high() int { return boxHeight + max(b.rows-1, 0)*(boxHeight+rowGap) }

func (b box) write(out *strings.Builder) {
	x, y := b.corner()
	fmt.Fprintf(out, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", b.style, x, y, boxWidth, b.high())
	write(out, x+12, y+24, "name", b.title)
	for i, line := range b.lines {
		write(out, x+12, y+42+15*i, "small", line)
	}
}

// write draws an arrow between two boxes.
func (a arrow) write(out *strings.Builder, from, to box) {
	points, x, y := a.points(from, to)
	class := ""
	if a.dashed {
		class = ` class="bytes"`
	}
	fmt.Fprintf(out, "<path%s d=\"M%s\"/>\n", class, points)
	if a.label != "" {
		write(out, x, y, "label", a.label)
	}
}

// points returns the corners of an arrow's line, and the place of its label.
func (a arrow) points(from, to box) (line string, x, y int) {
	fx, fy := from.corner()
	tx, ty := to.corner()
	middle := boxWidth / 2
	switch {
	case a.way == over:
		at := top - 26
		return fmt.Sprintf("%d,%d V%d H%d V%d", fx+middle, fy, at, tx+middle, ty-3), fx + middle + 12, at - 6
	case a.way == above:
		at := fy - rowGap/2
		return fmt.Sprintf("%d,%d V%d H%d V%d", fx+boxWidth-30, fy, at, tx+40, ty+to.high()+3), fx + boxWidth + 20, at - 6
	case a.way == below:
		at := fy + boxHeight + rowGap/2
		if to.rows > 1 { // into the side of a high box
			return fmt.Sprintf("%d,%d V%d H%d", fx+boxWidth-30, fy+boxHeight, at, tx-3), fx + boxWidth + 190, at - 6
		}
		at += 14
		return fmt.Sprintf("%d,%d V%d H%d V%d", fx+boxWidth-60, fy+boxHeight, at, tx+middle, ty-3), fx + boxWidth + 20, at + 13
	case from.column == to.column && fy < ty:
		return fmt.Sprintf("%d,%d V%d", fx+middle, fy+from.high(), ty-3), fx + middle + 8, fy + from.high() + 15
	case from.column == to.column:
		return fmt.Sprintf("%d,%d V%d", fx+middle, fy, ty+to.high()+3), fx + middle + 8, fy - 12
	case from.column < to.column:
		at := fy + boxHeight/2
		return fmt.Sprintf("%d,%d H%d", fx+boxWidth, at, tx-3), fx + boxWidth + 36, at - 6
	}
	at := fy + boxHeight/2
	return fmt.Sprintf("%d,%d H%d", fx, at, tx+boxWidth+3), tx + boxWidth + 8, at - 6
}
