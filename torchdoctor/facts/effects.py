"""What is called for its effect: methods of models, optimizers and tensors, and functions of torch."""

from __future__ import annotations

# Methods by name, and what does not happen where one is named and not called.
METHODS = {
    "eval": "the model stays in its mode",
    "train": "the model stays in its mode",
    "zero_grad": "no gradient is cleared",
    "backward": "no gradient is computed",
    "step": "no step is made",
    "update": "nothing is updated",
    "unscale_": "no gradient is unscaled",
    "cuda": "nothing is moved",
    "cpu": "nothing is moved",
    "half": "nothing is converted",
    "bfloat16": "nothing is converted",
    "requires_grad_": "nothing changes",
    "detach_": "nothing is detached",
    "zero_": "nothing is filled",
    "set_epoch": "the order stays the same",
    "set_to_none": "nothing changes",
    "manual_backward": "no gradient is computed",
    "optimizer_step": "no step is made",
}
# Functions by full name, likewise.
FUNCTIONS = {
    "torch.cuda.empty_cache": "no memory is freed",
    "torch.cuda.synchronize": "nothing waits",
    "torch.cuda.reset_peak_memory_stats": "nothing is reset",
    "torch.distributed.barrier": "nothing waits",
    "torch.distributed.destroy_process_group": "the process group stays",
    "torch.use_deterministic_algorithms": "nothing changes",
    "torch.manual_seed": "nothing is seeded",
    "torch.seed": "nothing is seeded",
}
# Those that cannot be called without arguments.
NEEDS_ARGUMENTS = frozenset({"set_epoch", "unscale_", "manual_seed", "use_deterministic_algorithms", "manual_backward"})
