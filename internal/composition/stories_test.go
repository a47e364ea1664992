// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"strings"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

const (
	imported = `
  disks:
  - name: system
    size: 20Gi
    boot: true
    importSource: {type: https, url: https://images.example.com/a.qcow2}
`
	verified = `
  disks:
  - name: system
    size: 20Gi
    storageClassName: fast
    importSource:
      type: https
      url: https://images.example.com/a.qcow2
      checksum: sha256:0000000000000000000000000000000000000000000000000000000000000000
      httpConfig:
        secretName: login
        caBundle: {configMapName: ca, key: ca.crt}
        headers: [{name: X-Team, value: vm}, {name: Accept, value: "*/*"}]
`
	empty = "\n  disks:\n  - {name: data, size: 10Gi, storageClassName: slow}\n"
	kept  = `
  disks:
  - name: system
    size: 20Gi
    retention: Retain
    importSource: {type: https, url: https://images.example.com/a.qcow2}
  - {name: data, size: 10Gi, retention: Retain}
`
	unlike = `
  disks:
  - name: d
    size: 1Gi
    importSource: {type: http, url: http://images.example.com/a}
    exportTarget: {type: s3, bucket: backups, key: a, mode: Incremental}
  - name: e
    size: 1Gi
`
	sources = `
  disks:
  - name: clone
    size: 1Gi
    importSource: {type: pvc, pvcConfig: {name: golden}}
  - name: pointed
    size: 1Gi
    dataSource: {name: ubuntu, namespace: images}
  - name: flat
    size: 1Gi
    importSource: {type: s3, endpoint: "https://s3.example.com", bucket: images, key: a.qcow2, credentials: {secretName: s3}}
  - name: nested
    size: 1Gi
    importSource: {type: s3, s3Config: {endpoint: "https://s3.example.com", region: eu-1, bucket: images, key: a.raw.zst, credentials: {secretName: s3}}, checksum: md5:d41d8cd98f00b204e9800998ecf8427e}
  - name: url
    size: 1Gi
    importSource: {type: s3, url: "s3://images/vms/a.qcow2"}
  - name: registry
    size: 1Gi
    importSource: {type: registry, url: "docker://registry.example.com/vms/ubuntu:22.04", registryConfig: {secretName: login}}
  - name: short
    size: 1Gi
    image: docker://registry.example.com/vms/ubuntu:22.04
  - name: odd
    size: 1Gi
    image: docker://registry.example.com/VMS/Ubuntu
`
	targets = `
  disks:
  - name: registry
    size: 1Gi
    exportTarget: {type: registry, url: "registry.example.com/vms/ubuntu:golden", registryConfig: {secretName: login}}
  - name: flat
    size: 1Gi
    exportTarget: {type: s3, endpoint: "https://s3.example.com", bucket: backups, key: vm.qcow2}
  - name: nested
    size: 1Gi
    exportTarget: {type: s3, format: raw, url: "s3://backups/vm.raw", s3Config: {endpoint: "https://s3.example.com", bucket: backups, key: vm.raw, credentials: {secretName: s3}}}
  - name: http
    size: 1Gi
    exportTarget: {type: http, url: "https://backups.example.com/vm.qcow2", httpConfig: {secretName: login, caBundle: {configMapName: ca}}}
  - name: claim
    size: 1Gi
    exportTarget: {type: pvc, pvcConfig: {name: backups}}
  - name: onto
    size: 1Gi
    exportTarget: {type: pvc, pvcConfig: {name: vm-onto, path: a}}
  - name: digest
    size: 1Gi
    exportTarget: {type: registry, url: "registry.example.com/vms/ubuntu@sha256:00"}
`
	places = `
  disks:
  - name: named
    size: 1Gi
    exportTarget: {type: s3, s3Config: {bucketRef: {name: backups}, key: vm.qcow2}}
  - name: chosen
    size: 1Gi
    exportTarget: {type: s3, key: vm.qcow2, s3Config: {bucketSelector: {matchLabels: {purpose: backups, tier: cold}}}}
  - name: plain
    size: 1Gi
    exportTarget: {type: registry, url: "registry.local/vms/ubuntu:golden", registryConfig: {plainHTTP: true}}
  - name: from
    size: 1Gi
    importSource: {type: s3, s3Config: {bucketRef: {name: images}, key: a.qcow2}}
  - name: private
    size: 1Gi
    importSource: {type: registry, url: "docker://registry.example.com/vms/ubuntu:22.04", registryConfig: {caBundle: {configMapName: ca, key: ca.crt}}}
`
	sent = `
  disks:
  - name: system
    size: 20Gi
    importSource: {type: https, url: https://images.example.com/a.qcow2}
    exportTarget: {type: s3, endpoint: "https://s3.example.com", bucket: backups, key: vm.qcow2}
`
)

