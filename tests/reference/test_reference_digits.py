"""The embedded digits are scikit-learn's, and MNIST is read from every supported layout."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from idx_files import write_idx, write_set

from reference.digits import DIGITS_FILE, DataError, load, load_digits28
from reference.split import part_of

SHARED_MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist"


def test_the_embedded_digits_equal_scikit_learns():
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    with np.load(DIGITS_FILE) as arrays:
        assert np.array_equal(arrays["images"], digits.images)
        assert np.array_equal(arrays["labels"], digits.target)
        assert arrays["images"].dtype == np.uint8


def test_digits_are_grey_images_of_mnist_size_in_two_parts():
    (train, train_labels), (held_out, held_out_labels) = load_digits28("train"), load_digits28("held-out")
    assert train.shape == (1438, 1, 28, 28)
    assert held_out.shape == (359, 1, 28, 28)
    assert train.dtype == torch.float32
    assert train.min() == 0.0
    assert train.max() == 1.0
    assert train_labels.shape == (1438,)
    assert set(train_labels.tolist()) == set(held_out_labels.tolist()) == set(range(10))


def test_enlarging_interpolates_between_the_eight_pixels():
    """Output pixel i lies at (i + 0.5) * 8/28 - 0.5 of the small image, on both axes; computed in NumPy."""
    chosen = part_of(1797, "train").numpy()[:20]
    with np.load(DIGITS_FILE) as arrays:
        small, small_labels = arrays["images"][chosen] / 16.0, arrays["labels"][chosen]
    at = np.clip((np.arange(28) + 0.5) * 8 / 28 - 0.5, 0, 7)
    low = np.minimum(at.astype(int), 6)
    weights = np.zeros((28, 8))
    weights[np.arange(28), low], weights[np.arange(28), low + 1] = 1 - (at - low), at - low
    images, labels = load_digits28("train")
    assert labels[:20].tolist() == small_labels.tolist()
    assert np.allclose(images[:20, 0].numpy(), weights @ small @ weights.T, atol=1e-5)


@pytest.mark.parametrize("count", [1, 5, 1797, 10_000])
def test_the_split_is_disjoint_complete_shuffled_and_fixed(count):
    train, held_out = part_of(count, "train").tolist(), part_of(count, "held-out").tolist()
    assert sorted(train + held_out) == list(range(count))
    assert len(train) == round(0.8 * count)
    assert part_of(count, "train").tolist() == train
    assert count < 10 or train != sorted(train)


def test_an_unknown_split_raises():
    for name in ("digits", "/nowhere"):
        with pytest.raises(ValueError, match="not 'test'"):
            load(name, "test")  # type: ignore[arg-type]


@pytest.mark.parametrize("below", ["", "MNIST/raw"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_mnist_is_read_plain_or_gzipped_from_the_folder_or_torchvisions_subfolder(tmp_path, below, ending):
    write_set(tmp_path / below, "train", count=9, ending=ending)
    write_set(tmp_path / below, "t10k", count=4, ending=ending)
    images, labels = load(tmp_path, "train")
    assert images.shape == (9, 1, 28, 28)
    assert images[:, 0, 3, 3].tolist() == pytest.approx([grey / 255 for grey in range(9)])
    assert images[:, 0, 2, 5].tolist() == [1.0] * 9  # row 2, column 5: not transposed
    assert labels.tolist() == list(range(9))
    assert len(load(str(tmp_path), "held-out")[0]) == 4


@pytest.mark.parametrize("only", ["train", "t10k"])
def test_of_a_single_set_a_fifth_is_held_out(tmp_path, only):
    write_set(tmp_path, only, count=50)
    parts = [load(tmp_path, split) for split in ("train", "held-out")]
    assert [len(images) for images, _ in parts] == [40, 10]
    greys = torch.cat([images[:, 0, 0, 0] * 255 for images, _ in parts]).round().int()
    assert sorted(greys.tolist()) == list(range(50))
    assert (greys % 10).tolist() == torch.cat([labels for _, labels in parts]).tolist()


def test_an_empty_folder_raises_with_advice(tmp_path):
    with pytest.raises(DataError, match=r"contains no MNIST files: put .* embedded digits\.$"):
        load(tmp_path, "train")


@pytest.mark.parametrize(
    "damage", ["cut", "signed bytes", "labels instead", "not gzip", "cut gzip", "empty", "one label too few"]
)
def test_errors_name_the_damaged_file(tmp_path, damage):
    write_set(tmp_path, "train", count=5, ending=".gz")
    file, labels = tmp_path / "train-images-idx3-ubyte.gz", tmp_path / "train-labels-idx1-ubyte.gz"
    match damage:
        case "cut":
            file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:-1]))
        case "signed bytes":
            content = gzip.decompress(file.read_bytes())
            file.write_bytes(gzip.compress(content[:2] + bytes([9]) + content[3:]))
        case "labels instead":
            file.write_bytes(labels.read_bytes())
        case "not gzip":
            file.write_bytes(b"<html>404</html>")
        case "cut gzip":
            file.write_bytes(file.read_bytes()[:-12])
        case "empty":
            file.write_bytes(gzip.compress(b""))
        case _:
            write_idx(labels, np.arange(4))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz"):
        load(tmp_path, "train")


def test_a_failed_download_raises_with_advice_and_prints_nothing(tmp_path, monkeypatch, capsys):
    datasets = pytest.importorskip("torchvision.datasets")

    def refuse(root: str, **_options: object) -> None:
        print("Downloading")
        raise RuntimeError(f"no route to {root}")

    monkeypatch.setattr(datasets, "MNIST", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"could not be downloaded to .*ddpm-grader.*embedded digits\.$"):
        load("mnist", "train")
    assert capsys.readouterr().out == ""


def test_mnist_is_downloaded_to_the_users_cache(tmp_path, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")

    def fetch(root: str, **_options: object) -> None:
        write_set(Path(root) / "MNIST" / "raw", "train", count=6)
        write_set(Path(root) / "MNIST" / "raw", "t10k", count=3)

    monkeypatch.setattr(datasets, "MNIST", fetch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert len(load("mnist", "train")[0]) == 6
    assert len(load("mnist", "held-out")[0]) == 3
    assert (tmp_path / "ddpm-grader").is_dir()


@pytest.mark.skipif(not SHARED_MNIST.is_dir(), reason="needs MNIST's test files")
def test_real_mnist_is_read():
    (train, labels), (held_out, _) = load(SHARED_MNIST, "train"), load(SHARED_MNIST, "held-out")
    assert train.shape == (8000, 1, 28, 28)
    assert held_out.shape == (2000, 1, 28, 28)
    assert 0.12 < train.mean() < 0.14  # MNIST's mean grey is 0.13
    assert train.max() == 1.0
    assert set(labels.tolist()) == set(range(10))


def test_the_package_imports_no_torch_and_its_modules_import_nothing_of_the_grader():
    """Nor do they import torchvision or scikit-learn, which only some commands need."""
    code = (
        "import sys, reference; assert 'torch' not in sys.modules\n"
        "import reference.trainer, reference.sampler, reference.readings, reference.pretrained\n"
        "import reference.digits, reference.evaluation, reference.unet\n"
        "packages = {name.split('.')[0] for name in sys.modules}\n"
        "assert not packages & {'torchvision', 'sklearn', 'grader', 'rubrics'}, packages"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
