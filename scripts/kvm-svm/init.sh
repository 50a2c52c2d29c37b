#!/bin/busybox sh
# The first program of the emulated machine. Its root becomes the tree of the machine outside, read through 9p, with what is written kept
# in memory; then /job runs there. The kernel's command line gives the directory (svm.dir) and kvm_amd's parameters (svm.kvm).
b=/bin/busybox
$b mkdir -p /proc /sys /lower /upper /root
$b mount -t proc proc /proc
option() { $b sed -n "s/.*svm\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
finish() {
  $b echo "svm-status $1"
  $b sync
  $b poweroff -f
}
# The order of loading.
while read -r module; do
  parameters=
  [ "$module" = kvm_amd ] && parameters=$(option kvm)
  $b insmod "/modules/$module.ko" $parameters || finish 'insmod'
done </modules/order
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /lower || finish '9p'
$b mount -t tmpfs tmpfs /upper
$b mkdir /upper/data /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root || finish 'overlay'
$b mount -t proc proc /root/proc
$b mount -t sysfs sysfs /root/sys
$b mount -t devtmpfs devtmpfs /root/dev
$b mkdir -p /root/dev/pts /root/dev/shm
$b mount -t devpts devpts /root/dev/pts
$b mount -t tmpfs tmpfs /root/dev/shm
$b mount -t tmpfs tmpfs /root/run
$b mkdir -m 1777 /root/run/tmp
# What a device manager would add.
$b ln -s /proc/self/fd /root/dev/fd
$b ip link set lo up
$b cp /job /root/run/job
$b chroot /root /bin/sh -c 'cd "$0" && exec /bin/sh /run/job' "$(option dir)" 2>&1
finish $?
