#!/bin/sh
# Install the model server and its model under ${DESTDIR:-}/opt/model-server:
#   bin/model-server  venv/  model/<version>/model.onnx  model_server/  locale/
# The Dockerfile runs it; run by hand it makes the same tree anywhere. The tree can be moved, this
# directory is never written to, and `uv` must be on PATH.
set -eu
# Another user runs what is installed here, so the modes are not those of who installs it.
umask 022

fail() {
  echo "build.sh: $1" >&2
  exit 1
}

source=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
command -v uv >/dev/null || fail "uv is not on PATH; install it (https://docs.astral.sh/uv/) and try again."
python=$(python3 -c 'import sys; print(sys.executable)') || fail "python3 is not on PATH."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Copies, because hard links neither cross file systems nor stay the image's own.
export UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
export PYTHONDONTWRITEBYTECODE=1
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME UV_PROJECT UV_WORKING_DIR

# install <directory> <uv sync option>...: the locked packages, exactly, as a virtual environment.
install() {
  directory=$1
  shift
  UV_PROJECT_ENVIRONMENT=$directory \
    uv sync --quiet --project "$source" --python "$python" --frozen "$@"
}

mkdir -p "${DESTDIR:-/}"
root=$(CDPATH='' cd -- "${DESTDIR:-/}" && pwd -P)
installed=${root%/}/opt/model-server
# Beside what may be there, which works until this is whole.
target=$installed.unfinished
rm -rf "$target"
trap 'rm -rf "$work" "$target"' EXIT
mkdir -p "$target/bin"

# Operators on text want the locale en_US.UTF-8. glibc's own C.UTF-8 has the same letters, and is in
# every Debian.
if [ -d /usr/lib/locale/C.utf8 ]; then
  mkdir "$target/locale"
  cp -RL /usr/lib/locale/C.utf8 "$target/locale/en_US.utf8"
else
  echo "build.sh: /usr/lib/locale/C.utf8 is not there; models that work on text may not load" >&2
fi

# What comes into the image: $MODEL, or model/, or what train.py makes.
if [ -n "${MODEL:-}" ]; then
  model=$source/$MODEL
  case $MODEL/ in /* | ../* | */../*) inside= ;; *) inside=yes ;; esac
  [ -n "$inside" ] && [ -e "$model" ] || fail "MODEL is $MODEL; give the path of a model in $source, from there on."
elif [ -e "$source/model" ] || [ -L "$source/model" ]; then
  model=$source/model
else
  echo "build.sh: training the model"
  model=$work/model
  install "$work/train" --only-group train
  mkdir "$model"
  "$work/train/bin/python" -P "$source/train.py" "$model"
fi
[ "$model" = "$work/model" ] || echo "build.sh: taking the model from ${model#"$source/"}"
groups=$("$python" -P "$source/formats.py" "$model") || exit 1
converter=$python
if [ -n "$groups" ]; then
  echo "build.sh: installing what converts it"
  # shellcheck disable=SC2086 # one option for each word
  install "$work/convert" $groups
  converter=$work/convert/bin/python
fi
PYTHONPATH=$source LOCPATH=$target/locale "$converter" -P -m convert "$model" "$target/model"

echo "build.sh: installing the server"
install "$target/venv" --no-dev --compile-bytecode
cp -R "$source/model_server" "$target/model_server"
rm -rf "$target/model_server/__pycache__"
"$target/venv/bin/python" -m compileall -q "$target/model_server"

cat >"$target/bin/model-server" <<'WRAPPER'
#!/bin/sh
# Start the server that lies beside this file, wherever the tree was put.
trap 'exit 0' TERM
home=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
export PYTHONPATH="$home" PYTHONDONTWRITEBYTECODE=1
[ ! -d "$home/locale" ] || export LOCPATH="$home/locale"
# The first process of a container loses what it does not handle; blocked, SIGTERM waits until Python
# does.
exec env --block-signal=TERM "$home/venv/bin/python" -P -m model_server "$@"
WRAPPER
chmod 755 "$target/bin/model-server"

# Nobody activates the environment, and uv's lock is writable for everybody.
rm -f "$target/venv/.lock" "$target"/venv/bin/*activate*
chmod -R u+rwX,go+rX,go-w "$target"

echo "build.sh: checking that the model can be served"
env -i PATH="$PATH" "$target/bin/model-server" --check
rm -rf "$installed"
mv "$target" "$installed"
echo "build.sh: done, $installed"
