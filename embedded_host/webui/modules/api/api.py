"""The WebUI's HTTP API on this host: jobs here, lists in `listing`."""

from __future__ import annotations

from contextlib import closing

from fastapi.exceptions import HTTPException

from modules import infotext_utils, progress, scripts, sd_samplers, shared
from modules.api import failures, listing, models, script_args
from modules.api.encoding import decode_base64_to_image, encode_pil_to_base64
from modules.processing import StableDiffusionProcessingImg2Img, StableDiffusionProcessingTxt2Img, process_images

__all__ = ["Api", "decode_base64_to_image", "encode_pil_to_base64"]

NOT_FOR_PROCESSING = ("script_name", "script_args", "alwayson_scripts", "infotext", "include_init_images",
                      "send_images", "save_images", "sampler_index", "init_images", "mask")


class Api:
    """Routes below /sdapi/v1. Jobs wait for `queue_lock`, one after the other."""

    def __init__(self, app, queue_lock):
        self.app = app
        self.queue_lock = queue_lock
        self.runners = {"txt2img": scripts.scripts_txt2img, "img2img": scripts.scripts_img2img}
        for tab, runner in self.runners.items():
            script_args.build_script_uis(runner, tab == "img2img")
        self.defaults = {tab: runner.default_script_args() for tab, runner in self.runners.items()}
        failures.install(app)
        self._add_routes()

    def _add_routes(self):
        prefix = "/sdapi/v1/"

        def txt2img(request):
            return self.text2imgapi(request)

        def img2img(request):
            return self.img2imgapi(request)

        txt2img.__annotations__["request"] = models.StableDiffusionTxt2ImgProcessingAPI
        img2img.__annotations__["request"] = models.StableDiffusionImg2ImgProcessingAPI
        post = {"txt2img": txt2img, "img2img": img2img, "interrupt": self.interruptapi, "skip": self.skip,
                "png-info": pnginfoapi, "options": listing.set_options, "refresh-checkpoints": listing.nothing,
                "refresh-vae": listing.nothing, "refresh-embeddings": listing.nothing,
                "refresh-loras": listing.nothing}
        get = {"progress": self.progressapi, "scripts": self.get_scripts_list, "script-info": self.get_script_info,
               **listing.ROUTES}
        for name, endpoint in post.items():
            self.app.add_api_route(prefix + name, endpoint, methods=["POST"])
        for name, endpoint in get.items():
            self.app.add_api_route(prefix + name, endpoint, methods=["GET"])

    def text2imgapi(self, request):
        return self._job("txt2img", StableDiffusionProcessingTxt2Img, request, {})

    def img2imgapi(self, request):
        if not request.init_images:
            raise HTTPException(status_code=404, detail="Init image not found")
        images = {"init_images": [decode_base64_to_image(x) for x in request.init_images]}
        if request.mask:
            images["mask"] = decode_base64_to_image(request.mask)
        answer = self._job("img2img", StableDiffusionProcessingImg2Img, request, images)
        if not request.include_init_images:
            answer.parameters.update(init_images=None, mask=None)
        return answer

    def _job(self, tab, processing_class, request, images):
        """Run one request in its turn and answer with its pictures."""
        task_id = request.force_task_id or progress.create_task_id(tab)
        runner = self.runners[tab]
        mentioned = apply_infotext(request, tab, runner)
        script, number = script_args.selectable_script(request, runner)
        defaults = [mentioned.get(index, value) for index, value in enumerate(self.defaults[tab])]
        arguments = script_args.request_script_args(request, defaults, runner, script, number)
        fields = processing_fields(request)
        progress.add_task_to_queue(task_id)
        with self.queue_lock, closing(processing_class(sd_model=shared.sd_model, **fields, **images)) as p:
            p.is_api = True
            p.scripts = runner
            processed = self._run(p, runner, tab, task_id, script, arguments)
        pictures = [*processed.images, *getattr(processed, "extra_images", [])] if request.send_images else []
        return models.GenerationResponse(images=[encode_pil_to_base64(x) for x in pictures],
                                         parameters=dict(request), info=processed.js())

    def _run(self, p, runner, tab, task_id, script, arguments):
        try:
            shared.state.begin(job=f"scripts_{tab}")
            progress.start_task(task_id)
            p.script_args = tuple(arguments)
            if script is not None:
                return runner.run(p, *arguments)
            return process_images(p)
        finally:
            progress.finish_task(task_id)
            shared.state.end()

    def progressapi(self, skip_current_image: bool = False):
        """`progress` 0..1 and `eta_relative` in seconds; both 0 while nothing runs."""
        state = shared.state
        if state.job_count == 0:
            return models.ProgressResponse(progress=0, eta_relative=0, state=state.dict(), textinfo=state.textinfo)
        fraction = max(progress.done_fraction(state), 0.01)
        picture = None
        if not skip_current_image:
            state.set_current_image()
            picture = state.current_image and encode_pil_to_base64(state.current_image)
        return models.ProgressResponse(progress=fraction, eta_relative=progress.seconds_left(state, fraction) or 0,
                                       state=state.dict(), current_image=picture, textinfo=state.textinfo,
                                       current_task=progress.current_task)

    def interruptapi(self):
        shared.state.interrupt()
        return {}

    def skip(self):
        shared.state.skip()

    def get_scripts_list(self):
        names = {tab: [s.name for s in runner.scripts if s.name] for tab, runner in self.runners.items()}
        return models.ScriptsList(**names)

    def get_script_info(self):
        return [script.api_info for runner in self.runners.values() for script in runner.scripts
                if script.api_info is not None]


