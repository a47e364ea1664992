// SPDX-License-Identifier: Apache-2.0

package qcow2_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// The parts of the image that handmade returns; clusters have 4 KiB.
const (
	refcounts = 4096
	l1        = 2 * 4096
	l2        = 3 * 4096
	data      = 4 * 4096
)

// handmade returns a valid image of version 3: a disk of 1 MiB whose first
// cluster is full of 'x'.
func handmade() []byte {
	b := make([]byte, 5*4096)
	copy(b, "QFI\xfb")
	put32(b, 4, 3)
	put32(b, 20, 12)
	put64(b, 24, 1<<20)
	put32(b, 36, 1)
	put64(b, 40, l1)
	put64(b, 48, refcounts)
	put32(b, 56, 1)
	put32(b, 96, 4)
	put32(b, 100, 112)
	put64(b, l1, 1<<63|l2)
	put64(b, l2, 1<<63|data)
	copy(b[data:], strings.Repeat("x", 4096))
	return b
}

func put32(b []byte, off int, v uint32) { binary.BigEndian.PutUint32(b[off:], v) }
func put64(b []byte, off int, v uint64) { binary.BigEndian.PutUint64(b[off:], v) }

// change returns an edit of one number.
func change(off int, v uint64) func([]byte) []byte {
	return func(b []byte) []byte { put64(b, off, v); return b }
}

func change32(off int, v uint32) func([]byte) []byte {
	return func(b []byte) []byte { put32(b, off, v); return b }
}

func both(edits ...func([]byte) []byte) func([]byte) []byte {
	return func(b []byte) []byte {
		for _, e := range edits {
			b = e(b)
		}
		return b
	}
}

func cut(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }

// named puts the name of another file behind the header.
func named(offset, length uint64, name string) func([]byte) []byte {
	return func(b []byte) []byte {
		put64(b, 8, offset)
		put32(b, 16, uint32(length))
		copy(b[min(offset, 4096):], name)
		return b
	}
}

type refusal struct {
	reason  string
	edit    func([]byte) []byte
	want    transfer.Reason
	message string

	// onlySized: a stream whose end is not known cannot tell.
	onlySized bool
}

