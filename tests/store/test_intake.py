"""Whatever a zip holds, an import ends in a whole run or in one sentence, and leaves nothing."""

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from bikd_core.config import RunConfig
from bikd_core.events import to_json
from bikd_core.runs.history import History
from bikd_core.store import CorruptRunError, StoreError
from bikd_core.store.archive import export_run, import_folder, import_run
from bikd_core.store.folder import RunFolder
from bikd_core.store.intake import serve, unpack
from bikd_core.store.limits import check_sizes
from tests import made_up
from tests.repeated import first_quick

FRAME = {
    "ce_student": np.ones(293, np.float32),
    "confusion": np.eye(10, dtype=np.int32),
    "weights": np.ones((293, 2), np.float16),
}


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """The files of a whole run in its zip, by name."""
    run = made_up.make_run(tmp_path_factory.mktemp("runs"), method="kd", has_biases=True)
    run.append(made_up.trace(2, 7, np.array([1, 2, 3])))
    buffer = io.BytesIO()
    export_run(run, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members, packing=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    buffer.seek(0)
    return buffer


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def refusal(upload, tmp_path):
    """Return why an upload is refused; "" if it is taken. Nothing else happens, nothing is left."""
    runs, why = tmp_path / "runs", ""
    try:
        History(import_run(upload, runs)).snapshot()
    except CorruptRunError as error:
        why = str(error)
    assert "\n" not in why
    assert str(tmp_path) not in why
    assert len(list(runs.iterdir())) == (not why)
    return why


def with_json(members, file, changes):
    return members | {file: json.dumps(json.loads(members[file]) | changes).encode()}


def with_event(members, kind, changes):
    lines = [json.loads(line) for line in members["events.jsonl"].splitlines()]
    changed = [line | changes if line["kind"] == kind else line for line in lines]
    return members | {"events.jsonl": "".join(json.dumps(line) + "\n" for line in changed).encode()}


def test_the_run_of_these_tests_is_whole(members, tmp_path):
    assert refusal(zipped(members), tmp_path) == ""


JUNK = [None, "x", 1, -1, 1.5, 1e308, True, [], {}, [None], [[1]], "9" * 5000, 10**30]


@pytest.mark.parametrize("value", first_quick(JUNK), ids=lambda value: repr(value)[:12])
def test_any_value_in_any_field_ends_in_one_sentence_or_in_a_run(members, tmp_path, value):
    for name in ("id", "name", "schema_version", "config", "created", "versions", "resolved"):
        refusal(zipped(with_json(members, "run.json", {name: value})), tmp_path / name)
    for name in ("state", "reason", "epoch", "epochs", "updated"):
        refusal(zipped(with_json(members, "status.json", {name: value})), tmp_path / f"s{name}")
    events = (made_up.started(), made_up.epoch_done(1), made_up.class_biases(RunConfig()))
    for event in events:
        for name in json.loads(to_json(event)):
            changed = with_event(members, event.kind, {name: value})
            why = refusal(zipped(changed), tmp_path / f"{event.kind} {name}")
            assert why == "" or "events.jsonl" in why


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", b"[" * 100_000),
        ("run.json", b"\xff\xfe"),
        ("run.json", b""),
        ("status.json", b"null"),
        ("events.jsonl", b'{"kind": "epoch"}\n'),
        ("events.jsonl", b"[" * 100_000 + b"\n"),
        ("events.jsonl", b"x" * 3_000_000),
        ("events.jsonl", b""),
        ("panel.npz", b"PK"),
        ("frames/0001.npz", b""),
        ("student.safetensors", b"\xff" * 100),
        ("student.safetensors", b""),
    ],
)
def test_a_file_of_junk_is_named(members, tmp_path, file, content):
    assert file in refusal(zipped(members | {file: content}), tmp_path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"class_counts": [10**9] * 10}, "class_counts"),
        ({"class_counts": [1000] * 10}, r"class_counts are 10,000 images in all"),
    ],
)
def test_a_run_has_no_more_images_than_its_data_set(members, tmp_path, changes, complaint):
    why = refusal(zipped(with_event(members, "started", changes)), tmp_path)
    assert complaint in why


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"ce_student": np.full(293, np.nan, np.float32)}, "ce_student holds values that are not"),
        ({"weights": np.full((293, 2), np.inf, np.float16)}, "weights holds values that are not"),
        ({"surface": np.full((2, 40, 40), np.nan, np.float16)}, "surface holds values that"),
        ({"confusion": np.int32(1)}, "confusion has the shape ()"),
        ({"confusion": np.ones(10, np.int32)}, "confusion has the shape (10,)"),
    ],
)
def test_a_frame_of_impossible_values_is_refused(members, tmp_path, changes, complaint):
    why = refusal(zipped(members | {"frames/0001.npz": npz(**FRAME | changes)}), tmp_path)
    assert why.startswith("frames/0001.npz: ")
    assert complaint in why


