#!/usr/bin/env bash
# Makes the recorded runs beside this file: `assets/runs/make.sh`, with `bikd` on the PATH and
# BIKD_DATA naming a folder that holds cifar-10-batches-py. About ten minutes on two cores.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
BIKD_HOME=$(mktemp -d)
export BIKD_HOME
trap 'rm -rf "$BIKD_HOME"' EXIT

record() { # FILE NAME OPTIONS...: train a run and keep it with a panel of 120 images
  local file=$1 name=$2
  shift 2
  bikd run --name "$name" --json "$@" >/dev/null
  local id
  id=$(find "$BIKD_HOME/runs" -mindepth 1 -maxdepth 1 -newer "$BIKD_HOME/mark" -printf '%f\n')
  bikd export "$id" --output "$here/$file.zip" --max-images 120
  touch "$BIKD_HOME/mark"
}

mkdir -p "$BIKD_HOME"
touch "$BIKD_HOME/mark"
record 1-digits-bikd "Digits, factor 50: BiKD lifts the tail's weights" \
  --lens-epochs 2 30
record 2-digits-kd "Digits, factor 50: plain distillation, same seed" --method kd
record 3-digits-balanced "Digits, factor 1: nothing is rare, and BiKD finds little to lift" \
  --imbalance-factor 1 --epochs 40
cifar=(--dataset cifar10 --imbalance-factor 50 --head-count 500 --val-per-class 30
  --test-per-class 200 --teacher-model resnet14 --batch-size 50 --epochs 24)
bikd teacher "${cifar[@]}" >/dev/null
touch "$BIKD_HOME/mark"
record 4-cifar10-bikd "CIFAR-10-LT, factor 50: ResNet-14 teaches ResNet-8" "${cifar[@]}" \
  --student resnet8 --lens-epochs 2

# The first row of the README's table, without its class biases.
record 5-digits-strongest "Digits, factor 50: the strongest form, BiKD over Balanced LTKD" \
  --method bikd --over balanced_ltkd --weight-scale relative --meta-loss hard --inner-steps 1 \
  --weight-form free --no-cross-fit --learning-rate 0.0753 --weight-decay 1e-05 \
  --temperature 3.16 --weight-net-learning-rate 0.00254 --lens-epochs 2 30

# The first page's picture, which the server sends within the page.
(cd "$here/../.." && python -m app.home.first_picture)
