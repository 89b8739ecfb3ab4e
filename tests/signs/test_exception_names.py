"""What is known of exceptions by their names: it is what torch says, and a pasted text meets the same signs."""

from __future__ import annotations

from importlib import import_module

import pytest

from torchdoctor.exception_names import _BASES, bases_of
from torchdoctor.pasted import failures_in
from torchdoctor.record import ExceptionRecord, Failure
from torchdoctor.sign import Sign, all_signs

pytest.importorskip("torch")

HOMES = [
    vars(import_module(name))
    for name in (
        "torch", "torch._C", "torch.cuda", "torch.distributed", "torch.autograd.gradcheck", "torch._dynamo.exc",
        "torch._inductor.exc", "torch.fx.experimental.symbolic_shapes", "torch.jit.frontend",
        "torch.multiprocessing.spawn", "torch.onnx.errors", "pickle",
    )
]  # fmt: skip
BUILT_IN = ("NotImplementedError", "IndexError", "ModuleNotFoundError", "FileNotFoundError", "ConnectionResetError")


@pytest.mark.parametrize("name", sorted(_BASES))
def test_bases_are_torch_s_own(name: str) -> None:
    alias = {"LinAlgError": "_LinAlgError"}.get(name, name)
    kind = next((home[alias] for home in HOMES if isinstance(home.get(alias), type)), None)
    if kind is None:
        pytest.skip("a class of C++, or of a build of torch or a release that this is not")
    plain = (Exception, BaseException, object)
    assert bases_of(name) == tuple(one.__name__ for one in kind.__mro__[1:] if one not in plain)


def test_built_in_and_unknown_classes() -> None:
    assert bases_of("ConnectionResetError")[:2] == ("ConnectionError", "OSError")
    assert bases_of("print") == bases_of("OfTheUser") == bases_of("") == ()


@pytest.mark.parametrize("sign", [sign for sign in all_signs() if sign.raises], ids=lambda sign: str(sign.rule))
def test_a_derived_exception_meets_the_sign_in_pasted_text(sign: Sign) -> None:
    derived = [name for name in (*_BASES, *BUILT_IN) if {name, *bases_of(name)} & sign.raises]
    for name in [*sorted(sign.raises), *derived]:
        live = Failure(ExceptionRecord(name, "boom", (*bases_of(name), "Exception")), origin="live", blame="torch")
        assert live.exception.is_a(*sign.raises)
        assert live.as_text().exception.is_a(*sign.raises), name
        if "::" in name:
            continue  # an exception of C++ ends a program without Python's traceback
        (pasted,) = failures_in(
            f'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n{name}: boom\n'
        )
        assert pasted.exception.is_a(*sign.raises), name