func refusals() map[string]refusal {
	const (
		corrupt, refused      = transfer.ReasonImageCorrupt, transfer.ReasonFormatRefused
		tooComplex, truncated = transfer.ReasonImageTooComplex, transfer.ReasonSourceTruncated
	)
	secret := "nbd://user:hunter2@example.com/disk"
	json := `json:{"file.password-secret": "hunter2"`
	return map[string]refusal{
		"Magic":               {reason: "Another file.", edit: change32(0, 1), want: refused, message: "does not begin"},
		"Version":             {reason: "A version of the future.", edit: change32(4, 4), want: refused, message: "version 4"},
		"Cut":                 {reason: "Nothing but a magic.", edit: cut(70), want: truncated, message: "within the header"},
		"CutVersion3":         {reason: "A header of version 3 that ends like one of version 2.", edit: cut(100), want: truncated, message: "within the header"},
		"CutCompression":      {reason: "A header that ends before its last field.", edit: cut(108), want: truncated, message: "within the header"},
		"HeaderShort":         {reason: "The header of version 3 has 104 bytes at least.", edit: change32(100, 96), want: corrupt, message: "96 bytes"},
		"HeaderOdd":           {reason: "The header is a multiple of 8.", edit: change32(100, 108), want: corrupt, message: "108 bytes"},
		"HeaderLong":          {reason: "The header is in the first cluster.", edit: change32(100, 8192), want: corrupt, message: "8192 bytes"},
		"ClusterSmall":        {reason: "Less than a sector.", edit: change32(20, 8), want: corrupt, message: "2^8"},
		"ClusterLarge":        {reason: "More than QEMU opens.", edit: change32(20, 22), want: corrupt, message: "2^22"},
		"ClusterHuge":         {reason: "A shift that overflows.", edit: change32(20, 0xffffffff), want: corrupt, message: "2^4294967295"},
		"SizeZero":            {reason: "No disk at all.", edit: change(24, 0), want: refused, message: "0 bytes"},
		"SizeHuge":            {reason: "More than any disk.", edit: change(24, 1<<62), want: tooComplex, message: "its disk has"},
		"SizeNegative":        {reason: "More than fits a number.", edit: change(24, 1<<64-1), want: tooComplex, message: "its disk has"},
		"L1Small":             {reason: "The L1 table does not cover the disk.", edit: change(24, 1<<30), want: corrupt, message: "too small"},
		"L1Huge":              {reason: "The L1 table asks for memory.", edit: change32(36, 1<<32-1), want: tooComplex, message: "L1 table"},
		"L1Unaligned":         {reason: "Tables begin with a cluster.", edit: change(40, l1+512), want: corrupt, message: "not a multiple"},
		"L1Header":            {reason: "The header is no table.", edit: change(40, 0), want: corrupt, message: "overlaps the header"},
		"L1Outside":           {reason: "The table is where the file has ended.", edit: change(40, 1<<20), want: truncated, message: "the file ends at 20480"},
		"L1Partly":            {reason: "The table begins in the file and ends outside.", edit: both(change32(36, 4000), change(40, data)), want: truncated, message: "the file ends at 20480", onlySized: true},
		"L1Far":               {reason: "No image of this size reaches so far.", edit: change(40, 1<<50), want: corrupt, message: "far outside"},
		"L1Overflow":          {reason: "The end of the table overflows.", edit: change(40, 1<<64-4096), want: corrupt, message: "impossible offset"},
		"RefcountsUnaligned":  {reason: "A header that misplaces a table is a bad one.", edit: change(48, 1), want: corrupt, message: "refcount table"},
		"RefcountsHeader":     {reason: "The header is no table.", edit: change(48, 0), want: corrupt, message: "overlaps the header"},
		"RefcountsFar":        {reason: "Outside the file.", edit: change(48, 1<<50), want: corrupt, message: "far outside"},
		"RefcountOrder":       {reason: "Reference counts have 64 bits at most.", edit: change32(96, 7), want: corrupt, message: "2^7 bits"},
		"SnapshotsHeader":     {reason: "Snapshots are ignored, but not nonsense.", edit: change32(60, 1), want: corrupt, message: "snapshot table"},
		"Backing":             {reason: "The name is shown.", edit: named(512, 8, "base\x00.im"), want: refused, message: `backing file "base\x00.im"`},
		"BackingFar":          {reason: "The name cannot be shown.", edit: named(1<<40, 8, ""), want: refused, message: "backing file: merge"},
		"BackingLong":         {reason: "Little of the name is shown.", edit: named(512, 1000, strings.Repeat("a", 1000)), want: refused, message: `"` + strings.Repeat("a", 200) + `"`},
		"BackingSecret":       {reason: "A password is not shown.", edit: named(512, uint64(len(secret)), secret), want: refused, message: `"nbd://…@example.com/disk"`},
		"BackingSecretJSON":   {reason: "A password is not shown.", edit: named(512, uint64(len(json)), json), want: refused, message: `\"file.password-secret\": \"…\""`},
		"DataFile":            {reason: "The data is elsewhere.", edit: change(72, 4), want: refused, message: "external data file: merge"},
		"DataFileNamed":       {reason: "The name is shown.", edit: both(change(72, 4), change(112, 0x6803f857_00000003), change(128, 0x44415441_00000004), func(b []byte) []byte { copy(b[136:], "d.im"); return b }), want: refused, message: `external data file "d.im"`},
		"DataFileBadLength":   {reason: "An extension that does not end.", edit: both(change(72, 4), change(112, 0x44415441_ffffffff)), want: refused, message: "external data file: merge"},
		"EncryptedAES":        {reason: "By name.", edit: change32(32, 1), want: refused, message: "AES"},
		"EncryptedLUKS":       {reason: "By name.", edit: change32(32, 2), want: refused, message: "LUKS"},
		"EncryptedOther":      {reason: "By number.", edit: change32(32, 3), want: refused, message: "method 3"},
		"FeatureUnknown":      {reason: "Readers must not ignore it.", edit: change(72, 1<<40), want: refused, message: "0x10000000000"},
		"FeatureCorrupt":      {reason: "QEMU says so.", edit: change(72, 2), want: corrupt, message: "qemu-img check -r all"},
		"CompressionUnknown":  {reason: "By number.", edit: both(change(72, 8), change32(104, 2<<24)), want: refused, message: "compression type 2"},
		"CompressionHidden":   {reason: "A type that the features do not announce.", edit: change32(104, 1<<24), want: corrupt, message: "contradicts"},
		"CompressionMissing":  {reason: "Features that announce a type that is not there.", edit: change(72, 8), want: corrupt, message: "contradicts"},
		"SubclustersSmall":    {reason: "Sub-clusters have a sector at least.", edit: change(72, 16), want: corrupt, message: "too small"},
		"L2Unaligned":         {reason: "Tables begin with a cluster.", edit: change(l1, l2+512), want: corrupt, message: "not a multiple"},
		"L2Reserved":          {reason: "Low bits are reserved.", edit: change(l1, l2|1), want: corrupt, message: "reserved"},
		"L2ReservedHigh":      {reason: "High bits are reserved.", edit: change(l1, l2|1<<60), want: corrupt, message: "reserved"},
		"L2Outside":           {reason: "The table is where the file has ended.", edit: change(l1, 1<<20), want: truncated, message: "L2 table"},
		"L2Far":               {reason: "No image of this size reaches so far.", edit: change(l1, 1<<50), want: corrupt, message: "far outside"},
		"L2Partly":            {reason: "The file ends within the table.", edit: both(change(l1, data), cut(data+4095)), want: truncated, message: "L2 table"},
		"DataUnaligned":       {reason: "Clusters are aligned.", edit: change(l2, data+512), want: corrupt, message: "disk offset 0"},
		"DataReserved":        {reason: "Low bits are reserved.", edit: change(l2+8, data|2), want: corrupt, message: "disk offset 4096"},
		"DataReservedHigh":    {reason: "High bits are reserved.", edit: change(l2, data|1<<56), want: corrupt, message: "reserved"},
		"DataOutside":         {reason: "The cluster is where the file has ended.", edit: change(l2, 1<<20), want: truncated, message: "a cluster"},
		"DataFar":             {reason: "No image of this size reaches so far.", edit: change(l2, 1<<50), want: corrupt, message: "far outside"},
		"DataPartly":          {reason: "The file ends within a cluster that is all needed.", edit: cut(data + 4095), want: truncated, message: "cluster"},
		"ZeroVersion2":        {reason: "Version 2 has no zero flag.", edit: both(change32(4, 2), change(l2, 1)), want: corrupt, message: "no zero flag"},
		"CompressedHeader":    {reason: "The header is no data.", edit: change(l2, 1<<62|4000), want: corrupt, message: "overlaps the header"},
		"CompressedOutside":   {reason: "The cluster is where the file has ended.", edit: change(l2, 1<<62|1<<20), want: truncated, message: "cluster"},
		"CompressedPartly":    {reason: "More than the last sector is missing.", edit: both(change(l2, 1<<62|1<<58|(data+3600)), cut(data+4096)), want: truncated, message: "cluster", onlySized: true},
		"CompressedFar":       {reason: "Bits beyond 55 are reserved.", edit: change(l2, 1<<62|1<<57), want: corrupt, message: "reserved"},
		"SubclusterReserved":  {reason: "A compressed cluster has no bitmap.", edit: extended(1<<62|data, 1), want: corrupt, message: "reserved"},
		"SubclusterBoth":      {reason: "A sub-cluster is allocated or zero.", edit: extended(1<<14, 1<<32|1), want: corrupt, message: "both allocated and zero"},
		"SubclusterNowhere":   {reason: "What is allocated has an offset.", edit: extended(0, 1), want: corrupt, message: "no offset"},
		"SubclusterZeroFlag":  {reason: "The flag is in the bitmap.", edit: extended(1<<14|1, 1), want: corrupt, message: "no zero flag"},
		"SubclusterUnaligned": {reason: "Clusters are aligned.", edit: extended(3<<13, 1), want: corrupt, message: "not a multiple"},
	}
}

