"""What a kernel does, by its name: its family, whether tensor cores do it, in which number format.

The names are those of cuBLAS, cuDNN, CUTLASS, Triton, ROCm and torch itself. Where a name does not tell, nothing is
claimed: newer libraries name kernels for their shape only ("nvjet_tst_128x64").
"""

from __future__ import annotations

import re

_FAMILIES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (family, re.compile(pattern, re.IGNORECASE))
    for family, pattern in (
        ("communication", r"nccl(Dev)?Kernel|ncclKernel|rccl|AllReduce|AllGather|ReduceScatter|oneshot_all|msccl"),
        ("optimizer", r"multi_tensor_apply|FusedAdam|FusedSgd|fused_adam|_foreach_|LAMB|ForeachFunctor"),
        ("attention", r"flash|fmha|attention|mha_(fwd|bwd)|efficient_attention|sdpa"),
        ("layout", r"nchwTo(Nhwc|Fold)|nhwcToNchw|foldedNhwc|transpose_readWrite|permute|batched_transpose|SubTensor"),
        ("convolution", r"conv|wgrad|dgrad|fprop|winograd|cudnn.*(gemm|xmma)|Im2Col|vol2col|miopen|igemm"),
        ("matmul", r"gemm|gemv|cutlass|xmma|cublas|nvjet|wgmma|Cijk_|dot_kernel|splitK|ck::.*Gemm|mma_sync|s1688"),
        ("softmax", r"softmax"),
        ("normalization", r"layer_?norm|batch_?norm|bn_(fw|bw)|group_?norm|rms_?norm|RowwiseMoments|GammaBeta|_norm_"),
        ("embedding", r"embedding|indexSelect|compute_grad_weight|krn_partial|sum_and_scatter"),
        ("indexing", r"index|gather|scatter|nonzero|masked|DeviceSelect|cub::.*(Scan|Select|Sort)|RadixSort|take"),
        ("dropout", r"dropout|distribution|philox|bernoulli|curand"),
        ("pooling", r"pool|upsample|interpolate|adaptive"),
        ("fused", r"^triton_(poi|per|red|tem|unk)|^triton_|^kernel_fused|fused_"),
        ("copy", r"direct_copy|copy_kernel|CatArray|LoadWithCast|StoreWithCast|unrolled_elementwise_kernel.*copy"),
        ("fill", r"FillFunctor|Memset|zero_|fill_kernel"),
        ("reduction", r"reduce|sum_functor|MeanOps|ArgMax|NormTwo|nll_loss|cross_entropy"),
        ("elementwise", r"elementwise|vectorized|pointwise|Functor|_kernel_impl|threshold|[rgs]elu|sigmoid"),
    )
)  # fmt: skip
# Fast paths of matrix units, and what runs on the ordinary ones.
_TENSOR = re.compile(
    r"tensorop|h?[s_]?(884|1688|16816|16832|161616)|(s|h|bf16_?|i)(884|1688|16816)|tf32|wgmma|gmma|hmma|xmma|bf16bf16|"
    r"fp16_\w*gemm|_f16|sm(90|100)_xmma|fp8|e4m3|nvjet|MFMA|MI16x16|MI32x32|flash|fmha",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    r"\b\w*(volta|ampere|maxwell|turing|hopper|sm\d+)_s?gemm_\d|(^|_)sgemm|simt|cgemm|dgemm|implicit_convolve_sgemm|"
    r"gemm_?sn_|gemmSN|scudnn|gemv",
    re.IGNORECASE,
)
_DTYPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("float64", re.compile(r"dgemm|\bdouble\b|f64|_d884|d16816", re.IGNORECASE)),
    ("tf32", re.compile(r"tf32|s1688", re.IGNORECASE)),
    ("bfloat16", re.compile(r"bf16|bfloat16", re.IGNORECASE)),
    ("float16", re.compile(r"fp16|_h\w*gemm|hgemm|h884|h1688|h16816|\bhalf\b|__half|c10::Half|_f16", re.IGNORECASE)),
    ("float8", re.compile(r"fp8|e4m3|e5m2", re.IGNORECASE)),
    ("float32", re.compile(r"sgemm|scudnn|<float|float,|_f32f32|fp32", re.IGNORECASE)),
)


def family(name: str) -> str:
    return next((family for family, pattern in _FAMILIES if pattern.search(name)), "other")


def tensor_cores(name: str) -> bool | None:
    """Of a matrix product or a convolution; None where the name does not tell."""
    if _TENSOR.search(name):
        return True
    return False if _PLAIN.search(name) else None


def dtype(name: str) -> str:
    return next((dtype for dtype, pattern in _DTYPES if pattern.search(name)), "")


_COPY = re.compile(r"(HtoD|DtoH|DtoD|HtoH|PtoP|HtoA|AtoH|CopyHostToDevice|CopyDeviceToHost|CopyDeviceToDevice)", re.I)
_COPIES = {"copyhosttodevice": "HtoD", "copydevicetohost": "DtoH", "copydevicetodevice": "DtoD"}


def copy_kind(name: str) -> str:
    """Of "Memcpy HtoD (Pageable -> Device)": "HtoD pageable"."""
    found = _COPY.search(name)
    way = _COPIES.get(found[1].lower(), found[1]) if found else "other"
    lower = name.lower()
    host = "pageable" if "pageable" in lower else "pinned" if "pinned" in lower else ""
    return f"{way} {host}".rstrip()
