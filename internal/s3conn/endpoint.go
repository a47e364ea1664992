// SPDX-License-Identifier: Apache-2.0

package s3conn

import "strings"

// Endpoint is the URL of AWS's own store in a region, for those who need one.
func Endpoint(region string) string {
	domain := ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain = ".amazonaws.com.cn"
	}
	return "https://s3." + region + domain
}
