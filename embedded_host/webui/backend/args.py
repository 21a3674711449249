"""Command-line arguments of Forge's back end that extensions read."""

import argparse

args = argparse.Namespace(disable_gpu_warning=True, cuda_stream=False, always_cpu=False, vae_in_cpu=False)
dynamic_args = {"embedding_dir": None, "emphasis_name": "Original"}
