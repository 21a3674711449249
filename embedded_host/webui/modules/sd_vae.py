"""The VAE is the checkpoint's own."""

vae_dict = {}
loaded_vae_file = None


def get_loaded_vae_name():
    return None


def get_loaded_vae_hash():
    return None
