"""A module without a forward: misspelt, indented wrongly, or a container that is no layer."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built


@on_failure('Module [{type:w}] is missing the required "forward" function', raises="NotImplementedError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The names of the class's methods show a misspelt one."""
    kind = said["type"]
    module = failure.module if failure.module is not None and failure.module.type == kind else None
    if module is None:
        module = next((v.module for v in failure.values if v.module is not None and v.module.type == kind), None)
    where = failure.layer_text(module, f"`{kind}`")
    if kind in ("ModuleList", "ModuleDict", "ParameterList", "ParameterDict"):
        many = "`for layer in layers: x = layer(x)`" if kind == "ModuleList" else "`layers[name](x)`"
        yield Diagnosis(
            f"{where} is a {kind}: it holds layers and is none, so it cannot be called",
            cures=(
                many,
                *(("`nn.Sequential(*layers)`, which calls one after the other",) if kind == "ModuleList" else ()),
            ),
            roots=built(module, "the list is made here"),
        )
        return
    methods = [name for name in module.own if name not in module.children] if module is not None else []
    near = difflib.get_close_matches("forward", methods, 1, 0.6)
    others = [name for name in ("call", "__call__", "predict", "encode", "run") if name in methods]
    if near:
        yield Diagnosis(
            f"the class `{kind}` has no `forward`, and has `{near[0]}`", (f"`def forward` instead of `def {near[0]}`",)
        )
    elif others:
        yield Diagnosis(
            f"the class `{kind}` has no `forward`, and has `{others[0]}`",
            (f"`def forward` instead of `def {others[0]}`",),
        )
    else:
        yield Diagnosis(
            f"the class `{kind}` has no `forward`",
            (f"`def forward(self, x):` in `{kind}`, at the level of `__init__`: further in it is a local function",),
        )
