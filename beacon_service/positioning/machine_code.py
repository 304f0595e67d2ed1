"""Where the compiled arithmetic is got from, whatever the machine lets us keep of it."""

import atexit
import shutil
import sys
import tempfile
from functools import cache
from importlib import import_module
from types import ModuleType

_MODULE = "beacon_service.positioning.compiled"


@cache
def compiled() -> ModuleType:
    """Loaded when it is first needed: it takes a second and 130 MB, which a service without a survey can spare."""
    try:
        return import_module(_MODULE)
    except RuntimeError:  # Numba finds no folder that can be written
        _keep_apart()
        return import_module(_MODULE)


def compile_anew() -> None:
    """For this process alone, where what others have compiled cannot be read or written."""
    _keep_apart()
    sys.modules.pop(_MODULE, None)
    compiled.cache_clear()


def _keep_apart() -> None:
    folder = tempfile.mkdtemp(prefix="beacon-service-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    import_module("numba").config.CACHE_DIR = folder
