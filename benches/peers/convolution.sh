#!/usr/bin/env bash
# Moyal's periodic convolutions and PyTorch's (oneDNN's) in turns, on one thread: `benches/peers/convolution.sh` (makes a Python
# environment of its own under target/; `PYTHON=…` takes one that has torch). The processor's milliseconds for one convolution; for
# Moyal what twenty more of them cost the whole program, a twentieth.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --quiet
python=${PYTHON:-target/peers_torch/bin/python}
[ -x "$python" ] || { python3 -m venv target/peers_torch && target/peers_torch/bin/pip install --quiet torch==2.15.0; }
seconds() {
    local TIMEFORMAT='%U %S'
    { time target/release/moyal run benches/models/convolution.moy --threads 1 --quiet "$@" >/dev/null; } 2>&1 | awk '{ print $1 + $2 }'
}
for shape in "16 64 64" "32 32 64" "8 128 64"; do
    read -r L n batch <<<"$shape"
    moyal=1e9 torch=1e9
    for round in 1 2 3; do
        few=$(seconds --L "$L" --n "$n" --batch "$batch" --turns 1)
        many=$(seconds --L "$L" --n "$n" --batch "$batch" --turns 21)
        moyal=$(awk -v best="$moyal" -v few="$few" -v many="$many" 'BEGIN { ms = (many - few) * 50; print ms < best ? ms : best }')
        peer=$("$python" benches/peers/convolution.py "$L" "$n" "$batch")
        torch=$(awk -v best="$torch" -v ms="$peer" 'BEGIN { print ms < best ? ms : best }')
    done
    awk -v shape="$batch fields of $L×$L, $n channels" -v moyal="$moyal" -v torch="$torch" \
        'BEGIN { printf "%s: Moyal %.2f ms, oneDNN %.2f ms, ratio %.2f\n", shape, moyal, torch, torch / moyal }'
done
