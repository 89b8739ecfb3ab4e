"""A model that fails in torch, and the sections of a report that explain such failures."""

from __future__ import annotations

import re

MODEL = """
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.fc = nn.Linear(512, 10)

        def forward(self, x):
            x = self.conv(x).flatten(1)
            return self.fc(x)

    def wrong():
        torch.manual_seed(0)
        return Net()(torch.zeros(2, 3, 12, 12))
"""
SECTION = re.compile(r"^-+ torchdoctor -+$\n(.*?)(?=^(?:[-=_!]{4,}|_ _ _)|\Z)", re.MULTILINE | re.DOTALL)
HEADER = re.compile(r"^_+ ((?:ERROR )?.*?) _+$", re.MULTILINE)
PLACE = re.compile(r"^ *--> (\S+?):(\d+):", re.MULTILINE)


def explained(text: str) -> dict[str, tuple[str, str]]:
    """Of each failure with a section: the first rule and the place, by the failure's header."""
    found: dict[str, tuple[str, str]] = {}
    headers = [*HEADER.finditer(text)]
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        body = text[header.end() : following.start() if following is not None else len(text)]
        if section := SECTION.search(body):
            rule = re.search(r"\[([\w-]+)\]", section[1])
            place = PLACE.search(section[1])
            found[header[1]] = (rule[1] if rule else "", f"{place[1]}:{place[2]}" if place else "")
    return found
