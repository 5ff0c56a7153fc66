"""GPUs' models as nodes' labels spell them; Google, Karpenter and NVIDIA each in its own way."""

from __future__ import annotations

from collections.abc import Mapping

from portable.compute.gpus import MODELS, parse

# https://cloud.google.com/kubernetes-engine/docs/concepts/gpus,
# https://karpenter.sh/docs/reference/instance-types/ and the names that NVIDIA's driver gives,
# as https://github.com/NVIDIA/k8s-device-plugin (GPU feature discovery) writes them.
_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "A100-40GB": ("nvidia-tesla-a100", "NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-PCIE-40GB"),
    "A100-80GB": ("NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe"),
    "H100-80GB": ("nvidia-h100-mega-80gb", "NVIDIA-H100-80GB-HBM3"),
    "P100-16GB": ("nvidia-tesla-p100", "Tesla-P100-PCIE-16GB"),
    "P4": ("nvidia-tesla-p4", "Tesla-P4"),
    "T4": ("nvidia-tesla-t4", "Tesla-T4"),
    "V100-16GB": ("nvidia-tesla-v100", "Tesla-V100-SXM2-16GB"),
    "V100-32GB": ("Tesla-V100-SXM2-32GB",),
}


def spellings(gpu: str) -> list[str]:
    """Every value of a label that means this model.

    Args:
        gpu: As `portable.compute.gpus.canonical` has it, such as ``"A100-80GB"``. Without its
            memory, any will do.
    """
    model, memory = parse(gpu)
    sold = MODELS[model]
    names = [f"{model}-{each}GB" for each in sold if memory in (None, each)]
    if memory is None or len(sold) == 1:  # else the model alone could mean another one
        names.insert(0, model)
    return [
        each
        for name in names
        for each in (
            name.lower(),
            f"nvidia-{name.lower()}",
            f"NVIDIA-{name}",
            *_SPELLINGS.get(name, ()),
        )
    ]