def test_a_panel_is_checked_also_where_there_are_no_frames(members, tmp_path):
    bare = {name: content for name, content in members.items() if not name.endswith(".npz")}
    assert refusal(zipped(bare), tmp_path / "bare") == ""
    assert "panel.npz" in refusal(zipped(bare | {"panel.npz": b"PK"}), tmp_path)


@pytest.mark.parametrize("run_id", ["../evil", "a/b", ".hidden", ""])
def test_a_run_whose_id_is_no_name_of_a_folder_gets_another(members, tmp_path, run_id):
    upload = zipped(with_json(members, "run.json", {"id": run_id}))
    folder = import_run(upload, tmp_path / "runs")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [folder.run_id]
    assert folder.run_id.startswith("digits-kd-")


def test_influence_may_be_unknown(members, tmp_path):
    frame = FRAME | {"influence": np.full((293, 2), np.nan, np.float32)}
    assert refusal(zipped(members | {"frames/0001.npz": npz(**frame)}), tmp_path) == ""


def test_an_array_that_claims_more_than_its_file_holds_takes_no_memory(members, tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f4", "fortran_order": False, "shape": (293,)}
    )
    frame = npz(confusion=FRAME["confusion"])
    with zipfile.ZipFile(stored := io.BytesIO(frame), "a") as archive:
        archive.writestr("ce_student.npy", buffer.getvalue())
    why = refusal(zipped(members | {"frames/0001.npz": stored.getvalue()}), tmp_path)
    assert "ce_student has 128 bytes; it must have 1,300" in why


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_are_stored_or_deflated(members, tmp_path, packing):
    assert "must be stored or deflated" in refusal(zipped(members, packing), tmp_path)
    arrays = zipped({"ce_student.npy": b"x"}, packing).getvalue()
    why = refusal(zipped(members | {"frames/0001.npz": arrays}), tmp_path / "inside")
    assert "must be stored or deflated" in why


def test_an_encrypted_member_and_one_that_is_there_twice_are_refused(members, tmp_path):
    content = bytearray(zipped(members).getvalue())
    for signature, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags_at] |= 1
    assert "encrypted" in refusal(io.BytesIO(content), tmp_path)
    twice = zipped(members)
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("run.json", "{}")
    assert "'run.json' twice" in refusal(twice, tmp_path / "twice")


@pytest.mark.parametrize("seed", first_quick(range(5)))
def test_a_damaged_zip_is_one_sentence_or_the_same_run(members, tmp_path, seed):
    draw = np.random.default_rng(seed)
    whole = zipped(members).getvalue()
    for number in range(60):
        damaged = bytearray(whole)
        for place in draw.integers(len(whole), size=draw.integers(1, 20)):
            damaged[place] = draw.integers(256)
        end = len(whole) if number % 3 else draw.integers(len(whole))
        refusal(io.BytesIO(damaged[:end]), tmp_path / str(number))


