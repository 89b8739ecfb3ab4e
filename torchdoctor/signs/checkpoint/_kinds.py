"""What a file is, by its first bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """In words, and what to do with it."""

    what: str
    cures: tuple[str, ...]


_PAGE = ("take the address of the file itself: on GitHub and Hugging Face `/raw/` or `/resolve/main/`, not `/blob/`",
         "download it again, and look at its size first")  # fmt: skip
_POINTER = Kind(
    "a Git-LFS pointer, some lines of text that stand for the real file",
    (
        "`git lfs install && git lfs pull` in the repository",
        "download the file itself, by its `/resolve/main/` address",
    ),
)
_EMPTY = Kind(
    "an empty file",
    (
        "write it anew: the save was interrupted, or the disk was full",
        "save to another name and rename it when it is whole",
    ),
)
# First bytes, and what they are of.
_HEADS = (
    ("version https://git-lfs", _POINTER),
    ("v", _POINTER),
    ("<", Kind("a web page (HTML or XML)", _PAGE)),
    ("{", Kind("JSON: an error's answer, or a settings file", _PAGE)),
    ("\x93NUMPY", Kind("an array of NumPy", ("`torch.from_numpy(np.load(path))`",))),
    ("\x89HDF", Kind("an HDF5 file, as Keras writes", ("read it with `h5py`, and copy the arrays over by name",))),
    ("GGUF", Kind("a GGUF file, of llama.cpp", ("load it with `transformers` and `gguf_file=`, or with llama.cpp",))),
    ("\x1f\x8b", Kind("packed with gzip", ("unpack it: `gunzip`, or `torch.load(gzip.open(path))`",))),
)
_SAFE = Kind(
    "a safetensors file", ("`safetensors.torch.load_file(path)`", "`pip install safetensors`, where it is missing")
)
_OTHER = Kind("something else", ("look at its size and first bytes: `head -c 200`; then download or save it again",))
_EARLY = 48  # a safetensors header follows on eight bytes of length


def kind_of(head: str, size: int | None) -> Kind:
    """By the first bytes (as latin-1 text) and the size; of the first byte alone where nothing more is known."""
    if size == 0 or (size is None and not head):
        return _EMPTY
    if '{"' in head[8:_EARLY] and head[:1] != "{":
        return _SAFE
    for start, kind in _HEADS:
        if head.startswith(start) and (len(start) > 1 or start != "v" or len(head) == 1):
            return kind
    if size is not None and size < 10_000 and head.isprintable():
        return Kind("plain text", _PAGE)
    return _OTHER
