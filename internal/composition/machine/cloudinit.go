// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// The keys under which KubeVirt finds the files of cloud-init in a Secret.
const (
	keyUserData    = "userdata"
	keyNetworkData = "networkdata"
)

// SecretName is the name of the Secret with what cloud-init reads.
func (p Plan) SecretName() string { return p.Meta.Name + "-cloud-init" }

// configured reports whether the machine asks for anything of cloud-init.
func (p Plan) configured() bool {
	return p.Spec.CloudInitUser != nil || p.Spec.SSHKeySecret != "" || p.addressed()
}

// addressed reports whether a network says how it gets its address.
func (p Plan) addressed() bool {
	return slices.ContainsFunc(p.Spec.Networks, func(n vmv1alpha1.Network) bool { return n.IPConfig != nil })
}

// attachCloudInit attaches the disk that cloud-init reads, if there is
// anything for it to read, and the keys that KubeVirt writes onto it.
func (p Plan) attachCloudInit(s *kubevirtv1.VirtualMachineInstanceSpec) {
	if !p.configured() {
		return
	}
	name := "cloud-init"
	for slices.ContainsFunc(p.Spec.Disks, func(d vmv1alpha1.Disk) bool { return d.Name == name }) {
		name += "-0"
	}
	source := &kubevirtv1.CloudInitNoCloudSource{UserDataSecretRef: &corev1.LocalObjectReference{Name: p.SecretName()}}
	if p.addressed() {
		source.NetworkDataSecretRef = source.UserDataSecretRef.DeepCopy()
	}
	s.Domain.Devices.Disks = append(s.Domain.Devices.Disks, virtio(name))
	s.Volumes = append(s.Volumes, kubevirtv1.Volume{Name: name, VolumeSource: kubevirtv1.VolumeSource{CloudInitNoCloud: source}})
	if p.Spec.SSHKeySecret == "" {
		return
	}
	s.AccessCredentials = []kubevirtv1.AccessCredential{{SSHPublicKey: &kubevirtv1.SSHPublicKeyAccessCredential{
		Source: kubevirtv1.SSHPublicKeyAccessCredentialSource{
			Secret: &kubevirtv1.AccessCredentialSecretSource{SecretName: string(p.Spec.SSHKeySecret)},
		},
		PropagationMethod: kubevirtv1.SSHPublicKeyAccessCredentialPropagationMethod{
			NoCloud: &kubevirtv1.NoCloudSSHPublicKeyAccessCredentialPropagation{},
		},
	}}}
}

// CloudInit is the Secret with what cloud-init reads; nil when the machine asks
// for nothing of it.
func (p Plan) CloudInit() (*corev1.Secret, error) {
	if !p.configured() {
		return nil, nil //nolint:nilnil // Nothing is wrong, and there is no Secret.
	}
	user, err := userData(p.Spec)
	if err != nil {
		return nil, err
	}
	s := &corev1.Secret{ObjectMeta: *p.Meta.DeepCopy(), Data: map[string][]byte{keyUserData: user}}
	s.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	s.SetName(p.SecretName())
	if !p.addressed() {
		return s, nil
	}
	s.Data[keyNetworkData], err = yaml.Marshal(p.networkConfig())
	return s, err
}

// cloudConfig is cloud-init's configuration, as far as it is used:
// https://docs.cloud-init.io/en/latest/reference/modules.html#users-and-groups
type cloudConfig struct {
	// User takes the place of the image's default user, who is the one that
	// gets the keys which KubeVirt writes. A user in the list `users` would
	// not get them.
	User *cloudUser `json:"user,omitempty"`
}

type cloudUser struct {
	Name string `json:"name"`

	// HashedPasswd is set for a user that the image has already, too.
	HashedPasswd string   `json:"hashed_passwd,omitempty"`
	LockPasswd   bool     `json:"lock_passwd"`
	Sudo         string   `json:"sudo,omitempty"`
	Shell        string   `json:"shell,omitempty"`
	Groups       []string `json:"groups,omitempty"`
}

func userData(s vmv1alpha1.WukongSpec) ([]byte, error) {
	header := []byte("#cloud-config\n")
	u := s.CloudInitUser
	if u == nil {
		return header, nil
	}
	user := &cloudUser{
		Name: u.Name, HashedPasswd: u.PasswordHash, LockPasswd: u.PasswordHash == "",
		Sudo: u.Sudo, Shell: u.Shell, Groups: u.Groups,
	}
	if u.LockPasswd != nil {
		user.LockPasswd = *u.LockPasswd
	}
	y, err := yaml.Marshal(cloudConfig{User: user})
	return append(header, y...), err
}

// networkConfig is cloud-init's network configuration, version 2, as far as it
// is used:
// https://docs.cloud-init.io/en/latest/reference/network-config-format-v2.html
type networkConfig struct {
	Version   int                 `json:"version"`
	Ethernets map[string]ethernet `json:"ethernets"`
}

type ethernet struct {
	Match       map[string]string `json:"match"`
	SetName     string            `json:"set-name"`
	DHCP4       bool              `json:"dhcp4"`
	Optional    bool              `json:"optional,omitempty"`
	Addresses   []string          `json:"addresses,omitempty"`
	Routes      []route           `json:"routes,omitempty"`
	Nameservers *nameservers      `json:"nameservers,omitempty"`
}

type route struct {
	To  string `json:"to"`
	Via string `json:"via"`
}

type nameservers struct {
	Addresses []string `json:"addresses"`
}

// networkConfig names the interfaces eth0, eth1 and so on, in the order of the
// networks, and finds them by their address: the names that a guest gives to
// them depend on its image. Once there is such a configuration, cloud-init
// leaves alone what is not in it, so each network is.
func (p Plan) networkConfig() networkConfig {
	c := networkConfig{Version: 2, Ethernets: map[string]ethernet{}}
	for i, n := range p.Networks {
		name := "eth" + strconv.Itoa(i)
		e := ethernet{Match: map[string]string{"macaddress": p.mac(n.Name)}, SetName: name, DHCP4: true}
		switch ip := n.IPConfig; {
		case ip == nil:
			e.Optional = true // It may have no server, and must not hold up the boot.
		case ip.Mode == "static":
			e.DHCP4 = false
			e.Addresses = []string{ip.Address}
			if ip.Gateway != "" {
				e.Routes = []route{{To: everywhere(ip.Gateway), Via: ip.Gateway}}
			}
		}
		if n.IPConfig != nil && len(n.IPConfig.DNSServers) > 0 {
			e.Nameservers = &nameservers{Addresses: n.IPConfig.DNSServers}
		}
		c.Ethernets[name] = e
	}
	return c
}

// everywhere is the default route of an address's family, in the spelling that
// all versions of netplan know.
func everywhere(gateway string) string {
	if net.ParseIP(gateway).To4() == nil {
		return "::/0"
	}
	return "0.0.0.0/0"
}
