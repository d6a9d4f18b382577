# Sourced by the other scripts: how they speak, and how they get what is missing.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
RUST_MIN=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
readonly ROOT RUST_MIN

# Colours only where somebody looks.
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' YELLOW=$'\e[33m' RED=$'\e[31m' CYAN=$'\e[36m' PLAIN=$'\e[0m'
else
    BOLD='' DIM='' GREEN='' YELLOW='' RED='' CYAN='' PLAIN=''
fi
# shellcheck disable=SC2034  # used by those who source this
readonly BOLD DIM GREEN YELLOW RED CYAN PLAIN

step() { printf '%s▸%s %s\n' "$CYAN$BOLD" "$PLAIN" "$*"; }
good() { printf '%s✓%s %s\n' "$GREEN" "$PLAIN" "$*"; }
warn() { printf '%s!%s %s\n' "$YELLOW" "$PLAIN" "$*" >&2; }
fail() {
    printf '%s✗%s %s\n' "$RED$BOLD" "$PLAIN" "$*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        fail "this needs root or sudo: $*"
    fi
}

apt_updated=no
apt_get() {
    local log
    log=$(mktemp)
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}
apt_update_once() {
    [ "$apt_updated" = no ] || return 0
    apt_get update
    apt_updated=yes
}

# need_commands COMMAND:PACKAGE… installs the packages of the commands that are not there.
need_commands() {
    local pair missing=()
    for pair in "$@"; do
        has "${pair%%:*}" || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    has apt-get || fail "please install: ${missing[*]} (only Debian and Ubuntu are set up by this script)"
    step "installing ${missing[*]}"
    apt_update_once
    # Word splitting is meant: a command may need several packages.
    # shellcheck disable=SC2068
    apt_get install --no-install-recommends ${missing[@]}
}

version_of_cargo() { cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9.]*\).*/\1/p'; }
at_least() { # VERSION MINIMUM
    [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}
candidate_of() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9:]*:\)\?\([0-9.]*\).*/\2/p'; }

# A Rust toolchain that is new enough: what is there, else rustup's, else the distribution's.
need_rust() {
    [ -d "$HOME/.cargo/bin" ] && PATH="$HOME/.cargo/bin:$PATH" && export PATH
    if at_least "$(version_of_cargo)" "$RUST_MIN"; then return 0; fi

    if ! has rustup && has apt-get; then
        apt_update_once
        if at_least "$(candidate_of cargo)" "$RUST_MIN"; then
            step "installing the distribution's Rust $(candidate_of cargo)"
            apt_get install --no-install-recommends cargo rustc rustfmt rust-clippy
        elif [ -n "$(candidate_of rustup)" ]; then
            step "installing rustup (the distribution's Rust is older than $RUST_MIN)"
            apt_get install --no-install-recommends rustup
        fi
        if at_least "$(version_of_cargo)" "$RUST_MIN"; then return 0; fi
    fi
    if ! has rustup; then
        # Neither package exists on this release: the Rust project's own installer, for this user only.
        need_commands 'curl:curl ca-certificates'
        step "installing rustup for $(id -un), with the Rust project's installer"
        curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs |
            sh -s -- -y --quiet --profile minimal --no-modify-path || no_rust
        PATH="$HOME/.cargo/bin:$PATH"
        export PATH
    fi
    step "installing the current stable Rust with rustup"
    rustup toolchain install stable --profile minimal --component clippy,rustfmt || no_rust
    export RUSTUP_TOOLCHAIN=stable
    at_least "$(version_of_cargo)" "$RUST_MIN" || no_rust
}
no_rust() {
    fail "Baton needs Rust $RUST_MIN or newer; found: $(version_of_cargo || true)${PLAIN}
  It could not be installed from here (no network to the Rust project?).
  Install rustup as rust-lang.org says, run 'rustup toolchain install stable', and start this again."
}

# Where cargo puts what it builds.
target_folder() {
    local folder=${CARGO_TARGET_DIR:-$ROOT/target}
    case $folder in /*) echo "$folder" ;; *) echo "$PWD/$folder" ;; esac
}
