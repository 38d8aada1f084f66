#!/usr/bin/env bash
# Two clones of this commit in different folders must pack to the same bytes.
set -euo pipefail
root=$(git -C "$(dirname "$0")/.." rev-parse --show-toplevel)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for folder in first a/second/deeper/one; do
  mkdir -p "$work/$folder"
  git clone --quiet "$root" "$work/$folder/clone"
  (cd "$work/$folder/clone" && npm ci --no-audit --no-fund --loglevel=error > /dev/null && npm pack --silent --pack-destination "$work/$folder" > /dev/null)
done
sums=$(cat "$work"/first/*.tgz | sha256sum; cat "$work"/a/second/deeper/one/*.tgz | sha256sum)
echo "$sums"
[ "$(echo "$sums" | sort -u | wc -l)" = 1 ] || { echo 'two clones expected to pack to the same bytes, got two tarballs' >&2; exit 1; }