// stories are what can happen to a Wukong.
func stories() map[string]story {
	return map[string]story{
		"import": {
			reason: "An imported disk is bound when its DiskImport is ready, and not before.",
			spec:   imported,
			steps: []step{
				{"nobody has looked whether the name is free", nil},
				{"the name is free", looked},
				{"the DiskImport is made", made},
				{"the mover starts", imports("system", importing(0))},
				{"the mover is half-way", imports("system", importing(52))},
				{"the disk is whole, and not bound yet", imports("system", succeeded(false))},
				{"the disk is whole and bound", imports("system", succeeded(true))},
			},
		},
		"import-options": {
			reason: "Checksum, credentials, authority, headers and class reach the DiskImport.",
			spec:   verified,
			steps:  []step{{"the name is free", looked}},
		},
		"import-fails": {
			reason: "A failure stands in the status, and goes when its cause is corrected.",
			spec:   imported,
			steps: []step{
				{"the DiskImport is made", all(looked, made)},
				{"the source is not there", imports("system", fails("The server has nothing at this URL."))},
				{"the URL is corrected", rewritten("\n  disks:\n  - name: system\n    size: 20Gi\n    importSource: {type: https, url: https://images.example.com/b.qcow2}\n")},
			},
		},
		"import-hindered": {
			reason: "What keeps the provider from beginning stands in the status.",
			spec:   imported,
			steps: []step{
				{"a Secret is missing", all(looked, made, imports("system", stalls("Secret login is not there.")))},
				{"the configuration is missing", imports("system", unsynced("cannot get ClusterProviderConfig default"))},
			},
		},
		"import-name-taken": {
			reason: "A DiskImport of somebody else is not adopted.",
			spec:   imported,
			steps:  []step{{"there is one under the name", foreign}},
		},
		"import-changed-afterwards": {
			reason: "A disk that is imported keeps its data, whatever is written later.",
			spec:   verified,
			steps: []step{
				{"the disk is whole and bound", all(looked, made, imports("system", succeeded(true)))},
				{"the API server keeps the headers in another order", imports("system", reversed)},
				{"the source is changed", rewritten("\n  disks:\n  - name: system\n    size: 20Gi\n    storageClassName: fast\n    importSource: {type: http, url: http://images.example.com/b}\n")},
				{"the source is a claim", rewritten("\n  disks:\n  - name: system\n    size: 20Gi\n    importSource: {type: pvc, pvcConfig: {name: golden}}\n")},
				{"the disk grows", rewritten(strings.Replace(verified, "20Gi", "30Gi", 1))},
			},
		},
		"short-source-changed-afterwards": {
			reason: "The field that cannot change is called as it is written.",
			spec:   "\n  disks:\n  - {name: short, size: 1Gi, image: \"docker://registry.example.com/vms/ubuntu:22.04\"}\n  - {name: pointed, size: 1Gi, dataSource: {name: ubuntu}}\n",
			steps: []step{
				{"the disks are whole, and their sources change", all(looked, made, imports("short", succeeded(true)), imports("pointed", succeeded(true)), rewritten(
					"\n  disks:\n  - {name: short, size: 1Gi, image: \"docker://registry.example.com/vms/ubuntu:24.04\"}\n  - {name: pointed, size: 1Gi, dataSource: {name: debian}}\n"))},
			},
		},
		"empty": {
			reason: "A disk without a source is made empty, and is no import to whoever looks at the Wukong.",
			spec:   empty,
			steps: []step{
				{"nobody has looked whether the name is free", nil},
				{"the name is free", looked},
				{"the DiskImport is made", made},
				{"its claim waits for a volume", imports("data", blankPending)},
				{"the claim is bound", imports("data", blankBound)},
				{"it should grow", rewritten("\n  disks:\n  - {name: data, size: 20Gi, storageClassName: slow}\n")},
				{"its class does not let it grow", all(made, imports("data", ungrown))},
				{"it should be of another class", all(imports("data", blankBound), rewritten("\n  disks:\n  - {name: data, size: 20Gi, storageClassName: other}\n"))},
			},
		},
		"empty-waits-for-consumer": {
			reason: "A claim that only a pod can bind is as ready as it can be.",
			spec:   empty,
			steps:  []step{{"the class waits for a consumer", all(looked, made, imports("data", blankIdle))}},
		},
		"empty-hindered": {
			reason: "What keeps the provider from making an empty disk stands in the status.",
			spec:   empty,
			steps: []step{
				{"there is no such class", all(looked, made, imports("data", stalls("StorageClass \"slow\" does not exist.")))},
				{"the class is there", imports("data", blankPending)},
				{"the claim has lost its volume", imports("data", fails("Claim \"vm-data\" has lost its volume \"pv-1\"."))},
			},
		},
		"kept": {
			reason: "What becomes of a disk may change at any time, even of one that is refused.",
			spec:   kept,
			steps: []step{
				{"the disks are ready", all(looked, made, imports("system", succeeded(true)), claimsBound)},
				{"they are not to be kept any more, and one has another source", rewritten(strings.NewReplacer("Retain", "Delete", "a.qcow2", "b.qcow2").Replace(kept))},
			},
		},
		"empty-name-taken": {
			reason: "A DiskImport of somebody else is not adopted for an empty disk.",
			spec:   empty,
			steps:  []step{{"there is one under the name", foreign}},
		},
		"not-in-this-release": {
			reason: "What cannot be done is refused with its name, disk by disk, and the others go on.",
			spec:   unlike,
			steps:  []step{{"the names are free", looked}},
		},
		"import-sources": {
			reason: "Each spelling of a source becomes a DiskImport.",
			spec:   sources,
			steps:  []step{{"the names are free", looked}},
		},
		"export": {
			reason: "A disk is exported once it is ready, and what happens then stands in its status.",
			spec:   sent,
			steps: []step{
				{"the disk is imported", all(looked, made, imports("system", importing(52)))},
				{"the disk is ready", imports("system", succeeded(true))},
				{"the name is free", looked},
				{"the DiskExport is made", made},
				{"the mover is half-way", exported("system", exporting(50))},
				{"a volume is in use", exported("system", hindered("Pod \"vm\" uses claim \"vm-system\"."))},
				{"the artifact is whole", exported("system", exportDone)},
				{"the disk is imported again", imports("system", importing(5))},
				{"it is to be exported again", all(rewritten(strings.Replace(sent, "key: vm.qcow2", "key: vm.qcow2, trigger: tuesday", 1)), annotated("now"))},
				{"another target is written", rewritten(strings.Replace(sent, "vm.qcow2", "other.qcow2", 1))},
				{"the name of its DiskExport is free", looked},
				{"the other DiskExport is made, and the target is no target any more", all(made, rewritten(strings.Replace(sent, "key: vm.qcow2", "key: /", 1)))},
				{"the target is taken away", rewritten("\n  disks:\n  - name: system\n    size: 20Gi\n    importSource: {type: https, url: https://images.example.com/a.qcow2}\n")},
			},
		},
		"export-targets": {
			reason: "Each spelling of a target becomes a DiskExport; what cannot be one is refused by name.",
			spec:   targets,
			steps: []step{
				{"the disks are not ready", all(looked, made)},
				{"the disks are ready", all(claimsBound, looked)},
			},
		},
		"places": {
			reason: "The bucket of an ImageBucket and a registry of one's own are places; which bucket it is belongs to the target.",
			spec:   places,
			steps: []step{
				{"the disks are ready", all(looked, made, claimsBound, imports("from", succeeded(true)), imports("private", succeeded(true)), looked)}, //nolint:gocritic // It is looked at twice.
				{"another bucket is named, another one chosen", all(made, rewritten(strings.NewReplacer("backups}, k", "archive}, k", "cold", "hot").Replace(places)), looked)},
			},
		},
		"export-name-taken": {
			reason: "A DiskExport of somebody else is not adopted.",
			spec:   sent,
			steps:  []step{{"there is one under the name", all(looked, made, imports("system", succeeded(true)), foreign)}},
		},
		"two-imports": {
			reason: "Progress of several disks is weighed by size; speeds add up.",
			spec:   "\n  disks:\n  - {name: a, size: 30Gi, importSource: {type: http, url: http://h/a}}\n  - {name: b, size: 10Gi, importSource: {type: http, url: http://h/b}}\n",
			steps: []step{
				{"one is half-way, the other done", all(looked, made, imports("a", importing(50)), imports("b", succeeded(true)))},
			},
		},
		"no-disks": {
			reason: "A machine without disks has nothing to wait for.",
			spec:   "",
			steps: []step{
				{"nobody has looked whether KubeVirt is there", nil},
				{"the name is free", looked},
			},
		},
		"machine": {
			reason: "The machine is made when its disks and networks are ready, and from then on it stays.",
			spec:   whole,
			steps: []step{
				{"the disks are being prepared, one network is missing", all(keys("ssh-keys", publicKeys), looked, made, imports("system", importing(52)))},
				{"the disks are ready", all(imports("system", succeeded(true)), claimsBound, looked)},
				{"the network is there", all(network("storage-net"), looked)},
				{"the machine is made", all(made, looked)},
				{"it starts", virtual(printed(kubevirtv1.VirtualMachineStatusStarting))},
				{"it runs", runs("node-1")},
				{"no node can take it", virtual(unschedulable)},
				{"it runs again, and its disk is written so that it is refused", all(runs("node-1"), rewritten(strings.Replace(whole, "a.qcow2", "b.qcow2", 1)))},
				{"another disk and another network are written, which are not ready", all(rewritten(later), looked)},
				{"they are ready", all(made, claimsBound, network("more-net"), looked)},
				{"the machine is changed, and wants to be restarted", all(made, virtual(restart))},
				{"the machine is stopped", virtual(printed(kubevirtv1.VirtualMachineStatusStopped))},
				{"the disk and the network are taken away", rewritten(whole)},
			},
		},
		"machine-alone": {
			reason: "A machine that asks for nothing more is on the network of the pods, and waits for no claim that waits for it.",
			spec:   empty,
			steps: []step{
				{"the claim waits for its first consumer", all(looked, made, imports("data", blankIdle), looked)}, //nolint:gocritic // It is looked at twice.
				{"somebody has deleted it", all(made, func(in *Input) { in.Machine = nil }, looked)},
			},
		},
		"machine-without-kubevirt": {
			reason: "What is not in the cluster holds up the machine and nothing else.",
			spec:   sent,
			steps: []step{
				{"the disk is being prepared", all(lacking(definitionOfMachines), looked, made, imports("system", importing(52)))},
				{"the disk is ready", all(imports("system", succeeded(true)), looked)},
				{"KubeVirt is installed", all(func(in *Input) { delete(in.Standing, kind(definitionOfMachines)) }, looked)},
			},
		},
		"machine-without-multus": {
			reason: "Networks that nobody can attach are named.",
			spec:   whole,
			steps:  []step{{"Multus is missing", all(lacking(definitionOfNetworks), keys("ssh-keys", publicKeys), looked, made, imports("system", succeeded(true)), claimsBound, looked)}}, //nolint:gocritic // It is looked at twice.
		},
		"machine-name-taken": {
			reason: "A VirtualMachine, a Secret or a network of somebody else is not adopted.",
			spec:   "\n  cloudInitUser: {name: ubuntu}\n  networks: [{name: lan, type: bridge, bridgeName: br0}]\n",
			steps: []step{
				{"there is a network under the name", all(foreign, foreign)},                                                                         //nolint:gocritic // What is asked for second follows from the first.
				{"the network is ours, and there is a machine under the name", all(func(in *Input) { in.forget() }, looked, made, foreign, foreign)}, //nolint:gocritic // The same.
			},
		},
		"machine-keys": {
			reason: "KubeVirt gives every value of the Secret to the guest: so it is looked at before.",
			spec:   "\n  sshKeySecret: ssh-keys\n",
			steps: []step{
				{"the Secret is missing", looked},
				{"it is empty", keys("ssh-keys", nil)},
				{"it holds a private key", keys("ssh-keys", map[string]string{"ssh-publickey": "ssh-ed25519 AAAA", "ssh-privatekey": "-----BEGIN OPENSSH PRIVATE KEY-----"})},
				{"it holds public keys", all(keys("ssh-keys", publicKeys), looked)},
			},
		},
	}
}

