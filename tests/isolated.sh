#!/bin/sh
# Runs a command as a careful container would: without a network but loopback, as an unprivileged
# user, with everything read-only but a fresh /tmp.
#   unshare --net --mount tests/isolated.sh PYTHON_PREFIX MODEL COMMAND...
# Needs root, for the namespaces. The command finds the model at /mnt/model.
set -eu
prefix=$1 model=$2
shift 2
ip link set lo up
mount -t tmpfs tmpfs /mnt
mkdir /mnt/prefix /mnt/model
mount --bind "$prefix" /mnt/prefix
mount --bind "$model" /mnt/model
case "$prefix" in
"$HOME"/*) # an interpreter below a home that nobody else may enter
  mount -t tmpfs -o mode=755 tmpfs "$HOME"
  mkdir -p "$prefix"
  mount --bind /mnt/prefix "$prefix"
  mount -o remount,ro,bind "$prefix"
  mount -o remount,ro "$HOME"
  ;;
esac
mount -o remount,ro,bind /mnt/model
mount -o remount,ro /mnt
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -o remount,ro,bind /
cd /tmp
exec env -i PATH="$PATH" HOME=/nowhere \
  setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --inh-caps=-all "$@"
