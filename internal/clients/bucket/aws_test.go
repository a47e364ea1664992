// SPDX-License-Identifier: Apache-2.0

package bucket_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/clients/bucket"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

// The answers in this file are those of the Amazon S3 API Reference (2006-03-01):
// no store that runs here has these features.
const (
	xmlns      = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
	awsPrivate = `<?xml version="1.0" encoding="UTF-8"?><PublicAccessBlockConfiguration` + xmlns + `><BlockPublicAcls>true</BlockPublicAcls>` +
		`<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`
	awsKMS = `<?xml version="1.0" encoding="UTF-8"?><ServerSideEncryptionConfiguration` + xmlns + `><Rule><ApplyServerSideEncryptionByDefault>` +
		`<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:aws:kms:us-east-1:123456789012:key/1234abcd</KMSMasterKeyID>` +
		`</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`
	awsAES256 = `<?xml version="1.0" encoding="UTF-8"?><ServerSideEncryptionConfiguration` + xmlns + `><Rule><ApplyServerSideEncryptionByDefault>` +
		`<SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`
	awsUnversioned = `<?xml version="1.0" encoding="UTF-8"?><VersioningConfiguration` + xmlns + `/>`
	awsVersioned   = `<?xml version="1.0" encoding="UTF-8"?><VersioningConfiguration` + xmlns + `><Status>Enabled</Status></VersioningConfiguration>`
	awsPolicy      = `{"Version":"2012-10-17","Statement":[{"Sid":"read","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::recorded/*"}]}`
)

// amazon is a server that gives one recorded answer to GET, and keeps the body
// of the last PUT.
func amazon(t *testing.T, answer http.HandlerFunc) (b *bucket.Bucket, put *string) {
	t.Helper()
	put = new(string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodHead:
			w.Header().Set("X-Amz-Bucket-Region", region)
		case http.MethodPut:
			body, _ := io.ReadAll(r.Body)
			*put = string(body)
		default:
			answer(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	o := server{url: srv.URL, id: "id", secret: "secret"}.options("recorded")
	o.Generic = false
	return open(t, o), put
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// TestAnswersOfAmazon shows what is made of answers that only AWS gives.
func TestAnswersOfAmazon(t *testing.T) {
	private := bucket.PublicAccess{BlockACLs: true, IgnoreACLs: true, BlockPolicy: true, RestrictBuckets: true}
	noBlock := versity.Answer(404, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
	cases := map[string]struct {
		reason string
		want   bucket.Settings
		answer http.HandlerFunc
		found  bucket.Verdict
	}{
		"Private":      {"a bucket that is private as it should be", bucket.Settings{PublicAccess: &private}, says(awsPrivate), bucket.Same},
		"TooPrivate":   {"one that is more so than it should be", bucket.Settings{PublicAccess: &bucket.PublicAccess{BlockACLs: true, IgnoreACLs: true, BlockPolicy: true}}, says(awsPrivate), bucket.Differs},
		"Public":       {"one that is not, says that it has no block", bucket.Settings{PublicAccess: &private}, noBlock, bucket.Differs},
		"MeantPublic":  {"which is right if none is wanted", bucket.Settings{PublicAccess: &bucket.PublicAccess{}}, noBlock, bucket.Same},
		"Key":          {"a key by its name", bucket.Settings{Encryption: &bucket.Encryption{KMS: true, Key: "1234abcd"}}, says(awsKMS), bucket.Same},
		"OtherKey":     {"another key", bucket.Settings{Encryption: &bucket.Encryption{KMS: true, Key: "alias/vms"}}, says(awsKMS), bucket.Differs},
		"NoKey":        {"a key where the store's own is wanted", bucket.Settings{Encryption: &bucket.Encryption{}}, says(awsKMS), bucket.Differs},
		"Default":      {"AWS's default", bucket.Settings{Encryption: &bucket.Encryption{}}, says(awsAES256), bucket.Same},
		"NeverKept":    {"versions that were never kept need not be suspended", bucket.Settings{Versioning: "Suspended"}, says(awsUnversioned), bucket.Same},
		"Kept":         {"those that are kept need", bucket.Settings{Versioning: "Suspended"}, says(awsVersioned), bucket.Differs},
		"NotKept":      {"and the other way round", bucket.Settings{Versioning: "Enabled"}, says(awsUnversioned), bucket.Differs},
		"PolicyInLine": {"a policy comes back without its white space and its lists of one", bucket.Settings{Policy: policyFor("recorded", "s3:GetObject")}, says(awsPolicy), bucket.Same},
		"OtherPolicy":  {"another policy is another", bucket.Settings{Policy: policyFor("recorded", "s3:PutObject")}, says(awsPolicy), bucket.Differs},
		"NoPolicy":     {"and so is none", bucket.Settings{Policy: policyFor("recorded", "s3:GetObject")}, versity.Answer(404, "NoSuchBucketPolicy", "The bucket policy does not exist"), bucket.Differs},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b, _ := amazon(t, tc.answer)
			s, err := b.Look(t.Context(), tc.want)
			must(t, err)
			if len(s.Features) != 1 {
				t.Fatalf("%s: found %v", tc.reason, s.Features)
			}
			for feature, v := range s.Features {
				if v != tc.found {
					t.Errorf("%s: want %s of %s, got %s", tc.reason, tc.found, feature, v)
				}
			}
		})
	}
}

// TestRequestsToAmazon shows what is sent for features that only AWS has.
func TestRequestsToAmazon(t *testing.T) {
	const arn = "arn:aws:kms:us-east-1:123456789012:alias/vms"
	cases := map[string]struct {
		name  string
		want  bucket.Settings
		sends []string
	}{
		"PublicAccess": {bucket.FeaturePublicAccess, bucket.Settings{PublicAccess: &bucket.PublicAccess{BlockACLs: true, RestrictBuckets: true}}, []string{
			"<BlockPublicAcls>true</BlockPublicAcls>", "<IgnorePublicAcls>false</IgnorePublicAcls>",
			"<BlockPublicPolicy>false</BlockPublicPolicy>", "<RestrictPublicBuckets>true</RestrictPublicBuckets>",
		}},
		"KMS": {bucket.FeatureEncryption, bucket.Settings{Encryption: &bucket.Encryption{KMS: true, Key: arn}}, []string{
			"<SSEAlgorithm>aws:kms</SSEAlgorithm>", "<KMSMasterKeyID>" + arn + "</KMSMasterKeyID>",
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b, put := amazon(t, says(""))
			done, err := b.Apply(t.Context(), tc.want, map[string]bool{tc.name: true})
			must(t, err)
			if done[tc.name].Verdict != bucket.Same {
				t.Errorf("got %+v", done)
			}
			for _, part := range tc.sends {
				if !strings.Contains(*put, part) {
					t.Errorf("want %s in %s", part, *put)
				}
			}
		})
	}
}
