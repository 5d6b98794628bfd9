#!/usr/bin/env bash
# tests/integration/install_test.sh: `make install` puts what it takes to run weir into DESTDIR and PREFIX,
# and nothing else; what is there runs without the tree that it was built in. `make` has been called before.
set -euo pipefail
cd "$(dirname "$0")/../.."
unshare --mount true 2>/dev/null || { echo "mount namespaces need root"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

install_to() { # FOLDER [VARIABLE=VALUE…]
  make --silent --old-file=weir install DESTDIR="$@" >"$work/said" 2>&1 || { cat "$work/said"; exit 1; }
}
install_to "$work/usr" PREFIX=/usr
(cd "$work/usr" && find . -type f -printf '%m %P\n' | LC_ALL=C sort -k 2) >"$work/files"
diff "$work/files" - <<'FILES' || fail "these are not the files"
755 usr/bin/weir
644 usr/lib/systemd/system/weir.service
644 usr/lib/weir/libduckdb.so
644 usr/share/doc/weir/LICENSE
644 usr/share/doc/weir/weir.toml.example
FILES

# Where the tree is not to be seen, the program finds its libraries, and does what takes all of them.
mkdir "$work/empty"
seen() { # COMMAND…: with nothing in the place of the tree
  unshare --mount sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' - "$work/empty" "$PWD" "$@"
}
weir=$work/usr/usr/bin/weir
[[ $(cd / && seen "$weir" --version) == "$(build/weir --version)" ]] || fail "it does not run"
echo '2 123456789010 eni-1 10.0.0.1 10.0.0.2 80 5 6 1 40 1 2 ACCEPT OK' >"$work/one.log"
count=$(cd / && seen "$weir" query --from "$work/one.log" 'SELECT count(*) AS n FROM flow_logs' --output json) ||
  fail "it does not query"
[[ $(tr -d '[:space:]' <<<"$count") == '[{"n":1}]' ]] || fail "it counted: $count"

# Again over what is there, under another prefix: the unit starts what was installed.
install_to "$work/usr" PREFIX=/usr
install_to "$work/local"
grep -qx 'ExecStart=/usr/bin/weir up --config /etc/weir/weir.toml' "$work/usr/usr/lib/systemd/system/weir.service" ||
  fail "the unit starts something else"
grep -qx 'ExecStart=/usr/local/bin/weir up --config /etc/weir/weir.toml' \
  "$work/local/usr/local/lib/systemd/system/weir.service" || fail "the unit does not know its prefix"
if command -v systemd-analyze >/dev/null; then
  unit=$work/local/usr/local/lib/systemd/system/weir.service
  sed -i "s|/usr/local/bin/weir|$work/local&|" "$unit"
  systemd-analyze verify --man=no "$unit" 2>&1 | tee "$work/verified" | grep -F "weir.service" && fail "the unit is wrong"
fi
echo "$(wc -l <"$work/files") files"
