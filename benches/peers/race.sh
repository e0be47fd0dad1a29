#!/usr/bin/env bash
# Moyal's Langevin programs, from text to number, and JAX in turns: `benches/peers/race.sh` (makes a Python environment of its own under
# target/).
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --quiet
peers=target/peers
[ -d "$peers" ] || { python3 -m venv "$peers" && "$peers/bin/pip" install --quiet jax==0.10.2 diffrax==0.7.2; }
moyal() {
    local begin end
    begin=$(date +%s%N)
    target/release/moyal run "benches/models/$1.moy" >/dev/null
    end=$(date +%s%N)
    awk -v name="$1" -v ns=$((end - begin)) 'BEGIN { printf "Moyal, %s: %.3e steps/s, checking and compiling included\n", name, 1e17 / ns }'
}
for round in 1 2 3; do
    for program in complex_langevin double_well; do
        moyal "$program"
        echo "JAX, $("$peers/bin/python" benches/peers/langevin.py "$program")"
    done
done
echo "$("$peers/bin/python" benches/peers/langevin.py diffrax)"
