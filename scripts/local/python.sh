# Sourced by the wrappers in scripts/: sets PYTHON to a Python that can make environments, and PYTHONPATH to scripts/.
# Each candidate is run, because a command of that name may exist and not work (pyenv's shims, Apple's stubs).

works() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  if test -n "$PYTHON"; then
    works "$PYTHON" && export GATEWAY_PYTHON_NAMED=1 && return
    echo "PYTHON names $PYTHON, which is no Python 3.11 or newer with its venv module." >&2
    exit 1
  fi
  for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
    works "$candidate" && PYTHON=$candidate && return
  done
  echo "Python 3.11 or newer with its venv module is needed; install it, or name it: PYTHON=/path/to/python3 $0" >&2
  exit 1
}

# A Python that the user named replaces the one that the environments were made with; one that was found does not.
find_python
PYTHONPATH=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
export PYTHONPATH
unset PYTHONHOME
