"""A checkpoint that holds more than tensors, under `weights_only=True`, the default since torch 2.6."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Unsupported global: GLOBAL {name:w} was not an allowed global by default",
    "Unsupported class {name:w}",
    raises="UnpicklingError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The class that the file asks for tells what was saved beside the tensors."""
    name = said["name"]
    file = next((one for one in failure.files if one.exists), None)
    where = f"`{file.path}`" if file is not None else "the checkpoint"
    own, safe = name.startswith("__main__."), False
    if name.startswith("torch.nn.modules") or own:
        what = f"an object of the class `{name}`" if own else f"a whole module (`{name.rpartition('.')[2]}`)"
        first = (
            "save what is plain: `torch.save(model.state_dict(), path)`, and load it into a model that is built anew"
        )
    elif name.startswith("numpy"):
        what = f"a number or array of NumPy (`{name}`)"
        first = "save plain numbers and tensors: `float(loss)`, `torch.from_numpy(array)`"
    elif name.endswith(("Namespace", "DictConfig", "ListConfig", "EasyDict")):
        what = f"settings (`{name}`)"
        safe = True
        first = "save settings as a plain dict: `vars(args)`, `OmegaConf.to_container(config)`"
    else:
        safe = True
        what, first = f"a `{name}`", "save what is plain: tensors, numbers, texts, dicts and lists of them"
    yield Diagnosis(
        f"{where} holds {what} beside tensors, and `weights_only=True`, the default since torch 2.6, loads none"[:200],
        cures=(
            "`torch.load(path, weights_only=False)`, only where you trust who wrote it: it runs code that the "
            "file holds",
            first,
            *((f"`torch.serialization.add_safe_globals([{name}])` before loading",) if safe else ()),
        ),
    )
