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

const (
	// The widths of what changes, in cells, so that the bar beside it stays
	// as long as it is: "1023 bytes" is the longest amount, and 99:59:59 the
	// longest time that anybody waits for.
	amountWidth = 10
	speedWidth  = amountWidth + len("/s")
	timeWidth   = 8
)

// line says how far a transfer is in at most width cells.
func line(p transfer.Progress, width int) string {
	text := fmt.Sprintf("%*s  %*s", amountWidth, bytesize.Human(p.TransferredBytes), speedWidth, bytesize.Human(p.BytesPerSecond)+"/s")
	if p.TotalBytes > 0 {
		text = fmt.Sprintf("%3d%%  %*s of %s  %*s  %s", p.Percent, amountWidth, bytesize.Human(p.TransferredBytes), bytesize.Human(p.TotalBytes),
			speedWidth, bytesize.Human(p.BytesPerSecond)+"/s", left(p))
		if cells := min(maxBar, width-utf8.RuneCountInString(text)-len("[] ")); cells >= minBar {
			full := cells * p.Percent / 100
			text = "[" + strings.Repeat("=", full) + strings.Repeat(" ", cells-full) + "] " + text
		}
	}
	if r := []rune(text); len(r) > width {
		return string(r[:max(0, width)])
	}
	return text
}

// left says how much time is left, in a fixed number of cells.
func left(p transfer.Progress) string {
	if p.ETASeconds == nil || p.Percent == 100 {
		return strings.Repeat(" ", timeWidth+len(" left"))
	}
	s := *p.ETASeconds
	t := fmt.Sprintf("%d:%02d", s/60, s%60)
	if s >= 3600 {
		t = fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%*s left", timeWidth, t)
}
