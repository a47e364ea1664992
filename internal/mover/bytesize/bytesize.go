// SPDX-License-Identifier: Apache-2.0

// Package bytesize reads and writes numbers of bytes as people do.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units in steps of 1024.
const units = "KMGTPE"

// Human writes n with a binary unit and at most three digits that matter, as
// in "20 GiB" or "1.5 MiB".
func Human(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	v, i := float64(n)/1024, 0
	for ; v >= 999.5 && i < len(units)-1; i++ {
		v /= 1024
	}
	digits := max(0, 2-int(math.Log10(v)))
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if digits > 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + " " + units[i:i+1] + "iB"
}

// Exact writes n both ways, as in "20 GiB (21474836480 bytes)".
func Exact(n int64) string {
	if n < 1024 {
		return Human(n)
	}
	return fmt.Sprintf("%s (%d bytes)", Human(n), n)
}

// Parse reads a number of bytes: "1000", "20M", "20MiB", "1.5G" and so on in
// steps of 1024, "20MB" in steps of 1000.
func Parse(s string) (int64, error) {
	number := strings.TrimRight(s, "KMGTPEkmgtpeiBb ")
	unit := strings.TrimSpace(s[len(number):])
	v, err := strconv.ParseFloat(number, 64)
	factor, ok := factorOf(strings.ToUpper(unit))
	if err != nil || !ok || v < 0 || v*factor >= math.MaxInt64 || math.IsNaN(v) {
		return 0, fmt.Errorf("%q is not a number of bytes such as 1000000, 20M or 1.5GiB", s)
	}
	return int64(v * factor), nil
}

func factorOf(unit string) (float64, bool) {
	if unit == "" || unit == "B" {
		return 1, true
	}
	i := strings.IndexByte(units, unit[0])
	if i < 0 {
		return 0, false
	}
	switch unit[1:] {
	case "", "IB":
		return math.Pow(1024, float64(i+1)), true
	case "B":
		return math.Pow(1000, float64(i+1)), true
	}
	return 0, false
}
