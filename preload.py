"""Command-line flags, added before the host parses its own."""


def preload(parser):
    parser.add_argument("--relight-models-dir", type=str, metavar="DIR", action="append", default=None,
                        help="a further folder with model files for Relight, such as ComfyUI's; may be repeated")
    parser.add_argument("--relight-matting-dir", type=str, metavar="DIR", default=None,
                        help="folder with your own matting models (*.onnx) for Relight, instead of models/matting")
    parser.add_argument("--relight-skip-install", action="store_true", default=False,
                        help="Relight never runs pip; optional features whose packages are missing stay off")
    parser.add_argument("--relight-no-download", action="store_true", default=False,
                        help="Relight downloads no model files, neither on request nor at the first use of a matting model")