const (
	whole = `
  osImage: ubuntu
  sshKeySecret: ssh-keys
  cloudInitUser: {name: ubuntu, passwordHash: "$6$salt$hash", sudo: "ALL=(ALL) NOPASSWD:ALL", shell: /bin/bash, groups: [docker], lockPasswd: false}
  networks:
  - name: management
    type: bridge
    bridgeName: br-mgmt
    vlanId: 100
    ipConfig: {mode: static, address: 192.168.100.10/24, gateway: 192.168.100.1, dnsServers: [192.168.100.1]}
  - {name: storage, type: macvlan, nadName: storage-net, ipConfig: {mode: dhcp}}
  highAvailability:
    restartPolicy: Always
    antiAffinity: true
    nodeSelector: {kubernetes.io/arch: amd64}
    tolerations: [{key: vms, operator: Exists, effect: NoSchedule}]
  startStrategy: {runStrategy: Always, autoStart: true}
  disks:
  - {name: data, size: 10Gi}
  - name: system
    size: 20Gi
    boot: true
    importSource: {type: https, url: https://images.example.com/a.qcow2}
`
)

// later is the whole with a disk and a network more.
var later = strings.Replace(whole, "  highAvailability:", "  - {name: more, type: macvlan, nadName: more-net}\n  highAvailability:", 1) +
	"  - {name: more, size: 5Gi}\n"

