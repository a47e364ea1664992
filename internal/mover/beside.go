// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/file"
)

const (
	// nameOnClaim is what KubeVirt and CDI call the disk on a volume with files.
	// Other names are given by people, who know what else is in a folder.
	nameOnClaim = "disk.img"

	// besideMost is how many files are named, and besideName how many bytes of
	// each name.
	besideMost = 5
	besideName = 64
)

// lookBeside says which other files stand on a claim: one of them may be the disk
// that is meant, where there is no disk.img, or another one, where there is.
func (m *move) lookBeside(path string, found bool) {
	names := file.Beside(path)
	switch {
	case len(names) == 0:
	case found:
		m.noted(fmt.Sprintf("Beside %s there is also %s: that is no part of the disk, and is not exported.", nameOnClaim, listed(names)))
	default:
		m.noted(fmt.Sprintf("What is there is %s: if one of these is the disk, make it %s with `qemu-img convert -O raw`, or rename it if it is raw already.", listed(names), nameOnClaim))
	}
}

// listed writes names in a row, as many as are good to read.
func listed(names []string) string {
	quoted := make([]string, 0, besideMost+1)
	for _, name := range names[:min(len(names), besideMost)] {
		if len(name) > besideName {
			name = strings.ToValidUTF8(name[:besideName], "") + "…"
		}
		quoted = append(quoted, strconv.Quote(name))
	}
	if more := len(names) - besideMost; more > 0 {
		quoted = append(quoted, fmt.Sprintf("%d more", more))
	}
	if last := len(quoted) - 1; last > 0 {
		quoted = append(quoted[:last-1], quoted[last-1]+" and "+quoted[last])
	}
	return strings.Join(quoted, ", ")
}
