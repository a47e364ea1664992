// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/novasphere/provider-wukong/internal/mover/bytesize"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// redraw is the time between two looks of a bar: smooth to the eye, and
	// nothing to the processor.
	redraw = 200 * time.Millisecond

	minBar = 10 // cells; a bar that would be shorter is left out
	maxBar = 40

	clearLine = "\r\x1b[K"
)

// Bar shows progress as one line of a terminal, over and over.
type Bar struct {
	out   io.Writer
	width func() int
}

// NewBar returns a sink that draws on the terminal w, whose width in cells is
// asked for each time.
func NewBar(w io.Writer, width func() int) *Bar { return &Bar{w, width} }

// Show implements Sink.
func (b *Bar) Show(p transfer.Progress) {
	_, _ = fmt.Fprint(b.out, clearLine+line(p, b.width()-1)) // Nobody looks: the transfer goes on.
}

// Interval implements Sink.
func (b *Bar) Interval() time.Duration { return redraw }

// line says how far a transfer is in at most width cells.
func line(p transfer.Progress, width int) string {
	parts := []string{}
	if p.TotalBytes > 0 || p.Percent == 100 {
		parts = append(parts, fmt.Sprintf("%3d%%", p.Percent))
	}
	parts = append(parts, amount(p), bytesize.Human(p.BytesPerSecond)+"/s")
	if p.ETASeconds != nil && p.Percent < 100 {
		parts = append(parts, (time.Duration(*p.ETASeconds)*time.Second).String()+" left")
	}
	text := strings.Join(parts, "  ")
	if p.TotalBytes > 0 {
		if cells := min(maxBar, width-utf8.RuneCountInString(text)-4); cells >= minBar {
			full := cells * p.Percent / 100
			text = "[" + strings.Repeat("=", full) + strings.Repeat(" ", cells-full) + "] " + text
		}
	}
	if r := []rune(text); len(r) > width {
		return string(r[:max(0, width)])
	}
	return text
}

func amount(p transfer.Progress) string {
	if p.TotalBytes <= 0 {
		return bytesize.Human(p.TransferredBytes)
	}
	return bytesize.Human(p.TransferredBytes) + " of " + bytesize.Human(p.TotalBytes)
}
