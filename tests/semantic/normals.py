"""The original's normals from four relit images, as an independent reference."""

import torch

EXPONENT = 10


def normals_from_relights(relights, matte):
    """relights: left, right, bottom, top, float [N, 3, H, W], 0..1; matte [N, 1, H, W]. Unit normals, y up.

    The formula of lllyasviel/IC-Light, gradio_demo_bg.py:335-380.
    """
    left, right, bottom, top = (relights[k] for k in ("left", "right", "bottom", "top"))
    ambient = (left + right + bottom + top) / 4

    def divided(image):
        return (image + 1e-5) / (ambient + 1e-5) - 1

    u = ((divided(right) - divided(left)) * 0.5).mean(1, keepdim=True)
    v = ((divided(top) - divided(bottom)) * 0.5).mean(1, keepdim=True)
    h = (1 - u**2 - v**2).clamp(0, 1e5) ** (0.5 * EXPONENT)
    normal = torch.nn.functional.normalize(torch.cat([u, v, h], 1), dim=1)
    up = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
    return normal * matte + up * (1 - matte)
