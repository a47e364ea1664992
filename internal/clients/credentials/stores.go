// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/dockerconfig"
)

// addKeys adds the keys of a Secret for a bucket.
func (f Files) addKeys(s *corev1.Secret) error {
	// secretKey is CDI's name; the others are those of AWS's own tools.
	id := value(s, "accessKeyId", "AWS_ACCESS_KEY_ID", "aws_access_key_id")
	key := value(s, "secretAccessKey", "secretKey", "AWS_SECRET_ACCESS_KEY", "aws_secret_access_key")
	token := value(s, "sessionToken", "AWS_SESSION_TOKEN", "aws_session_token")

	malformed := func(why string) error {
		return problem(v1alpha1.ReasonSecretMalformed,
			"Secret %q %s: give it accessKeyId and secretAccessKey, and sessionToken where they are temporary.", s.GetName(), why)
	}
	switch {
	case id == nil && key == nil:
		return malformed("has none of the keys that are understood")
	case id == nil || key == nil:
		return malformed("has only one of the keys accessKeyId and secretAccessKey")
	case strings.ContainsAny(string(id)+string(key)+string(token), "\r\n"):
		return malformed("has a line break within a value")
	}
	f.set(map[string][]byte{FileAccessKeyID: id, FileSecretAccessKey: key, FileSessionToken: token})
	return nil
}

// addLogin adds the login of a Secret for an image's registry.
func (f Files) addLogin(s *corev1.Secret, image string) error {
	config := value(s, corev1.DockerConfigJsonKey, "config.json")
	user, password := value(s, "username", "user", "accessKeyId"), value(s, "password", "secretKey")

	malformed := func(why string) error {
		return problem(v1alpha1.ReasonSecretMalformed,
			"Secret %q %s: give it .dockerconfigjson, as `kubectl create secret docker-registry` makes it, or username and password.", s.GetName(), why)
	}
	switch {
	case config != nil:
		why := unusable(config, image)
		if why != "" {
			return malformed(why)
		}
		f[FileDockerConfig] = config
		return nil
	case user == nil && password == nil:
		return malformed("has none of the keys that are understood")
	case user == nil || password == nil:
		return malformed("has only one of the keys username and password")
	case strings.ContainsAny(string(user)+string(password), "\r\n"):
		return malformed("has a line break within username or password")
	}
	f.set(map[string][]byte{FileUsername: user, FilePassword: password})
	return nil
}

// unusable says why a docker configuration does not serve for an image, or "". One
// that knows nothing of its registry does: some can be read by anybody.
func unusable(config []byte, image string) string {
	c, err := dockerconfig.Parse(config)
	if err != nil || c.Empty() {
		return "does not hold a docker configuration in key " + corev1.DockerConfigJsonKey
	}
	registry, repository := dockerconfig.Of(image)
	_, ok, err := c.Find(registry, repository)
	helper := c.Helper(registry)
	switch {
	case err != nil:
		return fmt.Sprintf("has credentials for %s that cannot be read: %s", registry, err)
	case !ok && helper != "":
		return fmt.Sprintf("leaves the credentials for %s to the credential helper %.40q, which cannot be used in a cluster, because it is a program of the machine on which `docker login` was run",
			registry, helper)
	}
	return ""
}
