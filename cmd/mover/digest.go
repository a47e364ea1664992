// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/alecthomas/kingpin/v2"
	"golang.org/x/term"

	"github.com/novasphere/provider-wukong/internal/mover"
	"github.com/novasphere/provider-wukong/internal/mover/progress"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// digestCommand is `mover digest`.
type digestCommand struct {
	name string
	path string
	json bool
}

func newDigestCommand(app *kingpin.Application) *digestCommand {
	clause := app.Command("digest", "Tell the digest of a disk's content, as an export tells it. Holes are not read. Of a file, `fsverity digest` tells the same.")
	c := &digestCommand{name: clause.FullCommand()}
	clause.Arg("path", "A raw disk: a file or a block device.").Required().StringVar(&c.path)
	clause.Flag("json", "Write one line of JSON.").BoolVar(&c.json)
	return c
}

func (c *digestCommand) run(ctx context.Context) int {
	o := mover.Options{}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		o.Watch = watchBeside
	}
	s, err := mover.Digest(ctx, c.path, o)
	if err != nil {
		r := transfer.Result{}.Failed(err)
		fmt.Fprintf(os.Stderr, "mover: %s\n%s: %s\n", r.Message, r.Reason, advice(r.Reason))
		return r.ExitCode()
	}
	if c.json {
		_ = json.NewEncoder(os.Stdout).Encode(s) // Nobody reads: the exit code says it too.
	} else {
		fmt.Printf("%s  %s\n", s.ContentDigest, c.path)
	}
	return transfer.ExitDone
}

// watchBeside is mover.Options.Watch where standard output is the answer's.
func watchBeside(snapshot func() transfer.Progress, news <-chan struct{}) (stop func(bool)) {
	end := progress.Start(progress.NewBar(os.Stderr, width), snapshot, news)
	return func(succeeded bool) {
		end(succeeded)
		fmt.Fprintln(os.Stderr)
	}
}
