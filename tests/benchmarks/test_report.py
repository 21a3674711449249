"""dev.py bench: what its rows count, and that every option works or is rejected."""

import json

import pytest
import torch
from sd_relight.benchmarks import options, report, rounds
from sd_relight.benchmarks.job_rows import CUT_OUT, HIRES, LIGHT, PLAIN, SEPARATE, SET, base_case, jobs
from sd_relight.benchmarks.original import Original
from sd_relight.benchmarks.other_ways import OtherWays
from sd_relight.lib_relight.base.errors import RelightError

pytestmark = pytest.mark.same_everywhere
KINDS = (PLAIN, LIGHT, SET, SEPARATE)
OTHERS = {rounds.ORIGINAL: (1, 2, 686), rounds.HABIT: (1, 2, 686), rounds.HABIT_HIRES: (2, 3, 2 * 686), rounds.HABIT_PROMPT: (1, 1, 0)}


@pytest.fixture
def written(session, tmp_path, monkeypatch, parse):
    """Run the benchmark with four kinds of job; get its table and its JSON."""
    monkeypatch.setattr(report, "Session", lambda models, device: session)
    monkeypatch.setattr(rounds.builtin, "is_here", lambda folders: False)
    all_jobs = rounds.jobs
    monkeypatch.setattr(rounds, "jobs", lambda *args: {name: job for name, job in all_jobs(*args).items() if name in KINDS})
    paths = {"out": tmp_path / "table.md", "json": tmp_path / "costs.json"}
    words = ["bench", "--steps", "2", "--size", "64", "--rounds", "1", "--seed", "5", "--device", "cpu"]
    assert report.run(parse(*words, *(str(word) for name, path in paths.items() for word in (f"--{name}", path)))) == 0
    return paths["out"].read_text(), json.loads(paths["json"].read_text())


def test_a_second_job_reads_encodes_and_merges_nothing(written):
    table, found = written
    costs = {name: rows[0] for name, rows in found["costs"].items()}
    assert list(costs) == [*KINDS, *OTHERS]
    counts = {when: {name: tuple(cost[when][field] for field in rounds.COUNTS) for name, cost in costs.items()}
              for when in ("cold", "warm")}
    assert counts["cold"] == {PLAIN: (0, 0, 0), LIGHT: (1, 2, 686), SET: (1, 9, 686), SEPARATE: (8, 16, 8 * 686), **OTHERS}
    assert counts["warm"] == {**dict.fromkeys(KINDS, (0, 0, 0)), **OTHERS, rounds.ORIGINAL: (0, 2, 0)}
    assert all(0 < cost["warm"]["before_first_step"] < cost["warm"]["total"] for cost in costs.values())
    assert all(cost["warm"] != cost["cold"] for cost in costs.values()), "each is measured twice"
    assert "| fc |" in table and "set of eight lights, to eight jobs, one for each light: warm " in table and found["machine"]["torch"]
    assert (found["seed"], found["steps"], found["size"]) == (5, 2, [64, 64]) and found["notes"] == [rounds.NO_MATTING]
    assert "seed 5" in table and rounds.NO_MATTING in table


REJECTED = {
    "--webui URL --models .": "--models is .*, but with --webui it has no effect: .*; leave it out",
    "--webui URL --device cpu": "--device is cpu, but with --webui it has no effect: .*; leave it out",
    "--webui URL --full": "--full was given, but with --webui it has no effect: .*; leave it out",
    "--webui URL --steps 1": "--steps is 1; it must be from 2 to 150",
    "--pid 7": "--pid is 7, .*; give that WebUI's address with --webui",
    "--size 100": "--size is 100; choose a multiple of 64 from 64 to 2048",
    "--steps 151": "--steps is 151; it must be from 1 to 150",
    "--plot a.gif": "--plot is a.gif; give a name that ends in .png",
}


@pytest.mark.parametrize("words", REJECTED)
def test_an_option_without_effect_is_rejected_before_anything_is_measured(parse, words):
    with pytest.raises(RelightError, match=REJECTED[words]):
        report.run(parse("bench", *words.split()))


def test_a_plot_without_matplotlib_is_rejected(monkeypatch, tmp_path):
    monkeypatch.setattr(options.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RelightError, match="--plot needs matplotlib; install it"):
        options.check_plot(tmp_path / "a.png")


def test_minus_one_takes_a_seed_at_random():
    assert options.seed_of(0) == 0 and options.seed_of(-1) >= 0 and options.seed_of(-1) != options.seed_of(-1)


