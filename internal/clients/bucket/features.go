// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/novasphere/provider-wukong/internal/clients/bucket/policydoc"
)

func (b *Bucket) versioningFeature(want string) feature {
	return feature{
		name: FeatureVersioning,
		same: func(ctx context.Context) (bool, error) {
			out, err := b.api.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &b.name})
			if err != nil {
				return false, err
			}
			// Versions that were never kept need not be suspended.
			return string(out.Status) == want || out.Status == "" && want == string(types.BucketVersioningStatusSuspended), nil
		},
		set: func(ctx context.Context) error {
			_, err := b.api.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
				Bucket:                  &b.name,
				VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatus(want)},
			})
			return err
		},
	}
}

func (b *Bucket) objectLockFeature(want *ObjectLock) feature {
	return feature{
		name: FeatureObjectLock,
		same: func(ctx context.Context) (bool, error) {
			out, err := b.api.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &b.name})
			if absent(err) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			return sameLock(out.ObjectLockConfiguration, *want), nil
		},
		set: func(ctx context.Context) error {
			c := &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled}
			if want.Mode != "" {
				c.Rule = &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{
					Mode: types.ObjectLockRetentionMode(want.Mode), Days: &want.Days,
				}}
			}
			_, err := b.api.PutObjectLockConfiguration(ctx, &s3.PutObjectLockConfigurationInput{Bucket: &b.name, ObjectLockConfiguration: c})
			return err
		},
	}
}

// daysOfYear are those of a year by which S3 counts retention.
const daysOfYear = 365

func sameLock(c *types.ObjectLockConfiguration, want ObjectLock) bool {
	if c == nil || c.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return false
	}
	if c.Rule == nil || c.Rule.DefaultRetention == nil || c.Rule.DefaultRetention.Mode == "" {
		return want.Mode == ""
	}
	r := c.Rule.DefaultRetention
	return string(r.Mode) == want.Mode && aws.ToInt32(r.Days)+daysOfYear*aws.ToInt32(r.Years) == want.Days
}

func (b *Bucket) ownershipFeature(want string) feature {
	return feature{
		name: FeatureOwnership,
		same: func(ctx context.Context) (bool, error) {
			out, err := b.api.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &b.name})
			if absent(err) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			c := out.OwnershipControls
			return c != nil && len(c.Rules) == 1 && string(c.Rules[0].ObjectOwnership) == want, nil
		},
		set: func(ctx context.Context) error {
			_, err := b.api.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{
				Bucket:            &b.name,
				OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnership(want)}}},
			})
			return err
		},
	}
}

func (b *Bucket) publicAccessFeature(want *PublicAccess) feature {
	return feature{
		name: FeaturePublicAccess,
		same: func(ctx context.Context) (bool, error) {
			out, err := b.api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &b.name})
			if absent(err) {
				return *want == PublicAccess{}, nil
			}
			if err != nil || out.PublicAccessBlockConfiguration == nil {
				return false, err
			}
			c := out.PublicAccessBlockConfiguration
			return PublicAccess{
				BlockACLs: aws.ToBool(c.BlockPublicAcls), IgnoreACLs: aws.ToBool(c.IgnorePublicAcls),
				BlockPolicy: aws.ToBool(c.BlockPublicPolicy), RestrictBuckets: aws.ToBool(c.RestrictPublicBuckets),
			} == *want, nil
		},
		set: func(ctx context.Context) error {
			_, err := b.api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
				Bucket: &b.name,
				PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
					BlockPublicAcls: &want.BlockACLs, IgnorePublicAcls: &want.IgnoreACLs,
					BlockPublicPolicy: &want.BlockPolicy, RestrictPublicBuckets: &want.RestrictBuckets,
				},
			})
			return err
		},
	}
}

func (b *Bucket) encryptionFeature(want *Encryption) feature {
	return feature{
		name: FeatureEncryption,
		same: func(ctx context.Context) (bool, error) {
			out, err := b.api.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &b.name})
			if absent(err) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			c := out.ServerSideEncryptionConfiguration
			return c != nil && len(c.Rules) == 1 && sameEncryption(c.Rules[0].ApplyServerSideEncryptionByDefault, *want), nil
		},
		set: func(ctx context.Context) error {
			d := &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}
			if want.KMS {
				d.SSEAlgorithm = types.ServerSideEncryptionAwsKms
			}
			if want.Key != "" {
				d.KMSMasterKeyID = &want.Key
			}
			_, err := b.api.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
				Bucket: &b.name,
				ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
					Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: d}},
				},
			})
			return err
		},
	}
}

// sameEncryption compares what new objects are encrypted with.
func sameEncryption(is *types.ServerSideEncryptionByDefault, want Encryption) bool {
	if is == nil || (is.SSEAlgorithm == types.ServerSideEncryptionAwsKms) != want.KMS {
		return false
	}
	if !want.KMS {
		return is.SSEAlgorithm == types.ServerSideEncryptionAes256
	}
	return want.Key == "" || sameKey(aws.ToString(is.KMSMasterKeyID), want.Key)
}

// sameKey compares the names of a key. It has its own and aliases, and each of
// them may be the end of an ARN.
func sameKey(a, b string) bool {
	x, whole := keyOfARN(a)
	y, too := keyOfARN(b)
	if whole && too {
		return a == b
	}
	return x == y
}

// keyOfARN is the name of a key that an ARN ends in, or what is none.
func keyOfARN(name string) (string, bool) {
	if !strings.HasPrefix(name, "arn:") {
		return name, false
	}
	return strings.TrimPrefix(name[strings.LastIndex(name, ":")+1:], "key/"), true
}

func (b *Bucket) policyFeature(want string) feature {
	return feature{
		name: FeaturePolicy,
		same: func(ctx context.Context) (bool, error) {
			out, err := b.api.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &b.name})
			if absent(err) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			same, err := policydoc.Same(aws.ToString(out.Policy), want)
			// A policy that cannot be read is another one.
			return same && err == nil, nil
		},
		set: func(ctx context.Context) error {
			if err := policydoc.Check(want); err != nil {
				return &Problem{Reason: SettingRefused, Message: "The policy is not one JSON object: correct it. " + err.Error() + "."}
			}
			_, err := b.api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &b.name, Policy: &want})
			return err
		},
	}
}
