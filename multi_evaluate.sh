#!/usr/bin/env bash
# Every published model on the sample, results in out/ beside this file. Further flags go to
# evaluate_sample.py:
#   ./multi_evaluate.sh --checkpoint_dir=/data/i3d
# Stops at the first failure; a result appears in out/ only when it is whole.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$([ -x "$here/.venv/bin/python" ] && echo "$here/.venv/bin/python" || echo python)}
mkdir -p "$here/out"

evaluate() {
  local name=$1 file=$here/out/$1.txt
  shift
  echo "$file"
  "$python" "$here/evaluate_sample.py" --checkpoint_dir="$here/checkpoints" "$@" > "$file.partial" || {
    rm -f "$file.partial"
    echo "multi_evaluate: $name failed" >&2
    exit 1
  }
  mv "$file.partial" "$file"
}

for kind in joint rgb flow; do
  evaluate "imagenet_$kind" --eval_type=$kind --imagenet_pretrained=true "$@"
  evaluate "no_imagenet_$kind" --eval_type=$kind --imagenet_pretrained=false "$@"
done
evaluate no_imagenet_rgb600 --eval_type=rgb600 --imagenet_pretrained=false "$@"
