"""A checkpoint that names a class or a module which this program does not have: a whole model was pickled."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Can't get attribute '{name:w}' on <module '{module:w}'",
    "No module named '{module:w}'",
    raises=("AttributeError", "ModuleNotFoundError"),
    plain=False,
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Only under `torch.load`: an import elsewhere fails with the same words."""
    if not failure.calls("torch.load"):
        return
    name, module = said["name"], said["module"]
    file = next((one for one in failure.files if one.exists), None)
    where = f"`{file.path}`" if file is not None else "the checkpoint"
    missing = f"the class `{name}` of `{module}`" if name else f"the module `{module}`"
    yield Diagnosis(
        f"{where} holds a whole object, and asks for {missing}, which this program does not have",
        cures=(
            "save and load the state alone: `torch.save(model.state_dict(), path)`, where the old code still runs",
            f"define or import `{name}` in the script that is run, before loading"
            if module == "__main__"
            else (
                f"put the old code where `import {module}` finds it, or map it: `sys.modules[{module!r}] = new_module`"
            ),
        ),
    )