var publicKeys = map[string]string{"alice": "ssh-ed25519 AAAA alice\n", "bob": "# Bob's\necdsa-sha2-nistp256 AAAA bob\n\nssh-rsa AAAA bob\n"}

func printed(s kubevirtv1.VirtualMachinePrintableStatus) func(*kubevirtv1.VirtualMachineStatus) {
	return func(status *kubevirtv1.VirtualMachineStatus) { status.PrintableStatus = s }
}

func restart(s *kubevirtv1.VirtualMachineStatus) {
	s.Conditions = []kubevirtv1.VirtualMachineCondition{{Type: kubevirtv1.VirtualMachineRestartRequired, Status: corev1.ConditionTrue}}
}

func unschedulable(s *kubevirtv1.VirtualMachineStatus) {
	s.PrintableStatus = kubevirtv1.VirtualMachineStatusUnschedulable
	s.Conditions = []kubevirtv1.VirtualMachineCondition{{
		Type: kubevirtv1.VirtualMachineConditionType(corev1.PodScheduled), Status: corev1.ConditionFalse,
		Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available: 1 Insufficient memory.",
	}}
}

func importing(percent int32) func(*diskv1alpha1.DiskImport) {
	return func(d *diskv1alpha1.DiskImport) {
		at := &d.Status.AtProvider
		at.Phase, at.Message = diskv1alpha1.PhaseImporting, "The image is being transferred."
		at.Progress = &diskv1alpha1.Progress{Percent: percent, BytesPerSecond: 96 << 20}
		d.SetConditions(xpv2.Creating(), diskv1alpha1.NotStalled(diskv1alpha1.ReasonProgressing), xpv2.ReconcileSuccess())
	}
}

