# Sourced by the benches that run MagScope, in the root of the repository: sets `python`, which has magscope, and
# `missing`, the libraries that Qt needs to draw under X and that are not there.
#
# It comes from PyPI, into target/. MAGSCOPE_PYTHON names another Python that has it.
venv=target/bench-magscope
python=${MAGSCOPE_PYTHON:-$venv/bin/python}

if [[ -z ${MAGSCOPE_PYTHON:-} ]] && ! "$python" -c 'import magscope' 2>/dev/null; then
    echo "installing magscope into $venv" >&2
    python3 -m venv --clear "$venv"
    "$python" -m pip install --quiet --disable-pip-version-check magscope==1.0.0
fi
plugin=$("$python" -c 'import PyQt6, os; print(os.path.join(os.path.dirname(PyQt6.__file__), "Qt6/plugins/platforms/libqxcb.so"))')
missing=$(ldd "$plugin" | sed -n 's/ => not found//p' | tr -d '\t' | sort -u | tr "\n" " ")