@pytest.mark.parametrize("seed", first_quick(range(5)))
def test_damaged_arrays_are_one_sentence_or_arrays(members, tmp_path, seed):
    draw = np.random.default_rng(seed)
    for number in range(60):
        frame = bytearray(npz(ce_student=FRAME["ce_student"], confusion=FRAME["confusion"]))
        at = frame.index(b"NUMPY") + draw.integers(0, 110, size=draw.integers(1, 6))
        frame[at[0]] = draw.integers(256)
        for place in at:
            frame[place] = draw.integers(32, 127)
        # Checksums that fit: what is damaged is the header, not the zip.
        with zipfile.ZipFile(io.BytesIO(npz(**FRAME))) as archive:
            arrays = {name: archive.read(name) for name in archive.namelist()}
        start = frame.index(b"NUMPY") - 1
        arrays["ce_student.npy"] = bytes(frame[start : start + len(arrays["ce_student.npy"])])
        content = zipped(arrays, zipfile.ZIP_STORED).getvalue()
        refusal(zipped(members | {"frames/0001.npz": content}), tmp_path / str(number))


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ({"events.jsonl": b" " * 10_000_000}, "events.jsonl has 10,000,000 bytes; a run of 3"),
        ({"run.json": b" " * 2_000_000}, "run.json is larger than 1,048,576 bytes"),
        ({"status.json": b" " * 100_000}, "status.json has 100,000 bytes"),
        ({"frames/0004.npz": b""}, "frames/0004.npz is of epoch 4; the run has 3"),
        ({"frames/0000.npz": b""}, "frames/0000.npz is of epoch 0"),
        ({"frames/0001.npz": b" " * 1_000_000}, "frames/0001.npz has 1,000,000 bytes"),
        ({"traces/0009-000007.npz": b""}, "is of epoch 9; the run has 3"),
        ({"student.safetensors": bytes(30_000_000)}, "grows at most 100-fold"),
        ({f"traces/0001-{n:06d}.npz": b"" for n in range(20_001)}, "20,002 traces"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_member_is_larger_than_such_a_run_needs(members, tmp_path, extra, complaint):
    assert complaint in refusal(zipped(members | extra), tmp_path)


def test_a_run_of_many_epochs_needs_more():
    """The log of 10,000 epochs of 100 classes would be refused for a run of three."""
    log = zipfile.ZipInfo("events.jsonl")
    log.file_size = 60_000_000
    check_sizes([log], RunConfig.from_flat({"epochs": 10_000}))
    with pytest.raises(CorruptRunError):
        check_sizes([log], RunConfig.from_flat({"epochs": 100}))


def test_a_run_for_which_there_is_no_room_is_refused(members, tmp_path):
    with (
        import_folder(tmp_path / "runs") as folder,
        pytest.raises(StoreError, match="set BIKD_QUOTA_GB"),
    ):
        unpack(zipped(members), RunFolder(folder / "run"), room_bytes=100)
    assert list((tmp_path / "runs").iterdir()) == []


def test_progress_is_told_and_ends_in_an_answer(members, tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped(members).getvalue())
    told = []
    request = {"zip": str(tmp_path / "a.zip"), "folder": str(tmp_path / "run"), "room": 10**9}
    serve(request, told.append)
    done = [line["done"] for line in told[:-1]]
    assert len(done) > 3
    assert done == sorted(done)
    assert done[-1] <= told[0]["total"]
    assert told[-1] == {}


@pytest.mark.parametrize(
    ("content", "room", "is_corrupt", "sentence"),
    [(b"no zip", 10**9, True, "not the zip of a run"), (None, 100, False, "set BIKD_QUOTA_GB")],
)
def test_a_refusal_is_told_as_what_it_is(members, tmp_path, content, room, is_corrupt, sentence):
    (tmp_path / "a.zip").write_bytes(content or zipped(members).getvalue())
    told = []
    request = {"zip": str(tmp_path / "a.zip"), "folder": str(tmp_path / "run"), "room": room}
    serve(request, told.append)
    [answer] = told
    assert answer["is_corrupt"] == is_corrupt
    assert sentence in answer["error"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_the_process_that_reads_uploads_may_use_little_memory():
    code = (
        "from bikd_core.store import intake; intake.limit_memory()\n"
        "try: bytearray(2**30)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"refused"
