"""The first code in a process that ``torchdoctor run`` has started: it hooks in and leaves no other trace.

Python imports a module of this name at start-up, before the script. The folder stands on PYTHONPATH for that moment
only: path and environment are put back to what the user has, and a ``sitecustomize`` of the user's own runs as well.
"""

import os
import sys
from importlib import import_module


def _restore() -> dict[str, str]:
    """Put path and environment back; returns what ``torchdoctor run`` has to say to us."""
    here = os.path.dirname(os.path.abspath(__file__))
    told = {name: value for name, value in os.environ.items() if name.startswith("TORCHDOCTOR_RUN_")}
    sys.path[:] = [path for path in sys.path if path != here]
    sys.path_importer_cache.pop(here, None)
    if _launches(told):
        return told
    for name in told:
        del os.environ[name]
    if "TORCHDOCTOR_RUN_PYTHONPATH" in told:
        os.environ["PYTHONPATH"] = told["TORCHDOCTOR_RUN_PYTHONPATH"]
    else:
        os.environ.pop("PYTHONPATH", None)
    return told


def _launches(told: dict[str, str]) -> bool:
    """Whether this process only starts the ranks, which are to find the environment as we have found it."""
    return "TORCHDOCTOR_RUN_PASS_ON" in told and "RANK" not in os.environ


def _hook_in(told: dict[str, str]) -> None:
    try:
        import torchdoctor
    except ImportError:  # it is not installed: it was run from a checkout
        sys.path.append(told["TORCHDOCTOR_RUN_ROOT"])
        import torchdoctor
    torchdoctor.install()
    if _launches(told):
        return
    if options := told.get("TORCHDOCTOR_RUN_PROFILE"):
        from torchdoctor.faces.profiling import profile_program

        profile_program(options)
    from pathlib import Path

    if report := told.get("TORCHDOCTOR_RUN_REPORT"):
        from torchdoctor.faces.telling import report_to

        report_to(Path(report))
    if snapshot := told.get("TORCHDOCTOR_RUN_MEMORY_SNAPSHOT"):
        from torchdoctor.faces.telling import snapshot_to

        snapshot_to(Path(snapshot))
    if folder := told.get("TORCHDOCTOR_RUN_WATCH"):
        from torchdoctor.faces.watching import watch_program

        watch_program(Path(folder))


def _users_own() -> None:
    """The module of this name that Python would have found without us."""
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import_module("sitecustomize")
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours


if "TORCHDOCTOR_RUN_ROOT" in os.environ:
    _told = _restore()
    try:
        _hook_in(_told)
    except Exception as fault:
        print(f"torchdoctor: cannot look after this program ({type(fault).__name__}: {fault})", file=sys.stderr)
    _users_own()
