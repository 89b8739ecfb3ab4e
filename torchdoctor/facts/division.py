"""Whether data is divided among the processes of a job by what makes it: named after ranks, shards or world size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.origins import assigned, called_function, origins
from torchdoctor.facts.ranks import speaks_of_ranks
from torchdoctor.facts.tree import within

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_DEPTH = 4


def speaks_of_shards(identifier: str) -> bool:
    """Whether an identifier is about one part of many: `shard_id`, `num_shards`, `split_dataset_by_node`.

    A list of files called `shards` is not: that it exists does not say that it is divided.
    """
    low = identifier.lower()
    return low in ("shard", "split_by_node", "split_by_worker", "split_dataset_by_node") or any(
        word in low
        for word in ("shard_i", "num_shard", "n_shards", "nshards", "shard_n", "sharded", "shard_count", "partition_id")
    )


def may_be_divided(file: File, node: cst.BaseExpression, depth: int = _DEPTH) -> bool:
    """Whether anything that goes into the making of a value has a name of ranks or shards."""
    for origin in origins(file, node):
        for part in within(origin.node):
            if _speaks(part):
                return True
            if depth and isinstance(part, cst.Name) and part is not node:
                if any(may_be_divided(origin.file, value, depth - 1) for value in assigned(origin.file, part)):
                    return True
            if isinstance(part, cst.Call) and _is_dividing(origin.file, part):
                return True
    return False


def _speaks(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and (speaks_of_ranks(node.value) or speaks_of_shards(node.value))


def _is_dividing(file: File, call: cst.Call) -> bool:
    """Whether the project's function or class that is called has such a name anywhere in it."""
    name = file.name(call.func)
    found = called_function(file, call) or (defined(file, name) if name is not None else None)
    return found is not None and any(_speaks(node) for node in within(found[1]))