def test_full_size_honours_the_size_and_gives_numbers(monkeypatch, parse, session):
    """The networks themselves are in test_full_size.py."""
    asked = []

    def prompts(base, latent, batch, count, device):
        asked.append((base, latent, device))
        return {"seconds": [1.0]}

    monkeypatch.setattr(report.image_prompt_cost, "cost", prompts)
    monkeypatch.setattr(report.image_prompt_cost, "table", lambda found: "table of prompts")
    monkeypatch.setattr(report.full_size, "folder", lambda device: session.models)
    monkeypatch.setattr(report, "suite", lambda models, args, seed: (None, {"models": str(models)}))
    monkeypatch.setattr(report, "text_of", lambda rounds, found: f"table of {found['models']}")
    texts, found = report.at_full_size(parse("bench", "--full", "--size", "128"), 1, "cpu")
    assert asked == [("sd15", 16, "cpu"), ("sdxl", 16, "cpu")]
    assert texts == ["table of prompts"] * 2 + [f"table of {session.models}"]
    assert found["image prompts"]["sdxl"] == {"seconds": [1.0]} and json.dumps(found)


@pytest.fixture(scope="module")
def ways(session):
    case = base_case(session.models, 1, 64, 5)
    return OtherWays(Original(session.host.model), case, session.models / "iclight_fc.safetensors", "cpu",
                     session.models / "ip-adapter.safetensors")


@pytest.mark.parametrize("way", ["as_original", "as_habit", "as_habit_with_hires", "as_habit_with_prompt"])
def test_other_ways_leave_the_weights_as_they_were(ways, way):
    before, processors = {key: value.clone() for key, value in ways.unet.state_dict().items()}, ways.unet.attn_processors
    assert float(before["conv_in.weight"][:, :4].abs().max()) > 0 == float(before["conv_in.weight"][:, 4:].abs().max())
    cold, warm = getattr(ways, way)()
    assert cold is not warm and 0 < warm.per_step < warm.total
    after = ways.unet.state_dict()
    assert after.keys() == before.keys() and all(torch.equal(before[key], value) for key, value in after.items())
    assert ways.unet.attn_processors == processors


def test_other_ways_run_on_a_unet_in_half_precision(session):
    """As on a GPU, where everything around the UNet stays float32."""
    original = Original(session.host.model)
    original.plain.bfloat16()
    original.dtype = torch.bfloat16
    half = OtherWays(original, base_case(session.models, 1, 64, 5), session.models / "iclight_fc.safetensors", "cpu",
                     session.models / "ip-adapter.safetensors")
    assert half.unet.conv_in.weight.dtype == torch.bfloat16
    for way in (half.as_original, half.as_habit_with_hires, half.as_habit_with_prompt):
        way()


def test_a_job_with_a_cut_out_runs_with_the_model_that_is_here(session, monkeypatch):
    photos = []

    def matte(photo, model, progress):
        photos.append(model)
        return torch.ones(photo.size[::-1]).numpy()

    monkeypatch.setattr("sd_relight.lib_relight.matting.matting.matte", matte)
    found = jobs(session.host, base_case(session.models, 1, 64, 5), False, None, True)
    found[CUT_OUT]()
    assert photos == ["auto"]


def test_hires_takes_as_many_steps_in_both_ways(session, ways, monkeypatch):
    calls, denoiser, predict = [], session.host.model.forge_objects_original.unet.model, ways.original.predict
    apply_model = denoiser.apply_model
    monkeypatch.setattr(denoiser, "apply_model", lambda *args, **kwargs: calls.append("host") or apply_model(*args, **kwargs))
    monkeypatch.setattr(ways.original, "predict", lambda *args: calls.append("habit") or predict(*args))
    monkeypatch.setattr(ways, "case", case := base_case(session.models, 3, 64, 5))
    jobs(session.host, case, False, None, False)[HIRES]()
    ways.habit_with_hires()
    assert calls.count("host") == calls.count("habit") == 6


def test_the_habit_runs_the_matting_model_anew_in_each_job(ways, monkeypatch):
    events = []
    alpha = torch.ones(ways.case.photo.size[::-1]).numpy()
    monkeypatch.setattr("sd_relight.benchmarks.other_ways.matting.release", lambda: events.append("released"))
    monkeypatch.setattr("sd_relight.benchmarks.other_ways.matting.matte", lambda photo: events.append("matte") or alpha)
    ways.as_habit_with_cut_out()
    assert events == ["released", "matte"] * 2
