#!/usr/bin/env bash
# Moyal's Langevin programs, from text to number, JAX and diffrax in turns: `benches/peers/race.sh [ROUNDS]` (makes a Python environment of its own
# under target/, or takes that of $PEERS).
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --quiet
peers=${PEERS:-target/peers}
[ -d "$peers" ] || { python3 -m venv "$peers" && "$peers/bin/pip" install --quiet jax==0.10.2 diffrax==0.7.2; }
# The program with its params, and how many steps (of fields: of sites) it makes.
moyal() {
    local name=$1 steps=$2 begin end
    shift 2
    begin=$(date +%s%N)
    target/release/moyal run "benches/models/$1" "${@:2}" >/dev/null
    end=$(date +%s%N)
    awk -v name="$name" -v steps="$steps" -v ns=$((end - begin)) \
        'BEGIN { printf "moyal, %s: %.3e steps/s, checking and compiling included\n", name, 1e9 * steps / ns }'
}
for round in $(seq "${1:-3}"); do
    for name in complex_langevin double_well fields large_field million_paths; do
        case $name in
        fields) moyal $name 131072000 field_langevin.moy ;;
        large_field) moyal $name 104857600 field_langevin.moy --L 1024 --chains 1 --steps 100 ;;
        million_paths) moyal $name 1000000000 million_paths.moy ;;
        *) moyal $name 100000000 $name.moy ;;
        esac
        for peer in jax diffrax; do "$peers/bin/python" benches/peers/langevin.py $peer $name; done
    done
done
