// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/response"

	"github.com/novasphere/provider-wukong/internal/composition"
)

// Function answers Crossplane's requests. It keeps nothing between them.
type Function struct {
	fnv1.UnimplementedFunctionRunnerServiceServer

	log logging.Logger
}

// RunFunction decides what a Wukong is made of. An error that the Wukong's
// owner can do something about is a fatal result of the pipeline, not an error
// of the call.
func (f *Function) RunFunction(_ context.Context, req *fnv1.RunFunctionRequest) (*fnv1.RunFunctionResponse, error) {
	rsp := response.To(req, response.DefaultTTL)
	in, err := decode(req)
	if err != nil {
		response.Fatal(rsp, err)
		return rsp, nil
	}
	log := f.log.WithValues("namespace", in.Wukong.GetNamespace(), "wukong", in.Wukong.GetName())
	out := composition.Compose(in)
	log.Debug("Composed", "phase", out.Status.Phase, "desired", len(out.Desired), "needs", len(out.Needs))
	if err := encode(rsp, in.Wukong.Kind, out); err != nil {
		response.Fatal(rsp, errors.Wrap(err, "cannot write response"))
	}
	return rsp, nil
}
