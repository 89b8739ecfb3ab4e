"""What an exception is besides its own class, by its name: all that a pasted text gives of it."""

from __future__ import annotations

import builtins

_DYNAMO = ("TorchDynamoException", "RuntimeError")
_DIST = ("DistError", "RuntimeError")
# The classes of torch and of its neighbours, with their bases, nearest first. Python's own are asked themselves.
_BASES = {
    "AcceleratorError": ("RuntimeError",),
    "BackendCompilerFailed": ("ShortenTraceback", *_DYNAMO),
    "ConstraintViolationError": ("RuntimeError",),
    "CppCompileError": ("RuntimeError",),
    "CudaError": ("RuntimeError",),
    "DistBackendError": _DIST,
    "DistError": ("RuntimeError",),
    "DistNetworkError": _DIST,
    "DistStoreError": _DIST,
    "Error": ("RuntimeError",),  # c10::Error, as C++ names what Python calls RuntimeError
    "GradcheckError": ("RuntimeError",),
    "GuardOnDataDependentSymNode": ("RuntimeError",),
    "InductorError": ("BackendCompilerFailed", "ShortenTraceback", *_DYNAMO),
    "InternalTorchDynamoError": _DYNAMO,
    "InvalidBackend": _DYNAMO,
    "InvalidCxxCompiler": ("RuntimeError",),
    "LinAlgError": ("RuntimeError",),  # torch's, which calls itself torch._C._LinAlgError; NumPy's is a ValueError
    "LoweringException": ("OperatorIssue", "RuntimeError"),
    "NotSupportedError": ("FrontendError",),
    "OnnxExporterError": ("RuntimeError",),
    "OutOfMemoryError": ("RuntimeError",),
    "PicklingError": ("PickleError",),
    "ProcessExitedException": ("ProcessException",),
    "ProcessRaisedException": ("ProcessException",),
    "QueueEmptyError": ("DistStoreError", *_DIST),
    "RecompileError": _DYNAMO,
    "SymbolicValueError": ("OnnxExporterError", "RuntimeError"),
    "TorchDynamoException": ("RuntimeError",),
    "TorchRuntimeError": _DYNAMO,
    "TritonMissing": ("ShortenTraceback", *_DYNAMO),
    "UncapturedHigherOrderOpError": _DYNAMO,
    "UnpicklingError": ("PickleError",),
    "Unsupported": _DYNAMO,
    "UnsupportedNodeError": ("NotSupportedError", "FrontendError"),
    "UnsupportedOperatorError": ("OnnxExporterError", "RuntimeError"),
    "UserError": _DYNAMO,
    "_LinAlgError": ("RuntimeError",),
}


def bases_of(name: str) -> tuple[str, ...]:
    """The names of the bases of an exception's class, nearest first; none of a class that is not known."""
    if name in _BASES:
        return _BASES[name]
    kind = getattr(builtins, name, None)
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        return ()
    return tuple(one.__name__ for one in kind.__mro__[1:] if one is not object)
