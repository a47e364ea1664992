// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// stored is a rule as stores have it, for whatever is old under vms/.
func stored(changes ...func(*types.LifecycleRule)) types.LifecycleRule {
	r := types.LifecycleRule{
		ID: aws.String("old"), Status: types.ExpirationStatusEnabled,
		Filter:     &types.LifecycleRuleFilter{Prefix: aws.String("vms/")},
		Expiration: &types.LifecycleExpiration{Days: aws.Int32(30)},
	}
	for _, change := range changes {
		change(&r)
	}
	return r
}

func TestSameLifecycle(t *testing.T) {
	old := LifecycleRule{Name: "old", Prefix: "vms/", Expiration: 30}
	uploads := LifecycleRule{Name: "uploads", AbortUploads: 7}
	want := []LifecycleRule{uploads, old}
	cases := map[string]struct {
		reason string
		is     []types.LifecycleRule
		same   bool
	}{
		"AsSent": {"what a store keeps as it was sent is the same", []types.LifecycleRule{uploads.wire(), old.wire()}, true},
		"Order":  {"rules have no order", []types.LifecycleRule{old.wire(), uploads.wire()}, true},
		"OldPrefix": {"the prefix may stand where S3 had it first", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) {
			r.Filter, r.Prefix = nil, aws.String("vms/") //nolint:staticcheck // Deprecated to write; stores still tell it.
		})}, true},
		"AndPrefix": {"or in an And of one", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) {
			r.Filter = &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{Prefix: aws.String("vms/")}}
		})}, true},
		"NoFilter": {"no filter is the empty prefix", []types.LifecycleRule{old.wire(), {
			ID: aws.String("uploads"), Status: types.ExpirationStatusEnabled, AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(7)},
		}}, true},
		"Defaults": {"what a store adds that does nothing is no difference", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) {
			r.Expiration.ExpiredObjectDeleteMarker = aws.Bool(false)
			r.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(0), NewerNoncurrentVersions: aws.Int32(0)}
			r.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(0)}
		})}, true},
		"MadeID":  {"a rule with a name that the store has made is somebody else's", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) { r.ID = aws.String("NTY2ZDg1") })}, false},
		"Another": {"so is one more", []types.LifecycleRule{uploads.wire(), old.wire(), stored(func(r *types.LifecycleRule) { r.ID = aws.String("theirs") })}, false},
		"Fewer":   {"one that is gone is missed", []types.LifecycleRule{uploads.wire()}, false},
		"None":    {"and so are all", nil, false},
		"Days":    {"other days are another rule", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) { r.Expiration.Days = aws.Int32(31) })}, false},
		"Prefix":  {"so is another prefix", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) { r.Filter.Prefix = aws.String("") })}, false},
		"Off":     {"a rule that is off does nothing", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) { r.Status = types.ExpirationStatusDisabled })}, false},
		"Tag":     {"one for objects with a tag does less", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) { r.Filter.Tag = &types.Tag{Key: aws.String("a")} })}, false},
		"Size":    {"so does one for large objects", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) { r.Filter.ObjectSizeGreaterThan = aws.Int64(1) })}, false},
		"Newer": {"so does one that keeps some versions", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) {
			r.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NewerNoncurrentVersions: aws.Int32(3)}
		})}, false},
		"Moves": {"one that moves objects does more", []types.LifecycleRule{uploads.wire(), stored(func(r *types.LifecycleRule) { r.Transitions = []types.Transition{{Days: aws.Int32(1)}} })}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := sameLifecycle(tc.is, want); got != tc.same {
				t.Errorf("%s: got %t", tc.reason, got)
			}
		})
	}
	if want[0].Name != "uploads" {
		t.Error("comparing has sorted what is wanted")
	}
}

func TestSameCORS(t *testing.T) {
	want := CORSRule{Origins: []string{"https://a", "https://b"}, Methods: []string{"GET", "PUT"}, MaxAge: aws.Int32(0)}
	cases := map[string]struct {
		reason string
		is     types.CORSRule
		same   bool
	}{
		"Order":   {"lists have no order, and an age that is not told is none", types.CORSRule{AllowedOrigins: []string{"https://b", "https://a"}, AllowedMethods: []string{"PUT", "GET"}}, true},
		"Twice":   {"what is there twice counts once", types.CORSRule{AllowedOrigins: []string{"https://a", "https://b", "https://a"}, AllowedMethods: []string{"PUT", "GET"}}, true},
		"Named":   {"a name that the store has made is none of ours", types.CORSRule{ID: aws.String("1"), AllowedOrigins: want.Origins, AllowedMethods: want.Methods}, true},
		"Origin":  {"another origin is another rule", types.CORSRule{AllowedOrigins: []string{"https://a"}, AllowedMethods: want.Methods}, false},
		"Method":  {"so is another method", types.CORSRule{AllowedOrigins: want.Origins, AllowedMethods: []string{"GET", "DELETE"}}, false},
		"Headers": {"so are headers that are allowed", types.CORSRule{AllowedOrigins: want.Origins, AllowedMethods: want.Methods, AllowedHeaders: []string{"*"}}, false},
		"Exposed": {"so are headers that are shown", types.CORSRule{AllowedOrigins: want.Origins, AllowedMethods: want.Methods, ExposeHeaders: []string{"ETag"}}, false},
		"Age":     {"so is another age", types.CORSRule{AllowedOrigins: want.Origins, AllowedMethods: want.Methods, MaxAgeSeconds: aws.Int32(60)}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := sameCORS(tc.is, want); got != tc.same {
				t.Errorf("%s: got %t", tc.reason, got)
			}
		})
	}
}

