"""Array files, read in many threads; each against `numpy.load`."""

import contextlib
import gc
import io
import threading
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from bikd_core import npy
from bikd_core.events import Frame
from bikd_core.store.arrays import Dimensions, load_arrays

PLAIN = st.one_of(
    arrays_of.boolean_dtypes(),
    arrays_of.integer_dtypes(endianness="?"),
    arrays_of.unsigned_integer_dtypes(endianness="?"),
    arrays_of.floating_dtypes(endianness="?"),
    arrays_of.complex_number_dtypes(endianness="?"),
    arrays_of.unicode_string_dtypes(endianness="?"),
    arrays_of.byte_string_dtypes(),
)
SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


@given(
    array=arrays_of.arrays(PLAIN, SHAPES),
    version=st.sampled_from([(1, 0), (2, 0), (3, 0)]),
    is_fortran=st.booleans(),
)
def test_an_array_is_read_as_numpy_reads_it(array, version, is_fortran):
    file = io.BytesIO()
    np.lib.format.write_array(
        file, np.asfortranarray(array) if is_fortran else array, version, allow_pickle=False
    )
    file.seek(0)
    expected = np.load(io.BytesIO(file.getvalue()))
    found = npy.read_array(file)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()
    assert not found.flags.writeable  # many may share it
    assert found.flags.f_contiguous == expected.flags.f_contiguous


def test_an_array_that_python_2_wrote_is_read():
    header = b"{'shape': (2L, 3L), 'fortran_order': False, 'descr': '<i2'}".ljust(117) + b"\n"
    file = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(range(12))
    expected = np.frombuffer(bytes(range(12)), "<i2").reshape(2, 3)
    np.testing.assert_array_equal(npy.read_array(io.BytesIO(file)), expected)


def test_pictures_are_mapped_as_numpy_maps_them(tmp_path):
    for order in "CF":
        pictures = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4, order=order)
        np.save(tmp_path / "pictures.npy", pictures)
        found = npy.mapped(tmp_path / "pictures.npy")
        assert isinstance(found, np.memmap)
        np.testing.assert_array_equal(found, pictures)


def saved(array, allow_pickle=False):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


WHOLE = saved(np.arange(3.0))


def with_shape(shape: str) -> bytes:
    """An array of bytes that claims a shape."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not an array of numpy"),
        (b"PK" + WHOLE, "not an array of numpy"),
        (WHOLE.replace(b"NUMPY\x01\x00", b"NUMPY\x04\x00"), r"format \(4, 0\)"),
        (WHOLE.replace(b"NUMPY\x01\x00", b"NUMPY\x01\x01"), r"format \(1, 1\)"),
        (WHOLE[:9], "1 bytes too early"),
        (WHOLE[:60], "bytes too early"),
        (WHOLE[:-1], "1 bytes too early"),
        (WHOLE.replace(b"(3,)", b"(4,)"), "8 bytes too early"),
        (WHOLE.replace(b"(3,)", b"(-3)"), "damaged"),
        (with_shape(f"({'9' * 18}, {'9' * 18})"), "more than memory can hold"),
        (with_shape(f"({'9' * 18},)"), "bytes too early"),
        (with_shape(f"(0, {'9' * 18}, {'9' * 18})"), "too big"),
        (with_shape(f"(0, {'1, ' * 99})"), "dimension"),
        (WHOLE.replace(b"(3,)", b"(3 )").replace(b"'shape'", b"'shapes'"), "damaged"),
        (WHOLE.replace(b"'fortran_order': False, ", b"".ljust(24)), "damaged"),
        (WHOLE.replace(b"False", b"maybe"), "damaged"),
        (WHOLE.replace(b"{", b"["), "damaged"),
        (WHOLE.replace(b"'<f8'", b"'<f9'"), "'<f9', which numpy does not know"),
        (WHOLE.replace(b"'<f8'", b"__i()"), "damaged"),
        (saved(np.array([None]), allow_pickle=True), "Python objects"),
        (saved(np.zeros(2, [("a", "<f4")])), "not that of a plain array"),
        (b"\x93NUMPY\x02\x00" + (1 << 30).to_bytes(4, "little"), "1,073,741,824 bytes"),
    ],
)
def test_a_damaged_array_is_refused(content, complaint):
    with pytest.raises(ValueError, match=complaint):
        npy.read_array(io.BytesIO(content))


@given(place=st.integers(6, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_any_byte_may_be_wrong(place, byte):
    content = WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]
    with contextlib.suppress(ValueError):
        assert npy.read_array(io.BytesIO(content)).nbytes <= len(content)


def test_arrays_of_a_file_are_read_by_name_and_a_damaged_one_is_named(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, images=np.eye(3), labels=np.arange(3))
    found = npy.read_arrays(path)
    assert list(found) == ["images", "labels"]
    np.testing.assert_array_equal(found["images"], np.eye(3))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("names.npy", b"none")
    with pytest.raises(ValueError, match=r"^names: it is not an array of numpy"):
        npy.read_arrays(path)


@pytest.fixture
def busy_collector():
    """A garbage collector that runs often, and lets other threads in each time."""
    before = gc.get_threshold()

    def let_others_in(*_):
        time.sleep(0)

    gc.callbacks.append(let_others_in)
    gc.set_threshold(5)
    yield
    gc.set_threshold(*before)
    gc.callbacks.remove(let_others_in)


def test_threads_read_while_the_garbage_collector_lets_others_in(tmp_path, busy_collector):
    frame = {"ce_student": np.ones(20, np.float32), "confusion": np.eye(3, dtype=np.int32)}
    np.savez(tmp_path / "0001.npz", **frame)
    np.save(tmp_path / "pictures.npy", np.zeros((2, 4, 4, 1), np.uint8))
    faults = []

    def read():
        try:
            for _ in range(60):
                load_arrays(tmp_path / "0001.npz", Frame, Dimensions(20, 3), list(frame))
                npy.mapped(tmp_path / "pictures.npy")
                npy.read_arrays(tmp_path / "0001.npz")
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
