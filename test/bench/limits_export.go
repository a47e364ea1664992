// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sync/errgroup"
)

// packers measures the libraries that qemu-img packs with, by the processor
// time that it needs for a sample.
func packers(ctx context.Context, o options, clusters [][]byte) ([]limit, error) {
	in, out := filepath.Join(o.dir, "limit.sample"), filepath.Join(o.dir, "limit.qcow2")
	defer os.Remove(in)
	defer os.Remove(out)
	if err := os.WriteFile(in, slices.Concat(clusters...), 0o600); err != nil {
		return nil, err
	}
	var all []limit
	for _, way := range []string{"zlib", "zstd"} {
		cmd := exec.CommandContext(ctx, "qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", "compression_type="+way, in, out)
		if said, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("cannot pack a sample: %w: %s", err, said)
		}
		used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		all = append(all, limit{
			what:  "packing clusters of 64 KiB of the disk, one core (qemu-img, " + way + "; input)",
			speed: float64(len(clusters)*cluster) / used.Seconds(),
		})
	}
	return all, nil
}

const (
	uploadParts = 32
	uploadPart  = 16 << 20
)

// uploads measures how fast servers take random bytes from a client that does
// nothing else, until they are durable.
func uploads(ctx context.Context, o options) ([]limit, error) {
	random := make([]byte, uploadPart)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	var all []limit
	part, folder := string(random), filepath.Join(o.dir, "limit")
	if o.gateway != "" {
		send := func() error { return sendParts(ctx, part) }
		speed, err := upload(ctx, o, startGateway, filepath.Join(folder, bucket, "random"), send)
		if err != nil {
			return nil, err
		}
		all = append(all, limit{"upload to versitygw, 4 parts of 16 MiB at once, without checksums", speed})
	}
	if o.registry != "" {
		h := sha256.New()
		for range uploadParts {
			h.Write(random)
		}
		digest := "sha256:" + hex.EncodeToString(h.Sum(nil))
		send := func() error { return sendBlob(ctx, part, digest) }
		speed, err := upload(ctx, o, startRegistry, layers(folder), send)
		if err != nil {
			return nil, err
		}
		all = append(all, limit{"upload to the registry, one request, its digest known before", speed})
	}
	return all, nil
}

// upload measures what is sent to a server, and found by a pattern in its folder
// afterwards.
func upload(ctx context.Context, o options, server store, pattern string, send func() error) (float64, error) {
	folder := filepath.Join(o.dir, "limit")
	defer os.RemoveAll(folder)
	p, err := server(ctx, o, folder)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	begun := time.Now()
	if err := send(); err != nil {
		return 0, fmt.Errorf("cannot upload random bytes: %w", err)
	}
	made, size, err := largest(pattern)
	if err != nil {
		return 0, err
	}
	err = fsync(made)
	return perSecond(size, begun), err
}

// sendParts makes an object of parts.
func sendParts(ctx context.Context, part string) error {
	key, secret := accessKey()
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String("http://" + gatewayAddress), Region: gatewayRegion, UsePathStyle: true,
		Credentials:                credentials.NewStaticCredentialsProvider(key, secret, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		APIOptions:                 []func(*middleware.Stack) error{v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware},
	})
	name := aws.String("random")
	up, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(bucket), Key: name})
	if err != nil {
		return err
	}
	done := make([]types.CompletedPart, uploadParts)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range done {
		group.Go(func() error {
			number := aws.Int32(int32(i + 1))
			made, err := client.UploadPart(gctx, &s3.UploadPartInput{
				Bucket: aws.String(bucket), Key: name, UploadId: up.UploadId, PartNumber: number, Body: strings.NewReader(part),
			})
			if err == nil {
				done[i] = types.CompletedPart{ETag: made.ETag, PartNumber: number}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err = client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: aws.String(bucket), Key: name, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	})
	return err
}

// sendBlob uploads one blob.
func sendBlob(ctx context.Context, part, digest string) error {
	begun, err := send(ctx, http.MethodPost, "http://"+registryAddress+"/v2/bench/random/blobs/uploads/", http.NoBody, 0)
	if err != nil {
		return err
	}
	u, err := url.Parse(begun)
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set("digest", digest)
	u.RawQuery = q.Encode()
	var readers []io.Reader
	for range uploadParts {
		readers = append(readers, strings.NewReader(part))
	}
	_, err = send(ctx, http.MethodPut, u.String(), io.MultiReader(readers...), uploadParts*uploadPart)
	return err
}

// send sends a request to the registry and returns the location that it
// answers with.
func send(ctx context.Context, method, url string, body io.Reader, length int64) (location string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return "", err
	}
	req.ContentLength = length
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		return "", fmt.Errorf("%s %s: %s", method, req.URL.Redacted(), resp.Status)
	}
	return resp.Header.Get("Location"), nil
}
