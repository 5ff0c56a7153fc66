"""GPUs' models as nodes' labels spell them; Google, Karpenter and NVIDIA each in its own way."""

from __future__ import annotations

from collections.abc import Mapping

# https://cloud.google.com/kubernetes-engine/docs/concepts/gpus,
# https://karpenter.sh/docs/reference/instance-types/ and the names that NVIDIA's driver gives,
# as https://github.com/NVIDIA/k8s-device-plugin (GPU feature discovery) writes them.
_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "A100-40GB": ("nvidia-tesla-a100", "NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-PCIE-40GB"),
    "A100-80GB": ("nvidia-a100-80gb", "NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe"),
    "H100": ("nvidia-h100-80gb", "nvidia-h100-mega-80gb", "NVIDIA-H100-80GB-HBM3"),
    "H200": ("nvidia-h200-141gb",),
    "P100": ("nvidia-tesla-p100", "Tesla-P100-PCIE-16GB"),
    "P4": ("nvidia-tesla-p4", "Tesla-P4"),
    "T4": ("nvidia-tesla-t4", "Tesla-T4"),
    "V100": ("nvidia-tesla-v100", "Tesla-V100-SXM2-16GB", "Tesla-V100-SXM2-32GB"),
}


def spellings(gpu: str) -> list[str]:
    """Every value of a label that means this model.

    Args:
        gpu: As `portable.compute.gpus.canonical` has it, such as ``"A100-80GB"``. Without its
            memory, any will do.
    """
    usual = [gpu.lower(), f"nvidia-{gpu.lower()}", f"NVIDIA-{gpu}"]
    known = [
        each
        for name, found in _SPELLINGS.items()
        if name == gpu or name.startswith(f"{gpu}-")
        for each in found
    ]
    return list(dict.fromkeys([*usual, *known]))
