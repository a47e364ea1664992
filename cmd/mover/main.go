// SPDX-License-Identifier: Apache-2.0

// Command mover moves one disk: an image at a URL or in a file becomes a raw
// disk in a file or on a block device, or such a disk becomes an artifact. The provider's Jobs run it with a job
// document, people with flags; the code behind both is the same.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kingpin/v2"

	"github.com/novasphere/provider-wukong/internal/transfer"
	"github.com/novasphere/provider-wukong/internal/version"
)

// heapLimit makes the collector run often enough that the process stays below
// 256 MiB: the engine's buffers, at most about 130 MiB, are not on the heap.
const heapLimit = 112 << 20

// spareThreads are how many threads more than processors may run Go at once. A
// thread in a system call, such as a direct write of some milliseconds, keeps
// its turn until the runtime notices, and a processor is idle meanwhile: on two
// processors an import of a zlib image took a seventh longer without.
const spareThreads = 4

var errNoCommand = errors.New("a command is missing")

const help = `Bring a VM disk image to a raw disk, or a raw disk out as an image: as fast as the link, the disk or the checksum, with little memory and no scratch space.`

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareThreads)
	}
	// The first signal cancels, and what was half-written is removed; the
	// second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run does what the arguments say and returns the exit code.
func run(ctx context.Context, args []string) int {
	app := kingpin.New("mover", help)
	app.UsageWriter(os.Stdout)
	app.UsageTemplate(kingpin.DefaultUsageTemplate + exitCodes())
	app.HelpFlag.Short('h')

	imports := newImportCommand(app)
	exports := newExportCommand(app)
	inspect := newInspectCommand(app)
	digest := newDigestCommand(app)
	jobs := newRunCommand(app)
	tell := app.Command("version", "Tell the version.")

	if len(args) == 0 {
		return usage(errNoCommand)
	}
	command, err := app.Parse(args)
	if err != nil {
		return usage(err)
	}
	switch command {
	case imports.name:
		return imports.run(ctx)
	case exports.name:
		return exports.run(ctx)
	case inspect.name:
		return inspect.run(ctx)
	case digest.name:
		return digest.run(ctx)
	case jobs.name:
		return jobs.run(ctx)
	case tell.FullCommand():
		fmt.Println(version.Version)
	}
	return transfer.ExitDone
}

// usage says what is wrong with the arguments.
func usage(err error) int {
	fmt.Fprintf(os.Stderr, "mover: %s (see mover --help)\n", err)
	return transfer.ExitUsage
}

// exitCodes is the end of the help.
func exitCodes() string {
	var b strings.Builder
	b.WriteString("Exit status:\n")
	fmt.Fprintf(&b, "  %2d  done\n  %2d  failed, and worth another try:", transfer.ExitDone, transfer.ExitRetry)
	for _, r := range transfer.Reasons() {
		if !r.Terminal() {
			fmt.Fprintf(&b, " %s", r)
		}
	}
	fmt.Fprintf(&b, "\n  %2d  the arguments are wrong\n", transfer.ExitUsage)
	for _, r := range transfer.Reasons() {
		if r.Terminal() {
			fmt.Fprintf(&b, "  %2d  %s: %s\n", r.ExitCode(), r, r.Meaning())
		}
	}
	return b.String()
}
