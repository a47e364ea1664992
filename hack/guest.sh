#!/usr/bin/env bash
# Makes a disk that boots: hack/guest.sh DISK.raw MIB [FOLDER].
#
# The disk has a master boot record, a FAT partition with SYSLINUX, Debian's
# cloud kernel and an initramfs, and an ext4 partition that is the root file
# system: busybox and a copy of FOLDER at /data. Its serial console ends at the
# prompt "wukong# ". Nothing is mounted and no loop device is used.
set -euo pipefail
disk=$1 mib=$2 data=${3:-}
cache=${WUKONG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/provider-wukong}
boot_mib=32 first_mib=1
# The modules of the disk's driver, each after those that it depends on.
modules='virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# kernel prints the folder with Debian's cloud kernel: unpacked, not installed.
kernel() {
  local name
  name=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" {print $2; exit}')
  [ -n "$name" ] || { apt-get -qq update >&2; name=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" {print $2; exit}'); }
  if [ ! -d "$cache/$name" ]; then
    mkdir -p "$work/kernel"
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$name" >&2 && dpkg-deb -x "$name"_*.deb kernel)
    mkdir -p "$cache"
    mv -T "$work/kernel" "$cache/$name"
  fi
  echo "$cache/$name"
}

# initramfs loads the disk's driver and starts the root file system.
initramfs() {
  local root=$work/initramfs
  mkdir -p "$root"/{bin,dev,proc,root}
  cp /bin/busybox "$root/bin/"
  for m in $modules; do
    cp "$(find "$1/lib/modules" -name "$m.ko")" "$root/"
  done
  cat >"$root/init" <<INIT
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for m in $modules; do /bin/busybox insmod /\$m.ko; done
until /bin/busybox mount -t ext4 /dev/vda2 /root 2>/dev/null; do /bin/busybox sleep 1; done
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
INIT
  chmod +x "$root/init"
  (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd.gz"
}

# rootfs is what the guest runs.
rootfs() {
  local root=$work/rootfs
  mkdir -p "$root"/{bin,sbin,dev,proc,sys,etc,data}
  cp /bin/busybox "$root/bin/"
  for a in sh init mount ls cat sha256sum poweroff; do ln -s /bin/busybox "$root/bin/$a"; done
  ln -s /bin/busybox "$root/sbin/init"
  printf '%s\n' '::sysinit:/bin/mount -t proc proc /proc' 'ttyS0::respawn:-/bin/sh' '::ctrlaltdel:/bin/poweroff' >"$root/etc/inittab"
  echo "export PS1='wukong# '" >"$root/etc/profile"
  [ -z "$data" ] || cp -a "$data/." "$root/data/"
}

# boot_partition is made in a file of its own: SYSLINUX then needs no offset.
boot_partition() {
  local image=$work/boot.fat
  truncate -s "${boot_mib}M" "$image"
  mformat -i "$image" -T $((boot_mib * 2048)) -H $((first_mib * 2048)) ::
  printf '%s\n' 'SERIAL 0 115200' 'DEFAULT wukong' 'LABEL wukong' '  LINUX vmlinuz' '  INITRD initrd.gz' \
    '  APPEND console=ttyS0 quiet panic=-1' >"$work/syslinux.cfg"
  mcopy -i "$image" "$1"/boot/vmlinuz-* ::vmlinuz
  mcopy -i "$image" "$work/initrd.gz" "$work/syslinux.cfg" ::
  syslinux --install "$image"
}

kernel=$(kernel)
initramfs "$kernel"
rootfs
boot_partition "$kernel"
root_mib=$((mib - first_mib - boot_mib - 1))
rm -f "$disk"
truncate -s "${mib}M" "$disk"
printf '%s\n' 'label: dos' "start=${first_mib}MiB, size=${boot_mib}MiB, type=c, bootable" "size=${root_mib}MiB, type=83" | sfdisk -q "$disk"
dd if=/usr/lib/SYSLINUX/mbr.bin of="$disk" bs=440 count=1 conv=notrunc status=none
dd if="$work/boot.fat" of="$disk" bs=1M seek=$first_mib conv=notrunc,sparse status=none
mkfs.ext4 -q -F -d "$work/rootfs" -E offset=$(((first_mib + boot_mib) << 20)) "$disk" "${root_mib}m"