def processing_fields(request):
    """The keyword arguments of the processing class, with the sampler's name split from its schedule."""
    asked = request.sampler_name or request.sampler_index or "Euler"
    if not any(f"{asked.lower()} ".startswith(f"{known} ") for known in sd_samplers.samplers_map):
        raise HTTPException(status_code=400, detail="Sampler not found")
    name, scheduler = sd_samplers.get_sampler_and_scheduler(asked, request.scheduler)
    fields = {key: value for key, value in dict(request).items() if key not in NOT_FOR_PROCESSING}
    fields.update(sampler_name=name, scheduler=scheduler, do_not_save_samples=not request.save_images,
                  do_not_save_grid=not request.save_images)
    if "mask_blur" in fields and fields["mask_blur"] is None:
        fields.pop("mask_blur")
    return fields


def apply_infotext(request, tab, runner):
    """Fill unset fields from `request.infotext`; returns {argument index: value} for the scripts' components."""
    if not request.infotext:
        return {}
    params = infotext_utils.parse_generation_parameters(request.infotext)
    tab_fields = infotext_utils.paste_fields.get(tab, {}).get("fields", [])
    runner_fields = [infotext_utils.PasteField(*field) for field in runner.infotext_fields]
    index_of = {id(component): index for index, component in enumerate(runner.inputs)}
    known, given = models.known_fields(request), models.given_fields(request)
    mentioned = {}
    for field in [*tab_fields, *runner_fields]:
        value = field.function(params) if field.function else params.get(field.label)
        if infotext_utils.is_update(value):
            value = value.get("value")
        if value is None:
            continue
        if field.api in known and field.api not in given:
            setattr(request, field.api, infotext_utils.cast_like(getattr(request, field.api), value))
        elif id(field.component) in index_of:
            mentioned[index_of[id(field.component)]] = infotext_utils.cast_like(field.component.value, value)
    return mentioned


def pnginfoapi(req: models.PNGInfoRequest):
    from modules import images, script_callbacks

    infotext, items = images.read_info_from_image(decode_base64_to_image(req.image.strip()))
    params = infotext_utils.parse_generation_parameters(infotext or "")
    script_callbacks.infotext_pasted_callback(infotext or "", params)
    return models.PNGInfoResponse(info=infotext or "", items=items, parameters=params)
