"""Names of GPUs: one spelling for what providers, drivers and people write in many ways.

``nvidia-tesla-t4``, ``Tesla T4`` and ``t4`` are ``T4``; ``NVIDIA A100-SXM4-80GB`` is ``A100-80GB``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from portable.errors import InvalidArgument, InvalidType
from portable.spelling import did_you_mean, listed

# The memory that each is sold with, in GB. A name may say which; without, any will do.
MODELS: Mapping[str, tuple[int, ...]] = {
    "A10": (24,),
    "A100": (40, 80),
    "A10G": (24,),
    "A16": (16,),
    "A2": (16,),
    "A30": (24,),
    "A40": (48,),
    "A6000": (48,),
    "B200": (180,),
    "B300": (288,),
    "GB200": (186,),
    "GH200": (96, 144),
    "H100": (80,),
    "H100-NVL": (94,),
    "H200": (141,),
    "K80": (12,),
    "L4": (24,),
    "L40": (48,),
    "L40S": (48,),
    "M60": (8,),
    "MI300X": (192,),
    "MI325X": (256,),
    "MI355X": (288,),
    "P100": (12, 16),
    "P4": (8,),
    "RTX-3090": (24,),
    "RTX-4000-Ada": (20,),
    "RTX-4090": (24,),
    "RTX-5090": (32,),
    "RTX-6000-Ada": (48,),
    "RTX-PRO-6000": (96,),
    "T4": (16,),
    "T4G": (16,),
    "V100": (16, 32),
}

# Words that say who made it or how it is plugged in.
_BESIDE = re.compile(
    r"nvidia|amd|tesla|geforce|instinct|quadro|pcie|sxm\d?|hbm\d?e?|mega|generation"
    r"|blackwell|server|edition"
)
_MEMORY = re.compile(r"(\d{1,4})(g|gb|gib)")
_BY_LETTERS = {re.sub(r"\W", "", name).lower(): name for name in MODELS}


def parse(name: str) -> tuple[str, int | None]:
    """Return the model, a key of `MODELS`, and the GB of its memory where *name* tells them.

    Raises:
        InvalidType: *name* is no text.
        InvalidArgument: there is no such GPU, or none with this memory.
    """
    if not isinstance(name, str):
        raise InvalidType(f"gpu is a str such as 'L4' or 'A100-80GB', not {type(name).__name__}")
    words = re.split(r"[^a-z0-9]+", name[:200].lower())
    memory = [int(found[1]) for word in words if (found := _MEMORY.fullmatch(word))]
    rest = [word for word in words if not (_BESIDE.fullmatch(word) or _MEMORY.fullmatch(word))]
    model = _BY_LETTERS.get("".join(rest))
    if model is None:
        near = did_you_mean("-".join(rest), MODELS)
        advice = "" if near else f"; known are {listed(MODELS)}"
        raise InvalidArgument(f"gpu {name[:64]!r} is no GPU that is known{near}{advice}")
    if not memory:
        return model, None
    if len(memory) > 1 or memory[0] not in MODELS[model]:
        sold = " or ".join(f"{each} GB" for each in MODELS[model])
        raise InvalidArgument(f"gpu {name[:64]!r}: a {model} has {sold}")
    return model, memory[0]


def canonical(name: str) -> str:
    """The one spelling of a GPU's name, such as ``"L4"`` or ``"A100-80GB"``; see `parse`."""
    model, memory = parse(name)
    return model if memory is None else f"{model}-{memory}GB"
