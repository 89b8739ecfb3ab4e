"""A second backward through a graph whose saved tensors the first one has freed."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("Trying to backward through the graph a second time", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A tensor that a loop carries over, or the same loss twice; where neither is seen, what the text says."""
    graph = next((one for one in failure.graph if one.kind == "freed"), None)
    if graph is not None and set(graph.names) & set(graph.roots):
        name = next(name for name in graph.names if name in graph.roots)
        yield Diagnosis(
            f"`{name}` carries the graphs of earlier steps along, which their backward has freed",
            cures=(f"`backward()` of this step's own loss alone, and its `.item()` added to `{name}`",),
            roots=tuple(Root(value, f"`{name}` grows here", "grad") for value in _values(failure, (name,))),
        )
        return
    if graph is not None and graph.names:
        names = " and ".join(f"`{name}`" for name in graph.names[:2])
        one = len(graph.names) == 1
        yield Diagnosis(
            f"{names} still {'hangs' if one else 'hang'} on the graph of an earlier step, which its backward has freed",
            cures=tuple(f"`{name} = {name}.detach()` before it enters the next step" for name in graph.names[:2]),
            roots=tuple(Root(value, f"`{value.code}` is set here", "grad") for value in _values(failure, graph.names)),
        )
        return
    if graph is not None and graph.shared and graph.roots:
        names = " and ".join(f"`{name}`" for name in graph.shared[:2])
        cut = " and ".join(f"`{name}.detach()`" for name in graph.shared[:2])
        yield Diagnosis(
            f"`{graph.roots[0]}` and `{graph.spent}` are both computed from {names}, and the backward of "
            f"`{graph.spent}` has freed that graph",
            cures=(
                f"{cut} in what `{graph.spent}` is computed from, where it is not to train what made {names}",
                f"`{graph.spent}.backward(retain_graph=True)`, or one `backward()` of the sum, where it is",
            ),
            roots=tuple(
                Root(value, f"`{value.code}` is computed here", "grad") for value in _values(failure, graph.shared)
            ),
        )
        return
    if graph is not None and graph.roots:
        name = graph.roots[0]
        yield Diagnosis(
            f"a backward has been in the graph of `{name}` before, and has freed what it had saved there",
            cures=(
                f"add the losses and call `backward()` once, or compute `{name}` anew for each backward",
                "`backward(retain_graph=True)` in the first, if the same graph is truly wanted twice",
            ),
            roots=tuple(Root(value, f"`{name}` is made here", "grad") for value in _values(failure, (name,))),
        )
        return
    yield Diagnosis("backward went through a part of the graph that an earlier backward has freed")


def _values(failure: Failure, names: tuple[str, ...]) -> list[ValueRecord]:
    found = [failure.user.local(name) for name in names] if failure.user is not None else []
    return [value for value in found if value is not None]
