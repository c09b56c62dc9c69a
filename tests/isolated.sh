#!/bin/sh
# Runs a command as a careful container would: without a network but loopback, as an unprivileged
# user, with everything read-only but a fresh TMPDIR.
#   unshare --net --mount tests/isolated.sh PYTHON_PREFIX PROJECT MODEL COMMAND...
# Needs root, for the namespaces. The command finds the model at /mnt/model.
set -eu
prefix=$1 project=$2 model=$3
shift 3
ip link set lo up
mount -t tmpfs tmpfs /mnt
mkdir /mnt/prefix /mnt/project /mnt/model /mnt/tmp
mount --bind "$prefix" /mnt/prefix
mount --bind "$project" /mnt/project
mount --bind "$model" /mnt/model
mount -o remount,ro,bind /mnt/model
# What lies below a home that nobody else may enter is put where it was, below an empty one.
case "$prefix:$project" in
"$HOME"/* | *:"$HOME"/*)
  mount -t tmpfs -o mode=755 tmpfs "$HOME"
  for name in prefix project; do
    eval "place=\$$name"
    case "$place" in
    "$HOME"/*)
      mkdir -p "$place"
      mount --bind "/mnt/$name" "$place"
      mount -o remount,ro,bind "$place"
      ;;
    esac
  done
  mount -o remount,ro "$HOME"
  ;;
esac
mount -t tmpfs -o mode=1777 tmpfs /mnt/tmp
mount -o remount,ro /mnt
mount -o remount,ro,bind /
cd /mnt/tmp
exec env -i PATH="$PATH" HOME=/nowhere TMPDIR=/mnt/tmp \
  setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --inh-caps=-all "$@"
