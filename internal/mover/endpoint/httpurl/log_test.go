// SPDX-License-Identifier: Apache-2.0

package httpurl_test

import (
	"io"
	"log"
)

func nullLog() *log.Logger { return log.New(io.Discard, "", 0) }
