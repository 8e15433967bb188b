# Shared by the scripts (sourced): where things are, how they speak and fail.
set -euo pipefail
script_name=${0##*/}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/versions"
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/gyre
libtorch_dir=$cache/libtorch-$TORCH_VERSION
cuda_dir=$cache/cuda-$CUDA_NVCC_VERSION

say() { printf '%s: %s\n' "$script_name" "$*" >&2; }

# die STATUS MESSAGE: 2 usage, 4 something is missing (a download, a tool), 1 anything else.
die() {
  local status=$1
  shift
  say "$*"
  exit "$status"
}

# Runs the rest of the script with the lock NAME held, so that two clones never install at once. Released at exit.
lock() {
  mkdir -p "$cache"
  exec 9>"$cache/$1.lock"
  flock -n 9 || { say "another process is installing $1; waiting for it"; flock 9; }
}

# A new folder inside the cache, removed at exit; left-overs of killed attempts go first (call with the lock held).
make_work_folder() {
  rm -rf "$cache"/.work-"$1"-*
  work=$(mktemp -d "$cache/.work-$1-XXXXXX")
  trap 'rm -rf "$work"' EXIT
}

# need_space MIB FOLDER
need_space() {
  local free
  free=$(df -Pm "$2" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$1" ] || die 6 "$2 has $free MiB free, $1 MiB are needed; free some, or set XDG_CACHE_HOME"
}

# download FOLDER REQUIREMENT...: wheels from PyPI (or what pip is configured to use), whole and with the pinned hash.
download() {
  local folder=$1 line
  shift
  printf '%s\n' "$@" > "$folder/requirements.txt"
  python3 -m pip download --quiet --no-cache-dir --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version "$TORCH_PYTHON" --implementation cp \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --dest "$folder" --requirement "$folder/requirements.txt" ||
    die 4 "could not download $(printf '%s ' "$@" | sed 's/ --hash=[^ ]*//g')- is there a network? (pip's own message is above)"
}

build_jobs() {
  # A compile of Torch's headers takes up to 2 GiB.
  local memory cores
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ { print int($2 / 1048576 / 2) }' /proc/meminfo)
  echo $((memory < 1 ? 1 : memory < cores ? memory : cores))
}