func succeeded(published bool) func(*diskv1alpha1.DiskImport) {
	return func(d *diskv1alpha1.DiskImport) {
		at := &d.Status.AtProvider
		at.CompletionTime = &metav1.Time{Time: time.Unix(1_800_000_000, 0)}
		at.Progress = &diskv1alpha1.Progress{Percent: 100, BytesPerSecond: 96 << 20}
		d.SetConditions(diskv1alpha1.NotStalled(diskv1alpha1.ReasonComplete), xpv2.ReconcileSuccess())
		at.Phase, at.Message = diskv1alpha1.PhaseImporting, "The disk is whole; its volume is being handed over to the claim."
		if published {
			at.Phase, at.Message = diskv1alpha1.PhaseSucceeded, "The disk is whole."
			at.ClaimName = d.Spec.ForProvider.Target.Name
			d.SetConditions(xpv2.Available())
		}
	}
}

// exporting is the status of an export that has begun.
func exporting(percent int32) func(*diskv1alpha1.DiskExport) {
	return func(d *diskv1alpha1.DiskExport) {
		at := &d.Status.AtProvider
		at.Phase, at.Message = diskv1alpha1.ExportPhaseExporting, "The disk is being transferred."
		at.Progress = &diskv1alpha1.Progress{Percent: percent}
		d.SetConditions(xpv2.Creating(), diskv1alpha1.NotStalled(diskv1alpha1.ReasonProgressing), xpv2.ReconcileSuccess())
	}
}

