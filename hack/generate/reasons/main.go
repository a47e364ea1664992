// SPDX-License-Identifier: Apache-2.0

// Command reasons writes the page that is keyed by reason: what each reason of
// a condition means, and what the status says with it. The reasons of a mover
// are those of internal/transfer; those of the controllers, and their
// sentences, are read from the sources, so that the page cannot say anything
// else than the code.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

const intro = `<!-- Generated from the sources by ` + "`make generate`" + `; do not edit. -->

# Reasons

A resource that does not go on says why in the reason and the message of its condition ` + "`Ready`" + `, and again in ` + "`Stalled`" + `; a
Wukong says it in ` + "`status.message`" + `, with the disk's name. Look the reason up here. In the sentences, … stands for a name or for the
words of whoever refused. How to find more is in [troubleshooting](../troubleshooting.md).

`

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reasons:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	c, err := read([]string{"apis", "internal/composition"}, "internal/controller", "internal/clients")
	if err != nil {
		return fmt.Errorf("cannot read sources: %w", err)
	}
	var b strings.Builder
	b.WriteString(intro)
	movers(&b)
	for _, g := range c.groups {
		g.reasons = slices.DeleteFunc(g.reasons, func(r reason) bool { return !c.used[r.name] })
		if len(g.reasons) > 0 {
			c.section(&b, g)
		}
	}
	if len(c.conditions) > 0 {
		b.WriteString("\n## Conditions of a Wukong\n\n| condition | meaning |\n|---|---|\n")
	}
	for _, r := range c.conditions {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r.value, cell(r.comment))
	}
	_, err = io.WriteString(out, b.String())
	return err
}

// movers describes the reasons with which a mover ends.
func movers(b *strings.Builder) {
	b.WriteString("## Reasons why a transfer failed\n\n" +
		"The mover ends with the exit code. What another attempt cannot mend is not tried again: the resource waits for a change.\n\n" +
		"| reason | exit code | tried again | meaning | what to do |\n|---|---|---|---|---|\n")
	for _, r := range transfer.Reasons() {
		again := "no"
		if !r.Terminal() {
			again = "yes"
		}
		fmt.Fprintf(b, "| `%s` | %d | %s | %s | %s |\n", r, r.ExitCode(), again, cell(r.Meaning()), cell(r.Advice()))
	}
}

// section describes the reasons of one block of constants.
func (c *code) section(b *strings.Builder, g group) {
	fmt.Fprintf(b, "\n## %s\n", g.title)
	if g.rest != "" {
		fmt.Fprintf(b, "\n%s\n", g.rest)
	}
	var plain []string
	var rows strings.Builder
	for _, r := range g.reasons {
		says := c.says(r)
		if says == "" {
			plain = append(plain, "`"+r.value+"`")
			continue
		}
		fmt.Fprintf(&rows, "| `%s` | %s |\n", r.value, says)
	}
	if rows.Len() > 0 {
		fmt.Fprintf(b, "\n| reason | what it says |\n|---|---|\n%s", rows.String())
	}
	if len(plain) > 0 {
		fmt.Fprintf(b, "\n%s.\n", strings.Join(plain, ", "))
	}
}

// says is the comment of a reason, and the sentences that come with it.
func (c *code) says(r reason) string {
	var parts []string
	if r.comment != "" {
		parts = append(parts, cell(r.comment))
	}
	for _, s := range c.sentences[r.name] {
		parts = append(parts, cell(s))
	}
	return strings.Join(parts, "<br>")
}

func cell(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer("|", "\\|", "<", "&lt;", ">", "&gt;").Replace(s)
}
