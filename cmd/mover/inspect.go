// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/alecthomas/kingpin/v2"

	"github.com/novasphere/provider-wukong/internal/mover"
	"github.com/novasphere/provider-wukong/internal/mover/bytesize"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// inspectCommand is `mover inspect`.
type inspectCommand struct {
	sourceFlags

	name string
	json bool
}

func newInspectCommand(app *kingpin.Application) *inspectCommand {
	clause := app.Command("inspect", "Tell what a source holds, and whether it could be imported. Little of it is read.")
	c := &inspectCommand{name: clause.FullCommand()}
	c.register(clause)
	clause.Flag("json", "Write one line of JSON.").BoolVar(&c.json)
	return c
}

func (c *inspectCommand) run(ctx context.Context) int {
	job, err := c.job()
	if err != nil {
		return usage(err)
	}
	job.Destination.Path = os.DevNull // A job has one; this one is not looked at.
	in := mover.Inspect(ctx, job)
	if in.Refused != nil {
		in.Refused.Advice = advice(in.Refused.Reason)
	}
	if c.json {
		_ = json.NewEncoder(os.Stdout).Encode(in) // Nobody reads: the exit code says it too.
	} else {
		describe(c.source, in)
	}
	if in.Refused != nil {
		return in.Refused.Reason.ExitCode()
	}
	return transfer.ExitDone
}

// describe tells a person what was found.
func describe(source string, in mover.Inspection) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(w, "%s:\t%s\n", name, value) // It is flushed at the end.
		}
	}
	bytes := func(n int64) string {
		if n == 0 {
			return ""
		}
		return bytesize.Exact(n)
	}
	row("source", source)
	row("size", bytes(in.Source.Size))
	row("format", string(in.Source.Format))
	row("compression", in.Source.Compression)
	row("virtual size", bytes(in.Source.VirtualSize))
	row("allocated", bytes(in.AllocatedBytes))
	row("validator", in.Source.ETag)
	if in.Refused == nil {
		row("ranges", yesNo(in.Ranges))
		row("importable", "yes")
	} else {
		row("importable", "no: "+in.Refused.Message)
		row("reason", string(in.Refused.Reason))
		row("advice", in.Refused.Advice)
	}
	_ = w.Flush() // Nobody reads: the exit code says it too.
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
