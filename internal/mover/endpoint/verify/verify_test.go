// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"io"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/verify"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// The sums of "abc" in the standards that define the algorithms.
const (
	sha256Sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	sha512Sum = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
	sha1Sum   = "a9993e364706816aba3e25717850c26c9cd0d89d"
	md5Sum    = "900150983cd24fb0d6963f7d28e17f72"
	crcSum    = "05e5cabb3fc1faeb" // By hash/crc64 with the polynomial of the NVM Express command set.
)

func TestSum(t *testing.T) {
	cases := map[string]struct {
		reason   string
		checksum string
		text     string
		hashes   int
		want     transfer.Reason
	}{
		"None":       {"nothing was asked for", "", "anything", 1, ""},
		"SHA256":     {"the digest's own algorithm is computed once", "sha256:" + sha256Sum, "abc", 1, ""},
		"UpperCase":  {"hexadecimal in any case", "SHA256:" + strings.ToUpper(sha256Sum), "abc", 1, ""},
		"SHA512":     {"beside the digest", "sha512:" + sha512Sum, "abc", 2, ""},
		"SHA1":       {"beside the digest", "sha1:" + sha1Sum, "abc", 2, ""},
		"MD5":        {"beside the digest", "md5:" + md5Sum, "abc", 2, ""},
		"CRC":        {"beside the digest", "crc64nvme:" + crcSum, "abc", 2, ""},
		"OtherCRC":   {"one byte differs", "crc64nvme:" + crcSum, "abd", 2, transfer.ReasonChecksumMismatch},
		"OtherBytes": {"one byte differs", "sha256:" + sha256Sum, "abd", 1, transfer.ReasonChecksumMismatch},
		"FewerBytes": {"one byte is missing", "md5:" + md5Sum, "ab", 2, transfer.ReasonChecksumMismatch},
		"NoBytes":    {"nothing came", "sha512:" + sha512Sum, "", 2, transfer.ReasonChecksumMismatch},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, err := verify.New(tc.checksum)
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			for _, c := range tc.text {
				_, _ = io.WriteString(s, string(c))
			}
			if got := transfer.ReasonOf(s.Check()); got != tc.want {
				t.Errorf("%s: Check: got %v, want reason %q", tc.reason, s.Check(), tc.want)
			}
			if got := len(s.Hashes()); got != tc.hashes {
				t.Errorf("%s: %d hashes, want %d", tc.reason, got, tc.hashes)
			}
			if tc.text == "abc" && s.Digest() != "sha256:"+sha256Sum {
				t.Errorf("%s: Digest: %s", tc.reason, s.Digest())
			}
			if got, want := s.Checksum(), strings.ToLower(tc.checksum); got != want {
				t.Errorf("%s: Checksum: %s", tc.reason, got)
			}
		})
	}
}

func TestMismatchNamesBoth(t *testing.T) {
	s, err := verify.New("md5:" + strings.Repeat("0", 32))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(s, "abc")
	err = s.Check()
	if err == nil || !strings.Contains(err.Error(), "md5:"+strings.Repeat("0", 32)) || !strings.Contains(err.Error(), "md5:"+md5Sum) {
		t.Errorf("Check: %v, want both sums", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []string{"abc", "sha3:00", "sha256:00", "md5:" + strings.Repeat("g", 32)} {
		if _, err := verify.New(c); transfer.ReasonOf(err) != transfer.ReasonInvalidJob {
			t.Errorf("New(%q): got %v, want reason %s", c, err, transfer.ReasonInvalidJob)
		}
	}
}
