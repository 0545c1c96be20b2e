# Sourced by ./run, ./test and .ci/run: makes .venv and keeps it up to date. POSIX shell.
#
# `.venv/inception-jax` is the stamp: "incomplete" while an installation is under way, then two lines, what the
# environment was made from and how much of it is there (0 to run, 1 to test, 2 to test everything).

stamp=.venv/inception-jax
torch='torch==2.13.0+cpu' # The CPU build: the default index would add gigabytes of CUDA.
[ "$(uname)" != Darwin ] || torch='torch==2.13.0'

say() {
    printf '%s\n' "$@" >&2
}

fail() {
    say "$@"
    exit 1
}

version_of() { # The version of a Python that runs and is new enough; otherwise nothing.
    "$1" -c 'import sys
if sys.version_info >= (3, 11): print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || true
}

find_python() { # Sets $python.
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3 python3.13 python3.12 python3.11; fi
    without_venv=''
    for python; do
        [ -n "$(version_of "$python")" ] || continue
        if "$python" -c 'import ensurepip, venv' 2>/dev/null; then return; fi
        without_venv=$python
    done
    [ -z "$without_venv" ] || fail \
        "$without_venv cannot make virtual environments: its modules venv and ensurepip are missing." \
        "Install them (Debian, Ubuntu: apt install python3-venv), or set PYTHON to another Python 3.11 or newer."
    fail "Python 3.11 or newer is needed, and none of these is one that runs: $*" \
        "Install it, or set PYTHON to the path of one."
}

made_from() { # What an environment depends on: a change of any of it means installing again.
    printf '%s %s %s' "$1" "$(cksum <pyproject.toml)" "$PWD"
}

install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

install_frameworks() { # Wanted, not needed: their tests skip where there is no build for this Python.
    if install "$torch" 2>/dev/null ||
        install "$torch" --retries 1 --extra-index-url https://download.pytorch.org/whl/cpu; then
        install -e '.[test,docs,notebooks,frameworks]'
    else
        say "$torch could not be installed; tests that need PyTorch or TensorFlow will be skipped."
        install -e '.[test,docs,notebooks]'
    fi
}

set_up() { # set_up LEVEL: after this, .venv/bin/python has everything that LEVEL needs.
    level=$1 have='' have_level=-1 version=''
    [ ! -e .venv ] || [ -e "$stamp" ] || fail \
        ".venv was not made by this script. Move it away, or use it yourself: pip install -e ."
    [ ! -e "$stamp" ] || { read -r have && read -r have_level; } <"$stamp" || have_level=-1
    [ ! -e "$stamp" ] || version=$(version_of .venv/bin/python)
    [ -z "$version" ] || [ -z "${PYTHON:-}" ] || version=$(version_of "$PYTHON")
    if [ "$have" = "$(made_from "$version")" ] && [ "$have_level" -ge "$level" ]; then return; fi

    [ "$level" -ge "$have_level" ] || level=$have_level
    if [ -n "$version" ] && [ "${have%% *}" = "$version" ]; then
        say "Bringing .venv up to date."
        echo incomplete >"$stamp"
    else # Nothing there, another Python, or an installation that never finished.
        find_python
        [ "$level" -eq 2 ] && size='4 GB' || size='1.3 GB'
        say "Setting up .venv with $python ($(version_of "$python")), which takes $size." \
            "Installing the packages takes one to three minutes on a fast connection; meanwhile, nothing is printed."
        rm -rf .venv
        mkdir .venv && echo incomplete >"$stamp"
        "$python" -m venv .venv || fail "$python could not make a virtual environment."
    fi
    case $level in
    0) install -e . ;;
    1) install -e '.[test]' ;;
    2) install_frameworks ;;
    esac || fail "Installing the packages failed, see above. The same command starts afresh."
    made_from "$(version_of .venv/bin/python)" >"$stamp.new"
    printf '\n%s\n' "$level" >>"$stamp.new"
    mv "$stamp.new" "$stamp"
}
