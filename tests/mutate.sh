#!/usr/bin/env bash
# Mutates losses, hypergradients and long-tailed splits whole, and the store in 200 drawn places.
# Needs `pip install mutmut`; what is mutated, and by which tests it is killed: pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1

mutmut run --max-children 1 'bikd_core.losses.*' 'bikd_core.hypergradients.*' 'bikd_core.data.*'
mutmut results --all true | grep -o 'bikd_core\.store\.[^:]*' | LC_ALL=C sort |
  shuf -n 200 --random-source=<(yes) >mutants/drawn.txt
xargs mutmut run --max-children 1 <mutants/drawn.txt
# Names and ends of all that was tried; `mutmut show NAME` shows a mutant.
mutmut results --all true | grep -v 'bikd_core\.store\.'
mutmut results --all true | grep -F -f mutants/drawn.txt
