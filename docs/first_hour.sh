#!/usr/bin/env bash
# The first hour, measured: a fresh environment, the wheel, a label, features and a classifier.
#
#   docs/first_hour.sh WHEEL VIDEO CLIPS > transcript.md
#
# WHEEL: the built package; VIDEO: a real video file; CLIPS: a folder with two folders of clips.
# Works in a new, empty folder, so that nothing of a checkout is used. Prints each command, its
# output and its seconds as Markdown. PYTHON names the interpreter (default: python3).
set -euo pipefail
if [ $# -ne 3 ]; then
  echo "usage: $0 WHEEL VIDEO CLIPS" >&2
  exit 2
fi
wheel=$(realpath "$1") video=$(realpath "$2") clips=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$wheel" .
ln -s "$video" "my.${video##*.}"
ln -s "$clips" clips
unset PYTHONPATH I3D_CHECKPOINTS
export XDG_CACHE_HOME=$work/cache

# Prints a command, runs it, prints what it printed and how long it took.
step() {
  local language=console  # of what is no command of the package
  case $1 in i3d*) language=bash ;; esac
  printf '```%s\n%s\n```\n\n```text\n' "$language" "$1"
  local begin=$SECONDS status=0
  bash -c "$1" > out.txt 2>&1 || status=$?
  # Of a progress bar the last state is kept; the folder of this script is shown as ~.
  # What pip and TensorFlow say of this machine is left out.
  sed -E -e '/^(WARNING: (Location|All log messages)|[IWE]0000 )/d' out.txt |
    sed -e 's/.*\r\(.\)/\1/' -e 's/\r$//' -e "s|$work|~|g" |
    awk '/^[a-z ]+: +[0-9]+% / {bar = $0; next} bar {print bar; bar = ""} {print} END {if (bar) print bar}'
  printf '```\n\n%s s' $((SECONDS - begin))
  [ $status -eq 0 ] || printf ', exit status %s' $status
  printf '\n\n'
  return $status
}

echo "## Install"
echo
step "${PYTHON:-python3} -m venv env && env/bin/pip install --quiet ./$(basename "$wheel")"
export PATH=$work/env/bin:$PATH
echo "## Label a video"
echo
step "i3d evaluate_sample --eval_type=rgb --noimagenet_pretrained --video=my.${video##*.} --top_k=5"
echo "## Features from Python"
echo
find -L clips -type f | sort | head -n 3 > three.txt
cat > features.py <<'PYTHON'
import i3d

model = i3d.load("rgb_scratch")
for line in open("three.txt"):
    features = model.features(line.strip())
    print(line.strip(), features.shape, features.dtype, features[:3])
PYTHON
printf '```python\n'
cat features.py
printf '```\n\n'
step "TF_CPP_MIN_LOG_LEVEL=3 python features.py"
echo "## A classifier of two folders of clips"
echo
step "ls clips clips/*"
step "i3d probe --videos=clips --checkpoint=rgb_scratch --out=runs/mine"
step "i3d predict --checkpoint=runs/mine/best.weights.h5 my.${video##*.}"
