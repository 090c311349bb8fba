#!/usr/bin/env bash
# Every published model on the sample, results in out/. Further flags go to evaluate_sample.py:
#   ./multi_evaluate.sh --checkpoint_dir=/data/i3d
# Stops at the first failure; a result appears in out/ only when it is whole.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)}
mkdir -p out

evaluate() {
  local name=$1
  shift
  echo "out/$name.txt"
  "$python" evaluate_sample.py "$@" > "out/$name.txt.partial" || {
    rm -f "out/$name.txt.partial"
    echo "multi_evaluate: $name failed" >&2
    exit 1
  }
  mv "out/$name.txt.partial" "out/$name.txt"
}

for kind in joint rgb flow; do
  evaluate "imagenet_$kind" --eval_type=$kind --imagenet_pretrained=true "$@"
  evaluate "no_imagenet_$kind" --eval_type=$kind --imagenet_pretrained=false "$@"
done
evaluate no_imagenet_rgb600 --eval_type=rgb600 --imagenet_pretrained=false "$@"