// extended makes the image one of 16 KiB clusters with sub-clusters, and sets
// the first L2 entry.
func extended(entry, bitmap uint64) func([]byte) []byte {
	return func(b []byte) []byte {
		b = append(b, make([]byte, 4<<14-len(b))...)
		put32(b, 20, 14)
		put64(b, 72, 16)
		put64(b, 40, 2<<14)
		put64(b, 48, 1<<14)
		put64(b, 2<<14, 3<<14)
		put64(b, 3<<14, entry)
		put64(b, 3<<14+8, bitmap)
		return b
	}
}

func TestRefuse(t *testing.T) {
	for name, tc := range refusals() {
		t.Run(name, func(t *testing.T) {
			image := tc.edit(handmade())
			ways := map[string]func() error{
				"ranged": func() error {
					_, err := qcow2.Open(t.Context(), memory(image), qcow2.Options{})
					return err
				},
				"stream": func() error {
					_, err := learn(t, qcow2.NewStream(qcow2.StreamOptions{FileSize: int64(len(image))}), image, 4096)
					return err
				},
			}
			if !tc.onlySized {
				ways["stream of unknown size"] = func() error {
					_, err := learn(t, qcow2.NewStream(qcow2.StreamOptions{FileSize: disk.Unknown}), image, 1<<20)
					return err
				}
			}
			for way, read := range ways {
				err := read()
				if transfer.ReasonOf(err) != tc.want || !strings.Contains(fmt.Sprint(err), tc.message) {
					t.Errorf("%s: %s: error %v (%s), want one with %q (%s)", tc.reason, way, err, transfer.ReasonOf(err), tc.message, tc.want)
				}
				if strings.Contains(fmt.Sprint(err), "hunter2") {
					t.Errorf("%s: %s: the error shows a secret: %v", tc.reason, way, err)
				}
			}
		})
	}
}

