// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A process is a folder of /proc.
type process string

// find returns the processes that run programs of these names, one each.
func find(names ...string) (map[string]process, error) {
	found := map[string]process{}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	for _, folder := range folders {
		// One that has just ended has no command line any more.
		line, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		program, _, _ := strings.Cut(string(line), "\x00")
		found[program] = process(folder)
	}
	out := map[string]process{}
	for _, name := range names {
		p, ok := found["/"+name]
		if !ok {
			return nil, fmt.Errorf("cannot find a process /%s: the bench must run in the cluster's namespaces", name)
		}
		out[name] = p
	}
	return out, nil
}

// peak is the largest resident set that the process has had, in bytes: VmHWM of
// proc_pid_status(5).
func (p process) peak() (int64, error) {
	f, err := os.Open(filepath.Join(string(p), "status"))
	if err != nil {
		return 0, fmt.Errorf("cannot read memory: the program has been restarted: %w", err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kib int64
		if _, err := fmt.Sscanf(s.Text(), "VmHWM: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, errors.New("cannot read memory: there is no VmHWM")
}
