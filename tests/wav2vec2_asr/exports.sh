#!/bin/sh
# Installs what the exports need into DIRECTORY (7 GB with torch; it is kept for the next time), and
# runs their tests: ExecuTorch's runtime and NVIDIA's server for real.
#   tests/wav2vec2_asr/exports.sh DIRECTORY
set -eu
directory=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/../.."
uv=.venv/bin/uv
python=$directory/checks/bin/python
[ -x "$python" ] || "$uv" venv --quiet --python .venv/bin/python "$directory/checks"
"$uv" pip install --quiet --python "$python" --requirements requirements.txt \
  --requirements mlflow_models/wav2vec2_asr/exports/requirements.txt
# tritonclient asks for older versions than the root's of packages that it works with all the same.
"$uv" pip install --quiet --python "$python" --no-deps tritonclient==2.73.0 grpcio==1.85.1 \
  python-rapidjson==1.25
PYTHONPATH=mlflow_models THERESA_EXPORTS=$directory exec "$python" -m pytest \
  tests/wav2vec2_asr/test_export.py tests/wav2vec2_asr/test_triton.py