func TestSameLock(t *testing.T) {
	retained := func(r types.DefaultRetention) *types.ObjectLockConfiguration {
		return &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled, Rule: &types.ObjectLockRule{DefaultRetention: &r}}
	}
	year := ObjectLock{Mode: "GOVERNANCE", Days: 365}
	cases := map[string]struct {
		reason string
		is     *types.ObjectLockConfiguration
		want   ObjectLock
		same   bool
	}{
		"Days":      {"days are days", retained(types.DefaultRetention{Mode: "GOVERNANCE", Days: aws.Int32(365)}), year, true},
		"Year":      {"a year is 365 of them", retained(types.DefaultRetention{Mode: "GOVERNANCE", Years: aws.Int32(1)}), year, true},
		"Years":     {"two years are not one", retained(types.DefaultRetention{Mode: "GOVERNANCE", Years: aws.Int32(2)}), year, false},
		"Mode":      {"another mode is another lock", retained(types.DefaultRetention{Mode: "COMPLIANCE", Days: aws.Int32(365)}), year, false},
		"NoRule":    {"no rule retains nothing", &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled}, ObjectLock{}, true},
		"EmptyRule": {"nor does one that names no mode", retained(types.DefaultRetention{}), ObjectLock{}, true},
		"Unwanted":  {"one that nobody asked for is another", retained(types.DefaultRetention{Mode: "GOVERNANCE", Days: aws.Int32(1)}), ObjectLock{}, false},
		"Missing":   {"one that is gone is missed", &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled}, year, false},
		"Off":       {"without object lock there is none", &types.ObjectLockConfiguration{}, ObjectLock{}, false},
		"Nothing":   {"an answer without one says the same", nil, ObjectLock{}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := sameLock(tc.is, tc.want); got != tc.same {
				t.Errorf("%s: got %t", tc.reason, got)
			}
		})
	}
}

func TestSameEncryption(t *testing.T) {
	const (
		id, alias = "1234abcd-12ab-34cd-56ef-1234567890ab", "alias/vms"
		account   = "arn:aws:kms:eu-west-1:111122223333:"
	)
	by := func(key string) *types.ServerSideEncryptionByDefault {
		return &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &key}
	}
	cases := map[string]struct {
		reason string
		is     *types.ServerSideEncryptionByDefault
		want   Encryption
		same   bool
	}{
		"AES256":       {"the store's own key is that", &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}, Encryption{}, true},
		"Nothing":      {"no algorithm is none", nil, Encryption{}, false},
		"KMS":          {"one of a service is another", by(id), Encryption{}, false},
		"NoKMS":        {"and the other way round", &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}, Encryption{KMS: true}, false},
		"Double":       {"twice is not once", &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKmsDsse}, Encryption{KMS: true}, false},
		"AnyKey":       {"any key will do if none is named", by(id), Encryption{KMS: true}, true},
		"OtherKey":     {"another key is another", by("5678"), Encryption{KMS: true, Key: id}, false},
		"NoKey":        {"and so is the account's own", &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms}, Encryption{KMS: true, Key: id}, false},
		"ARN":          {"a store tells the whole name of a key", by(account + "key/" + id), Encryption{KMS: true, Key: id}, true},
		"ID":           {"or less than was written", by(id), Encryption{KMS: true, Key: account + "key/" + id}, true},
		"AliasARN":     {"an alias has a whole name too", by(account + alias), Encryption{KMS: true, Key: alias}, true},
		"Alias":        {"and that may be what was written", by(alias), Encryption{KMS: true, Key: account + alias}, true},
		"AliasIsNoKey": {"a key of the alias's name is another", by(account + "key/vms"), Encryption{KMS: true, Key: alias}, false},
		"OtherAccount": {"so is the key of another account", by("arn:aws:kms:eu-west-1:444455556666:key/" + id), Encryption{KMS: true, Key: account + "key/" + id}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := sameEncryption(tc.is, tc.want); got != tc.same {
				t.Errorf("%s: got %t", tc.reason, got)
			}
		})
	}
}
