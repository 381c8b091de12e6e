#!/usr/bin/env bash
# Makes the data beside this file, from the project's folder: `assets/lesson/make.sh`, with `bikd` on
# the PATH. About fifteen minutes on one core.
#   digits.safetensors  the networks that are asked about a drawing
#   beliefs.json        what the teacher among them believes of test pictures
#   ratios.json         KD over its alpha, on clean labels and with 40 % of them drawn anew
#   biases.json         KD and BiKD over eight seeds, without and with class biases
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
BIKD_HOME=${BIKD_HOME:-$(mktemp -d)}
export BIKD_HOME
python -m bikd_core.toy.digit_nets "$here/digits.safetensors"
python -m bikd_core.toy.beliefs "$here/digits.safetensors" "$here/beliefs.json"
methods=$(printf ',kd:kd_alpha=%s' 0 0.1 0.25 0.5 0.75 0.9 1)
for noise in 0 0.4; do
  bikd compare --methods "${methods:1}" --seeds 0-7 --imbalance-factor 10 --label-noise "$noise" \
    --export "$BIKD_HOME/noise-$noise.json"
done
python -m bikd_core.toy.tables ratios "$here/ratios.json" "$BIKD_HOME"/noise-{0,0.4}.json
bikd compare --methods kd,bikd --reference kd --seeds 0-7 --imbalance-factor 50 \
  --export "$BIKD_HOME/biases.json"
python -m bikd_core.toy.tables biases "$here/biases.json" "$BIKD_HOME/biases.json"
