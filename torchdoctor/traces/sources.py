"""Whose code a frame in a trace is. Its path lacks the folder that Python found it in: ``torch/nn/functional.py``."""

from __future__ import annotations

import re
import sys
from functools import lru_cache

from torchdoctor.pasted.packages import package_of
from torchdoctor.trace_record import Place

_FRAME = re.compile(r"(?P<path>.+)\((?P<line>\d+)\): (?P<function>.+)")
# What trains with torch, or is used by what does: their frames are not the user's.
_LIBRARIES = frozenset(
    """
    IPython PIL _pytest accelerate aiohttp albumentations apex attr attrs beartype bitsandbytes boto3
    botocore click comet_ml composer cupy cv2 datasets debugpy deepspeed detectron2 dgl diffusers
    einops fabric fastai ffcv flash_attn fsspec functorch gcsfs gym gymnasium h5py huggingface_hub
    hydra ignite imageio ipykernel jaxtyping kornia lightning lightning_fabric lightning_utilities
    matplotlib megatron mlflow mmcv mmdet mmengine mmseg monai numba numpy nvidia omegaconf pandas
    peft pluggy polars pyarrow pydantic pydevd pytest pytorch_lightning ray requests rich runpy s3fs
    safetensors scipy segmentation_models_pytorch sentence_transformers skimage sklearn stable_baselines3
    tensorboard tensorboardX timm tokenizers torch torch_geometric torch_scatter torch_sparse torchao
    torchaudio torchdata torchdoctor torchmetrics torchtext torchtitan torchtune torchvision tornado
    tqdm traitlets transformers triton trl typer ultralytics urllib3 vllm wandb webdataset xformers
    yaml zarr
    """.split()  # noqa: SIM905 - a list of a hundred lines says no more
)
_STANDARD = frozenset(sys.stdlib_module_names) | {"_distutils_hack"}


@lru_cache(maxsize=65536)
def place_of(name: str) -> Place | None:
    """The place that a frame's name tells: ``train.py(12): step``; None of what is no frame of Python code."""
    found = _FRAME.fullmatch(name)
    return Place(found["path"], int(found["line"]), found["function"]) if found else None


@lru_cache(maxsize=65536)
def users(path: str) -> bool:
    """Whether a path is of the user's own code, as far as one can tell."""
    if path.startswith("<") or package_of(path):
        return path.startswith("<ipython-input")
    first, slash, _ = path.replace("\\", "/").partition("/")
    if not slash:
        first = first.removesuffix(".py")
    return bool(first == "" or (first not in _LIBRARIES and first not in _STANDARD))
