#!/usr/bin/env bash
# Installs what a fresh Debian or Ubuntu machine lacks, then the locked Python and JavaScript packages, and builds
# the editor. Idempotent: each step looks first, and a finished step leaves a stamp. Usage: setup.sh run|test|bench
set -euo pipefail
cd "$(dirname "$0")/.."
want=${1:-run}

say() { printf '\033[1m== %s\033[0m\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# ---- system packages ------------------------------------------------------------------------------------------
packages=()
python=""
for candidate in python3.13 python3.12 python3.11 python3; do
  if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || packages+=(python3)
if [ -z "$python" ] || ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then packages+=(python3-venv); fi
ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1 || packages+=(postgresql-postgis)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || packages+=(postgresql)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
if [ "$want" != run ]; then
  if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
    packages+=(chromium)
  fi
  # Playwright's own Node.js is linked to it, and a slim machine lacks it.
  [ -n "$(find /usr/lib /lib -name libatomic.so.1 -print -quit 2>/dev/null)" ] || packages+=(libatomic1)
  # Spark 4 needs Java 17 or newer.
  java=$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p' || true)
  [ "${java:-0}" -ge 17 ] || packages+=(openjdk-17-jre-headless)
  [ -n "$(find /usr/share/fonts -iname '*CJK*' -print -quit 2>/dev/null)" ] || packages+=(fonts-noto-cjk)
fi
if [ ${#packages[@]} -gt 0 ]; then
  say "installing system packages: ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # Debian starts a cluster of its own on port 5432 when PostgreSQL is installed; OneGrid keeps a private one.
  conf=/etc/postgresql-common/createcluster.d/onegrid-setup.conf
  as_root apt-get update -q
  # Ubuntu's Chromium has another name, and comes as a snap.
  apt-cache show chromium >/dev/null 2>&1 || packages=("${packages[@]/chromium/chromium-browser}")
  # Releases with newer Java have no 17.
  apt-cache show openjdk-17-jre-headless >/dev/null 2>&1 || packages=("${packages[@]/openjdk-17-jre-headless/default-jre-headless}")
  if [[ " ${packages[*]} " == *" postgresql"* ]]; then
    as_root mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}"
  as_root rm -f "$conf"
fi
[ -n "$python" ] || python=python3

# ---- Python packages, locked with hashes ----------------------------------------------------------------------
case $want in
  run) lock=.setup/requirements.txt ;;
  test) lock=.setup/requirements-test.txt ;;
  bench) lock=.setup/requirements-bench.txt ;;
  *) echo "usage: setup.sh run|test|bench" >&2; exit 2 ;;
esac
[ -x .venv/bin/python ] || { say "making .venv"; "$python" -m venv .venv; }
# Each lock is a subset of the next, with the same versions: a wider stamp covers a narrower want.
stamp="$(sha256sum .setup/requirements*.txt pyproject.toml | sha256sum | cut -c1-16)"
have() { [ "$(cat ".venv/.stamp-$1" 2>/dev/null)" = "$stamp" ]; }
if ! { have "$want" || have bench || { [ "$want" = run ] && have test; }; }; then
  say "installing Python packages ($lock)"
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
  .venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
  echo "$stamp" > ".venv/.stamp-$want"
fi

# ---- the editor -------------------------------------------------------------------------------------------------
edstamp="$(cat maps/editor/package-lock.json | sha256sum | cut -c1-16)"
if [ "$(cat maps/editor/node_modules/.stamp 2>/dev/null)" != "$edstamp" ]; then
  say "installing the editor's JavaScript packages"
  # esbuild's own install step only swaps a shim for its binary, which is in the package: not needed.
  (cd maps/editor && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  echo "$edstamp" > maps/editor/node_modules/.stamp
fi
if [ ! -f maps/static/.built ] || [ -n "$(find maps/editor -path maps/editor/node_modules -prune -o -type f -newer maps/static/.built -print -quit)" ]; then
  say "building the editor"
  (cd maps/editor && node build.js)
  touch maps/static/.built
fi

# ---- compiled loops ---------------------------------------------------------------------------------------------
if [ ! -f .venv/.warm ] || [ -n "$(find geo -name '*.py' -newer .venv/.warm -print -quit)" ]; then
  say "compiling the kernel"
  # numba looks only at the file of a function, not at those of the functions that it calls; and two processes that
  # compile one function for different arguments at once can mix their files up: afterwards nothing is left to compile.
  find geo -name '*.nb[ic]' -delete
  .venv/bin/python -m geo.assignment
  .venv/bin/python -m geo.circles
  .venv/bin/python -m geo.coverage
  .venv/bin/python -m geo.partition
  touch .venv/.warm
fi
