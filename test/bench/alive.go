// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// patience is how long a program may use no processor time before it counts as
// hanging.
const patience = 15 * time.Second

var errHangs = errors.New("it used no processor time for 15 s and was killed")

// watchAlive kills a process that hangs. The function that it returns is called
// when the process has ended, and returns errHangs where it was killed.
func watchAlive(ctx context.Context, p *os.Process) func() error {
	ctx, cancel := context.WithCancel(ctx)
	verdict := make(chan error)
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		used, since := ticks(p.Pid), time.Now()
		var err error
		for {
			select {
			case <-tick.C:
				if now := ticks(p.Pid); now != used {
					used, since = now, time.Now()
				} else if err == nil && time.Since(since) > patience {
					err = errors.Join(errHangs, p.Kill())
				}
			case <-ctx.Done():
				verdict <- err
				return
			}
		}
	}()
	return func() error { cancel(); return <-verdict }
}

// ticks is the processor time that a process and its children have used, in a
// unit of the kernel's (proc(5), /proc/pid/stat); what cannot be read is 0.
func ticks(pid int) int64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name of the program, in parentheses, may hold spaces.
	_, rest, _ := strings.Cut(string(stat), ") ")
	var state string
	var skip, user, system int64
	if _, err := fmt.Sscan(rest, &state, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system); err != nil {
		return 0
	}
	sum := user + system
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for child := range strings.FieldsSeq(string(children)) {
		var n int
		if _, err := fmt.Sscan(child, &n); err == nil {
			sum += ticks(n)
		}
	}
	return sum
}
