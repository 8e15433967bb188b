# Sourced by the tests of the scripts. $1 is the source folder; $tree is a fresh folder, removed at exit.
set -euo pipefail
source_folder=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# expect STATUS TEXT COMMAND...: the command exits with STATUS and its output contains TEXT.
expect() {
  local status=0 expected=$1 text=$2 output
  shift 2
  output=$("$@" 2>&1) || status=$?
  if [ "$status" != "$expected" ] || [[ $output != *"$text"* ]]; then
    printf 'FAILED: %s\nexpected status %s and "%s"; got status %s and:\n%s\n' "$*" "$expected" "$text" "$status" "$output"
    exit 1
  fi
}
