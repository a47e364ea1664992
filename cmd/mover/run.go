// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"os"

	"github.com/alecthomas/kingpin/v2"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// terminationLog is where Kubernetes reads a container's last message.
const terminationLog = "/dev/termination-log"

// runCommand is `mover run`.
type runCommand struct {
	name       string
	document   string
	resultFile string
	json       bool
}

func newRunCommand(app *kingpin.Application) *runCommand {
	clause := app.Command("run", "Do what a job document says, as the provider's Jobs do. A file at its destination is replaced.")
	c := &runCommand{name: clause.FullCommand()}
	clause.Arg("job", "The job document, a file of JSON; - is standard input.").Required().StringVar(&c.document)
	clause.Flag("result-file", "Write the result to this file as well. The default is skipped where it does not exist.").Default(terminationLog).StringVar(&c.resultFile)
	clause.Flag("json", "Write progress and the result as lines of JSON, as is done when standard output is not a terminal.").BoolVar(&c.json)
	return c
}

func (c *runCommand) run(ctx context.Context) int {
	job, err := c.read()
	if err != nil {
		failed := transfer.Result{Type: transfer.LineResult, Attempts: 1}.Failed(err)
		return newOutput(c.json).result(failed, c.resultFile)
	}
	return move(ctx, job, true, c.json, c.resultFile)
}

func (c *runCommand) read() (*transfer.Job, error) {
	var in io.Reader = os.Stdin
	if c.document != "" && c.document != "-" { // kingpin makes the empty string of -.
		f, err := os.Open(c.document)
		if err != nil {
			return nil, transfer.Terminal(transfer.ReasonInvalidJob, err)
		}
		defer f.Close() //nolint:errcheck // It was only read.
		in = f
	}
	return transfer.ReadJob(in)
}
