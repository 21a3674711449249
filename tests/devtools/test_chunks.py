"""How the suite is divided into processes."""

import sys

import pytest


@pytest.fixture
def chunks(dev):
    return sys.modules["chunks"]


@pytest.fixture
def tree(tmp_path):
    for name in ("browser/test_a.py", "browser/conftest.py", "job/test_b.py", "job/deep/test_c.py", "test_d.py"):
        (tmp_path / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / name).touch()
    return tmp_path


def test_folders_are_expanded_once_and_node_ids_kept(chunks, tree):
    assert chunks.expand(tree, ["tests"]) == ["tests/browser/test_a.py", "tests/job/deep/test_c.py", "tests/job/test_b.py",
                                              "tests/test_d.py"]
    assert chunks.expand(tree, ["tests/job/test_b.py::one", "tests/job", "tests/job/test_b.py"]) == [
        "tests/job/test_b.py::one", "tests/job/deep/test_c.py", "tests/job/test_b.py"]
    assert chunks.expand(tree, ["tests"], ["job", "browser"]) == ["tests/test_d.py"]


@pytest.mark.parametrize(("text", "left_out"), [
    ("pytestmark = pytest.mark.slow", True), ("pytestmark = [pytest.mark.any,\n              pytest.mark.slow]", True),
    ("pytestmark = pytest.mark.slower", False), ("@pytest.mark.slow\ndef test_one():", False), ("", False)])
def test_a_file_is_left_out_when_all_of_its_tests_are(chunks, tmp_path, text, left_out):
    path = tmp_path / "test_a.py"
    path.write_text(f"import pytest\n\n{text}\n")
    assert chunks.is_left_out(path, ("slow", "large")) == left_out
    assert not chunks.is_left_out(tmp_path / "test_a.py::test_one", ("slow",))


def test_neighbours_share_a_process_up_to_the_limit(chunks):
    seconds = {"a": 50, "b": 60, "c": 200, "d": 1}  # one room of 311 s
    packed = list(chunks.pack("neo", seconds, seconds.get, limit=120))
    assert [(chunk.paths, chunk.seconds) for chunk in packed] == [(("a", "b"), 110), (("c",), 200), (("d",), 1)]
    assert list(chunks.pack("neo", [], seconds.get)) == []


def test_a_room_that_fits_into_a_chunk_is_not_divided(chunks):
    seconds = {"tests/a/test_1.py": 50, "tests/b/test_2.py": 60, "tests/b/test_3.py": 40, "tests/c/test_4.py": 10}
    assert [chunk.paths for chunk in chunks.pack("neo", seconds, seconds.get, limit=120)] == [
        ("tests/a/test_1.py",), ("tests/b/test_2.py", "tests/b/test_3.py", "tests/c/test_4.py")]


def test_times_of_the_last_run_are_kept(chunks, tmp_path):
    result = sys.modules["results"].Result("neo", 0, 9.0, cases=[
        (2.0, "tests.job.test_b::one"), (3.0, "tests.job.test_b.TestMore::two"), (0.5, "tests.test_d::three")])
    path = tmp_path / "durations.json"
    chunks.Durations(path).save([result])
    again = chunks.Durations(path)
    assert [again.of("neo", f"tests/{name}") for name in ("job/test_b.py", "job/test_b.py::one", "test_d.py")] == [5, 5, 0.5]
    assert again.of("forge", "tests/job/test_b.py") == 2.0 and again.of("forge", "tests/browser/test_a.py") > 10
    path.write_text("{")
    assert chunks.Durations(path).of("neo", "tests/test_d.py") == 2.0


def test_the_longest_starts_first_and_two_of_one_room_only_at_the_end(chunks):
    made = [chunks.Chunk(env, (f"tests/{room}/test_a.py",), seconds)
            for env, room, seconds in [("forge", "browser", 9), ("neo", "browser", 8), ("neo", "job", 7)]]
    queue = chunks.ChunkQueue(made)
    assert [queue.take(), queue.take(), queue.take(), queue.take()] == [made[0], made[2], made[1], None]
    queue = chunks.ChunkQueue(made)
    queue.done(queue.take())
    assert queue.take() == made[1]
