// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/novasphere/provider-wukong/internal/mover"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// importCommand is `mover import`.
type importCommand struct {
	sourceFlags

	name        string
	destination string
	checksum    string
	size        bytesFlag
	deadline    time.Duration
	owner       string
	mode        string
	force       bool
	json        bool
}

func newImportCommand(app *kingpin.Application) *importCommand {
	clause := app.Command("import", "Import an image into a raw file or a block device.")
	c := &importCommand{name: clause.FullCommand()}
	c.register(clause)
	clause.Arg("destination", "The disk: a file, which appears when it is whole, or a block device, which is overwritten.").Required().StringVar(&c.destination)
	clause.Flag("checksum", "What the source's bytes must have: sha256:…, sha512:…, sha1:…, md5:… or crc64nvme:….").PlaceHolder("SUM").StringVar(&c.checksum)
	clause.Flag("size", "Size of the disk, such as 20G. Default: the image's virtual size, or the device's size.").PlaceHolder("BYTES").SetValue(&c.size)
	clause.Flag("deadline", "Give up after this time, such as 1h30m.").PlaceHolder("DURATION").DurationVar(&c.deadline)
	clause.Flag("owner", "Owner of the file, as numbers: UID:GID.").PlaceHolder("UID:GID").StringVar(&c.owner)
	clause.Flag("mode", "Mode of the file, in octal, such as 0660.").PlaceHolder("MODE").StringVar(&c.mode)
	clause.Flag("force", "Replace a file that exists and is not empty.").BoolVar(&c.force)
	clause.Flag("json", "Write progress and the result as lines of JSON, as is done when standard output is not a terminal.").BoolVar(&c.json)
	return c
}

func (c *importCommand) run(ctx context.Context) int {
	job, err := c.job()
	if err != nil {
		return usage(err)
	}
	return move(ctx, job, c.force, c.json, "")
}

// job returns the job document that the flags make.
func (c *importCommand) job() (*transfer.Job, error) {
	j, err := c.sourceFlags.job()
	if err != nil {
		return nil, err
	}
	if scheme.MatchString(c.destination) {
		return nil, fmt.Errorf("a destination %q does not work: the paths of files and block devices do", c.destination)
	}
	j.Verification.Checksum = c.checksum
	j.Limits.Deadline = transfer.Duration(c.deadline)
	j.Destination = transfer.Destination{Path: c.destination, Size: int64(c.size)}
	if c.owner != "" {
		uid, gid, err := parseOwner(c.owner)
		if err != nil {
			return nil, err
		}
		j.Destination.UID, j.Destination.GID = &uid, &gid
	}
	if c.mode != "" {
		mode, err := strconv.ParseUint(c.mode, 8, 12)
		if err != nil {
			return nil, fmt.Errorf("--mode: %q is not an octal mode such as 0660", c.mode)
		}
		m := uint32(mode)
		j.Destination.Mode = &m
	}
	return j, nil
}

func parseOwner(s string) (uid, gid int, err error) {
	u, g, ok := strings.Cut(s, ":")
	uid, errU := strconv.Atoi(u)
	gid, errG := strconv.Atoi(g)
	if !ok || errU != nil || errG != nil || uid < 0 || gid < 0 {
		return 0, 0, fmt.Errorf("--owner: %q is not of the form UID:GID, such as 107:107", s)
	}
	return uid, gid, nil
}

// move runs a job and tells how it went.
func move(ctx context.Context, job *transfer.Job, overwrite, asJSON bool, resultFile string) int {
	out := newOutput(asJSON)
	r := mover.Run(ctx, job, mover.Options{Watch: out.watch, Overwrite: overwrite})
	if job.ID == commandLine {
		r = byHand(r)
	}
	return out.result(r, resultFile)
}
