"""Shapes of the published image encoders' files, by transformers' names."""

SIZES = {"H": (32, 1280, 5120, 1024, 14, 257), "bigG": (48, 1664, 8192, 1280, 14, 257), "L": (24, 1024, 4096, 768, 14, 257),
         "L336": (24, 1024, 4096, 768, 14, 577)}


def hf_shapes(layers, hidden, mlp, projection, patch, tokens):
    top = "vision_model."
    shapes = {f"{top}embeddings.class_embedding": (hidden,),
              f"{top}embeddings.patch_embedding.weight": (hidden, 3, patch, patch),
              f"{top}embeddings.position_embedding.weight": (tokens, hidden), "visual_projection.weight": (projection, hidden)}
    for norm in ("pre_layrnorm", "post_layernorm"):
        shapes |= {f"{top}{norm}.weight": (hidden,), f"{top}{norm}.bias": (hidden,)}
    for i in range(layers):
        place = f"{top}encoder.layers.{i}."
        for norm in ("layer_norm1", "layer_norm2"):
            shapes |= {f"{place}{norm}.weight": (hidden,), f"{place}{norm}.bias": (hidden,)}
        for proj in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= {f"{place}self_attn.{proj}.weight": (hidden, hidden), f"{place}self_attn.{proj}.bias": (hidden,)}
        shapes |= {f"{place}mlp.fc1.weight": (mlp, hidden), f"{place}mlp.fc1.bias": (mlp,),
                   f"{place}mlp.fc2.weight": (hidden, mlp), f"{place}mlp.fc2.bias": (hidden,)}
    return shapes
