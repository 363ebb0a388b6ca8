"""The corpus profile: moments against numpy, and a file format that notices every change."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel import CorpusProfile, DataError
from tests.builders import corpus_profile, seeded_vector


@given(st.integers(1, 40), st.integers(1, 24), st.integers(0, 1000))
def test_moments_are_those_of_numpy(size, dimension, seed):
    profile = corpus_profile(size, dimension=dimension)
    query = seeded_vector(seed, dimension=dimension)
    similarities = [float(np.dot(row.astype(float), query.astype(float))) for row in profile.sample]
    mean, deviation = profile.similarity_moments(query)
    assert mean == pytest.approx(np.mean(similarities), abs=1e-5)
    assert deviation == pytest.approx(np.std(similarities), abs=1e-5)


def test_moments_golden():
    # Similarities of (1, 0) to the rows: 1, 0, -1, 0.6. Mean 0.15; variance (1 + 0 + 1 + 0.36) / 4 - 0.0225 = 0.5675.
    sample = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], np.float32)
    mean, deviation = CorpusProfile(4, sample).similarity_moments(np.array([1, 0], np.float32))
    assert mean == pytest.approx(0.15)
    assert deviation == pytest.approx(0.5675**0.5)


def test_a_query_of_another_length_is_refused():
    with pytest.raises(DataError, match="length 16"):
        corpus_profile().similarity_moments(seeded_vector(1, dimension=8))


@pytest.mark.parametrize(
    ("documents", "sample"),
    [
        (0, np.ones((1, 2))),
        (1, np.ones((2, 2))),
        (5, np.ones((0, 2))),
        (5, np.ones(2)),
        (5, np.array([[1.0, np.nan]])),
        (5, np.array([[1.0, np.inf]])),
    ],
)
def test_impossible_profiles_are_refused(documents, sample):
    with pytest.raises(DataError):
        CorpusProfile(documents, sample.astype(np.float32))


@pytest.fixture
def folder(tmp_path):
    corpus_profile().save(tmp_path / "deep" / "profile")
    return tmp_path / "deep" / "profile"


def test_round_trip(folder):
    saved, loaded = corpus_profile(), CorpusProfile.load(folder, fingerprint="model-a")
    np.testing.assert_array_equal(saved.sample, loaded.sample)
    assert loaded.sample.dtype == np.float32
    assert (saved.documents, saved.fingerprint, saved.dimension) == (
        loaded.documents,
        loaded.fingerprint,
        loaded.dimension,
    )


def test_a_profile_of_another_model_is_refused(folder):
    with pytest.raises(DataError, match="'model-a', not 'model-b'"):
        CorpusProfile.load(folder, fingerprint="model-b")


def test_a_changed_sample_is_noticed(folder):
    raw = bytearray((folder / "sample.npy").read_bytes())
    raw[-1] ^= 1
    (folder / "sample.npy").write_bytes(raw)
    with pytest.raises(DataError, match="not the file that was saved"):
        CorpusProfile.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"schema": None},
        {"documents": 3},
        {"documents": "many"},
        {"documents": float("inf")},
        {"sample_sha256": "0" * 64},
    ],
    ids=str,
)
def test_a_changed_header_is_refused(folder, change):
    header = json.loads((folder / "profile.json").read_text())
    (folder / "profile.json").write_text(json.dumps({**header, **change}))
    with pytest.raises(DataError):
        CorpusProfile.load(folder)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "{", '"text"', "\x00"])
def test_a_header_that_is_none_is_refused(folder, text):
    (folder / "profile.json").write_text(text)
    with pytest.raises(DataError, match="not a corpus profile"):
        CorpusProfile.load(folder)


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x80\x04N."])
def test_a_sample_that_is_no_array_is_refused_even_with_the_right_hash(folder, raw):
    header = json.loads((folder / "profile.json").read_text())
    header["sample_sha256"] = hashlib.sha256(raw).hexdigest()
    (folder / "profile.json").write_text(json.dumps(header))
    (folder / "sample.npy").write_bytes(raw)
    with pytest.raises(DataError, match="not a corpus profile"):
        CorpusProfile.load(folder)


def test_a_pickled_sample_is_never_read(folder):
    np.save(folder / "sample.npy", np.array([{"an": "object"}], dtype=object), allow_pickle=True)
    header = json.loads((folder / "profile.json").read_text())
    header["sample_sha256"] = hashlib.sha256((folder / "sample.npy").read_bytes()).hexdigest()
    (folder / "profile.json").write_text(json.dumps(header))
    with pytest.raises(DataError, match="allow_pickle"):
        CorpusProfile.load(folder)


def test_a_missing_folder_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="FileNotFoundError"):
        CorpusProfile.load(tmp_path / "nowhere")
