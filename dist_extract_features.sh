#!/usr/bin/env bash
# Features of a list of videos on several GPUs of this machine:
#   ./dist_extract_features.sh CONFIG_OR_MODEL CHECKPOINT GPUS --video-list LIST --out FILE.pkl ...
# A name that ends in .py is a configuration, any other one of the catalogue of models. Further
# arguments go to `python -m i3d.extract_features`.
set -euo pipefail
if [ $# -lt 3 ]; then
  echo "usage: $0 CONFIG_OR_MODEL CHECKPOINT GPUS [flags of python -m i3d.extract_features]" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$([ -x "$here/.venv/bin/python" ] && echo "$here/.venv/bin/python" || echo python)}
case $1 in
  *.py) network=--config=$1 ;;
  *) network=--model=$1 ;;
esac
export PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -m i3d.extract_features "$network" --checkpoint="$2" --replicas="$3" "${@:4}"