// TestAccept checks that what is odd but legal, or harmless, is read.
func TestAccept(t *testing.T) {
	cases := map[string]struct {
		reason string
		edit   func([]byte) []byte
		size   int64
		want   map[int64]string // what stands where on the disk
	}{
		"Plain":           {"The image that the refused ones are made from.", both(), 1 << 20, map[int64]string{0: "x"}},
		"Dirty":           {"Reference counts do not matter.", change(72, 1), 1 << 20, map[int64]string{0: "x"}},
		"Features":        {"Compatible features may be ignored.", both(change(80, 1<<63), change(88, 1<<62)), 1 << 20, map[int64]string{0: "x"}},
		"HeaderMinimal":   {"The compression type may be missing.", change32(100, 104), 1 << 20, map[int64]string{0: "x"}},
		"HeaderLonger":    {"Later fields may be ignored.", both(change32(100, 200), change(120, 1<<63)), 1 << 20, map[int64]string{0: "x"}},
		"BackingEmpty":    {"No name, no backing file: so does QEMU.", change(8, 512), 1 << 20, map[int64]string{0: "x"}},
		"SizeOdd":         {"A disk has whole sectors.", change(24, 1<<20-100), 1 << 20, map[int64]string{0: "x"}},
		"Alias":           {"Several entries name one cluster.", both(change(l2+8, data), change(l2+800, data)), 1 << 20, map[int64]string{0: "x", 4096: "x", 409600: "x"}},
		"TableAlias":      {"Several L1 entries name one table.", both(change(24, 4<<20), change32(36, 2), change(l1+8, l2)), 4 << 20, map[int64]string{0: "x", 2 << 20: "x"}},
		"BeyondSize":      {"What lies beyond the disk is the state of a machine.", change(l2+256*8, 1<<50), 1 << 20, map[int64]string{0: "x"}},
		"LastPartly":      {"The file may end where the disk does.", both(change(24, 1024), cut(data+1024)), 1024, map[int64]string{0: "x", 1023: "x"}},
		"ZeroAllocated":   {"A zero cluster may have a place.", change(l2, data|1), 1 << 20, map[int64]string{0: "\x00"}},
		"ZeroOutside":     {"The place of a zero cluster is not read.", change(l2, 1<<40|1), 1 << 20, map[int64]string{0: "\x00"}},
		"CopiedOnly":      {"A flag without an offset is nothing.", change(l2, 1<<63), 1 << 20, map[int64]string{0: "\x00"}},
		"SubclusterZeros": {"All bits of a bitmap.", extended(1<<14, 0xffffffff<<32), 1 << 20, map[int64]string{0: "\x00"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			image := tc.edit(handmade())
			img, err := qcow2.Open(t.Context(), memory(image), qcow2.Options{})
			if err != nil {
				t.Fatalf("%s: Open(): %v", tc.reason, err)
			}
			streamed, err := learn(t, qcow2.NewStream(qcow2.StreamOptions{FileSize: disk.Unknown}), image, 4096)
			if err != nil {
				t.Fatalf("%s: stream: %v", tc.reason, err)
			}
			for way, got := range map[string][]byte{"ranged": place(t, img, image, 4096), "stream": streamed} {
				if int64(len(got)) != tc.size {
					t.Errorf("%s: %s: the disk has %d bytes, want %d", tc.reason, way, len(got), tc.size)
				}
				for off, want := range tc.want {
					if diff := cmp.Diff(want, string(got[off:off+int64(len(want))])); diff != "" {
						t.Errorf("%s: %s: at %d: -want, +got:\n%s", tc.reason, way, off, diff)
					}
				}
			}
		})
	}
}

// TestScattered checks that an image whose tables need many requests can be
// told from others.
func TestScattered(t *testing.T) {
	image := handmade()
	put64(image, 24, 4<<20)
	put32(image, 36, 2)
	put64(image, l1+8, data)
	clear(image[data:])
	if _, err := qcow2.Open(t.Context(), memory(image), qcow2.Options{MaxRanges: 1}); err != nil {
		t.Errorf("Open() of tables that touch: %v", err)
	}
	put64(image, l1+8, data+4096)
	image = append(image, make([]byte, 4096)...)
	put64(image, l2, 0)
	put64(image, l1, refcounts)
	if _, err := qcow2.Open(t.Context(), memory(image), qcow2.Options{MaxRanges: 1}); !errors.Is(err, qcow2.ErrScattered) {
		t.Errorf("Open() of tables far apart: %v, want ErrScattered", err)
	}
}