func hindered(message string) func(*diskv1alpha1.DiskExport) {
	return func(d *diskv1alpha1.DiskExport) {
		d.Status.AtProvider.Phase, d.Status.AtProvider.Message = diskv1alpha1.ExportPhaseFailed, message
		d.SetConditions(diskv1alpha1.Stalled(diskv1alpha1.ReasonSnapshotsUnsupported, message), xpv2.ReconcileSuccess())
	}
}

func exportDone(d *diskv1alpha1.DiskExport) {
	at := &d.Status.AtProvider
	at.Phase, at.Message = diskv1alpha1.ExportPhaseSucceeded, "The artifact is whole, at s3://backups/vm.qcow2."
	at.Artifact = &diskv1alpha1.ArtifactObservation{URI: "s3://backups/vm.qcow2"}
	d.SetConditions(xpv2.Available(), diskv1alpha1.NotStalled(diskv1alpha1.ReasonComplete), xpv2.ReconcileSuccess())
}

// claimsBound binds the claim of every empty disk.
func claimsBound(in *Input) {
	for _, d := range in.Imports {
		if d.Spec.ForProvider.Source.Blank != nil {
			blankBound(d)
		}
	}
}

func blankPending(d *diskv1alpha1.DiskImport) {
	d.Status.AtProvider = diskv1alpha1.DiskImportObservation{Phase: diskv1alpha1.PhasePending, Message: "Claim \"vm-data\" waits for a volume of StorageClass \"slow\"."}
	d.SetConditions(xpv2.Creating(), diskv1alpha1.NotTransferring(diskv1alpha1.ReasonPending), diskv1alpha1.NotStalled(diskv1alpha1.ReasonProgressing), xpv2.ReconcileSuccess())
}

func blankIdle(d *diskv1alpha1.DiskImport) {
	blankBound(d)
	d.SetConditions(diskv1alpha1.NotTransferring(diskv1alpha1.ReasonWaitingForFirstConsumer))
}

func blankBound(d *diskv1alpha1.DiskImport) {
	d.Status.AtProvider = diskv1alpha1.DiskImportObservation{
		Phase: diskv1alpha1.PhaseSucceeded, ClaimName: d.Spec.ForProvider.Target.Name, CompletionTime: &metav1.Time{Time: time.Unix(1_800_000_000, 0)},
	}
	d.SetConditions(xpv2.Available(), diskv1alpha1.NotTransferring(diskv1alpha1.ReasonComplete), diskv1alpha1.NotStalled(diskv1alpha1.ReasonComplete), xpv2.ReconcileSuccess())
}

func ungrown(d *diskv1alpha1.DiskImport) {
	d.SetConditions(diskv1alpha1.Stalled(diskv1alpha1.ReasonExpansionRefused, "Claim \"vm-data\" cannot grow: StorageClass \"slow\" does not allow expansion."))
}

func fails(message string) func(*diskv1alpha1.DiskImport) {
	return func(d *diskv1alpha1.DiskImport) {
		d.Status.AtProvider.Phase, d.Status.AtProvider.Message = diskv1alpha1.PhaseFailed, message
		d.SetConditions(diskv1alpha1.Stalled(diskv1alpha1.ReasonFailed, message), xpv2.ReconcileSuccess())
	}
}

func stalls(message string) func(*diskv1alpha1.DiskImport) {
	return func(d *diskv1alpha1.DiskImport) {
		d.Status.AtProvider.Phase, d.Status.AtProvider.Message = diskv1alpha1.PhasePending, message
		d.SetConditions(diskv1alpha1.Stalled(diskv1alpha1.ReasonSecretNotFound, message), xpv2.ReconcileSuccess())
	}
}

func unsynced(message string) func(*diskv1alpha1.DiskImport) {
	return func(d *diskv1alpha1.DiskImport) {
		d.SetConditions(xpv2.Condition{Type: xpv2.TypeSynced, Status: corev1.ConditionFalse, Message: message})
	}
}

func reversed(d *diskv1alpha1.DiskImport) {
	h := d.Spec.ForProvider.Source.HTTP.Headers
	h[0], h[1] = h[1], h[0]
}
