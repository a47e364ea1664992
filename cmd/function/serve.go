// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/crossplane/function-sdk-go"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// streams is how many requests are served at once; Crossplane holds the others
// back. A request has all that a Wukong consists of, and takes some milliseconds
// of a processor: more at once would be no faster, and a hundred are in memory
// when a hundred Wukongs are made.
const streams = 8

// serve answers Crossplane until the listener fails. The SDK's Serve does the
// same without a bound on the requests.
func serve(f *Function, with ...function.ServeOption) error {
	o := &function.ServeOptions{}
	for _, set := range with {
		if err := set(o); err != nil {
			return err
		}
	}
	if o.Credentials == nil {
		return errors.New("cannot serve without credentials: give --tls-certs-dir, or --insecure for tests")
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), o.Network, o.Address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s %s: %w", o.Network, o.Address, err)
	}
	s := grpc.NewServer(grpc.Creds(o.Credentials), grpc.MaxRecvMsgSize(o.MaxRecvMsgSize), grpc.MaxConcurrentStreams(streams))
	fnv1.RegisterFunctionRunnerServiceServer(s, f)
	healthv1.RegisterHealthServer(s, health.NewServer())
	return s.Serve(l)
}
