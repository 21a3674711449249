"""A generation: the parameter objects and the loop, under the names of a WebUI's `modules.processing`."""

from modules import images, masking, sd_samplers, sd_samplers_common, shared  # noqa: F401
from modules.processing_base import StableDiffusionProcessing, fix_seed, get_fixed_seed  # noqa: F401
from modules.processing_img2img import StableDiffusionProcessingImg2Img  # noqa: F401
from modules.processing_infotext import create_infotext, program_version  # noqa: F401
from modules.processing_overlay import apply_overlay, create_binary_mask, uncrop  # noqa: F401
from modules.processing_result import Processed, process_extra_images  # noqa: F401
from modules.processing_run import process_images, process_images_inner  # noqa: F401
from modules.processing_txt2img import StableDiffusionProcessingTxt2Img  # noqa: F401
from modules.sd_samplers_common import (  # noqa: F401
    decode_first_stage,
    decode_latent_batch,
    images_tensor_to_samples,
)
from modules.shared import opts, state  # noqa: F401

opt_C = 4
opt_f = 8
