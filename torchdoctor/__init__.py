"""The doctor for PyTorch code.

    import torchdoctor

    report = torchdoctor.lint("src", "train.py")          # files and folders
    report = torchdoctor.lint(text=source)                # or one text
    for finding in report:
        print(finding.at, finding.rule, finding.message)

    print(torchdoctor.explain("bare-grad-context"))       # a rule's page, as Markdown

    torchdoctor.install()                                 # explain what ends the program, after its traceback
    with torchdoctor.explaining():                        # the same for what somebody catches
        ...
    findings = torchdoctor.explain(exception)             # the same as data

    torchdoctor.check_model(model, batch, loss)           # in a test: all that a model must be able to do

    with torchdoctor.watch("runs/first"):                 # memory and time of a training, step by step
        train()

    with torchdoctor.profile():                           # what some steps of the loop spend their time on
        ...

Importing the package loads nothing: each name is loaded when it is first asked for.

PYTEST_DONT_REWRITE: a word for pytest, which else warns of a plugin's package that is loaded before it.
"""

from __future__ import annotations

import sys
from types import ModuleType

__version__ = "0.1.0"
TYPE_CHECKING = False  # checkers take it for true; `typing` takes longer to load than all the rest
__all__ = [
    "Finding",
    "GuardViolated",
    "ModelCheckFailed",
    "Report",
    "__version__",
    "check_model",
    "explain",
    "explaining",
    "guard",
    "install",
    "lint",
    "profile",
    "uninstall",
    "watch",
    "watch_loaders",
]

if TYPE_CHECKING:
    from torchdoctor.faces.check_model import ModelCheckFailed as ModelCheckFailed
    from torchdoctor.faces.check_model import check_model as check_model
    from torchdoctor.faces.explaining import explaining as explaining
    from torchdoctor.faces.guards import GuardViolated as GuardViolated
    from torchdoctor.faces.guards import guard as guard
    from torchdoctor.faces.hooks import install as install
    from torchdoctor.faces.hooks import uninstall as uninstall
    from torchdoctor.faces.profiling import profile as profile
    from torchdoctor.faces.python import explain as explain
    from torchdoctor.faces.python import lint as lint
    from torchdoctor.faces.watching import watch as watch
    from torchdoctor.finding import Finding as Finding
    from torchdoctor.probes.loading import watch_loaders as watch_loaders
    from torchdoctor.project.report import Report as Report

_HOMES = {
    "check_model": "torchdoctor.faces.check_model",
    "ModelCheckFailed": "torchdoctor.faces.check_model",
    "guard": "torchdoctor.faces.guards",
    "GuardViolated": "torchdoctor.faces.guards",
    "lint": "torchdoctor.faces.python",
    "explain": "torchdoctor.faces.python",
    "Finding": "torchdoctor.finding",
    "Report": "torchdoctor.project.report",
    "install": "torchdoctor.faces.hooks",
    "uninstall": "torchdoctor.faces.hooks",
    "explaining": "torchdoctor.faces.explaining",
    "watch": "torchdoctor.faces.watching",
    "profile": "torchdoctor.faces.profiling",
    "watch_loaders": "torchdoctor.probes.loading",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """``torchdoctor.lint`` is the function, also after the submodule of that name was loaded.

    The import system sets a loaded submodule as an attribute of its package; here the function keeps the name, and
    ``from torchdoctor.lint import ...`` reads the module all the same.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
