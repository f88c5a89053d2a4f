"""Splits: of every class, seeded, no image on both sides; what is wrong between sets is said with its figure."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from eenet.data import ImageSet
from eenet.data.checks import check_sets
from eenet.data.split import split_images, validation_count
from eenet.errors import UserError
from eenet.splits import stratified_mask
from support.photos import pattern


@pytest.mark.parametrize("count", [1, 30, 123, 270, 299])
def test_every_class_gives_the_same_share(count: int) -> None:
    labels = np.sort(np.random.default_rng(0).integers(0, 3, 300))
    mask = stratified_mask(labels, count, seed=1)
    assert mask.sum() == count
    taken, sizes = np.bincount(labels[mask], minlength=3), np.bincount(labels)
    if count >= 6:
        assert np.abs(taken - count * sizes / 300).max() < 1.5
    assert np.array_equal(mask, stratified_mask(labels, count, seed=1))
    assert count in (1, 299) or not np.array_equal(mask, stratified_mask(labels, count, seed=2))


def test_small_classes_are_in_both_parts() -> None:
    labels = np.array([0] * 96 + [1] * 4 + [2] * 3 + [3] * 2 + [4])
    for count in (20, 53, 90):
        mask = stratified_mask(labels, count, seed=0)
        first, second = (np.bincount(labels[rows], minlength=5) for rows in (mask, ~mask))
        assert (first[1], second[1]) == (2, 2)
        assert min(first[2], second[2]) == 1
        assert (first[3], second[3]) == (1, 1)


def test_choice_within_a_class_is_even() -> None:
    labels = np.repeat([0, 1], [10, 7])
    taken = sum(stratified_mask(labels, 8, seed).astype(int) for seed in range(2000))
    assert np.abs(taken / 2000 - 8 / 17).max() < 0.08


def test_sorted_data_lose_no_class() -> None:
    images = pattern(160, 4)
    images = images[np.argsort(images.labels, kind="stable")]
    train, validation = split_images(images, 60, seed=0)
    assert np.bincount(train.labels).tolist() == [25] * 4
    assert np.bincount(validation.labels).tolist() == [15] * 4
    assert sorted([*train.index, *validation.index]) == list(range(160))
    assert np.array_equal(pattern(160, 4)[validation.index].images, validation.images)
    tail = split_images(images, 60, seed=0, how="tail")[1]
    assert np.array_equal(tail.index, images.index[100:])


def test_images_that_are_there_twice_stay_on_one_side(caplog: pytest.LogCaptureFixture) -> None:
    images = pattern(100, 2)
    rows = np.concatenate([np.arange(100), np.arange(40)])
    train, validation = split_images(images[rows], 40, seed=0)
    assert not set(train.digests().tolist()) & set(validation.digests().tolist())
    assert len(train) + len(validation) == 140
    assert not caplog.records
    labels = images.labels[rows]
    labels[-3:] = 1 - labels[-3:]
    with caplog.at_level(logging.WARNING):
        split_images(ImageSet(images.images[rows], labels, images.class_names), 40, seed=0)
    assert "3 of 140 images have the same pixels as one of another class: image 137 (" in caplog.text


@pytest.mark.parametrize(
    ("size", "total", "count"),
    [
        (None, 500, 100),
        (None, 50_000, 5000),
        ("400", 2000, 400),
        ("0.25", 200, 50),
        ("20%", 200, 40),
        ("20 %", 200, 40),
        (None, 3, 1),
    ],
)
def test_validation_sizes(size: str | None, total: int, count: int) -> None:
    assert validation_count(size, total) == count


@pytest.mark.parametrize(
    "size", ["0", "200", "1.0", "-5", "nan", "inf", "few", "%", "1e400", "", "1_0", " 5", "٣", "1_0%", "20  %"]
)
def test_validation_sizes_refused(size: str) -> None:
    with pytest.raises(UserError, match="validation_size: got"):
        validation_count(size, 200)


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1b[31m", "\x7f", "a\udcff", "ä" * 129])
def test_names_that_no_bundle_takes_are_refused_before_training(name: str) -> None:
    images = pattern(20, 2)
    check_sets(replace(images, class_names=("ä" * 128, "class 1")), {})
    with pytest.raises(UserError, match=r"training set: class .* came, expected names of 1 to 256 bytes"):
        check_sets(replace(images, class_names=("class_0", name)), {})


def warnings_of(caplog: pytest.LogCaptureFixture, train: ImageSet, **others: ImageSet) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        check_sets(train, others)
    return caplog.messages


def test_sets_are_checked_against_each_other(caplog: pytest.LogCaptureFixture) -> None:
    images = pattern(400, 4)
    train, rest = images[:300], images[300:]
    assert warnings_of(caplog, train, validation=rest, test=pattern(60, 4, seed=1)) == []
    (few,) = warnings_of(caplog, train, validation=rest[rest.index < 312])
    assert few == (
        "validation set: fewer than 4 images of 4 of 4 classes: 'class_0 (3)', 'class_1 (3)', 'class_2 (3)', "
        "'class_3 (3)'"
    )
    leak = images[np.concatenate([np.arange(10), np.arange(300, 390)])]
    (twins,) = warnings_of(caplog, train, test=leak)
    assert "test set: 10 of 100 images have the same pixels as a training image (image 0 and image 0" in twins
    assert "too high by up to 10.0 points" in twins
    test = pattern(400, 4, seed=1)
    (shift,) = warnings_of(caplog, train, test=test[(test.labels != 0) | (test.index < 20)])
    assert "23 % of it would have to be of another class" in shift
    rare, frequent = np.flatnonzero(train.labels == 0)[:10], np.flatnonzero(train.labels > 0)
    (imbalance,) = warnings_of(caplog, train[np.concatenate([rare, frequent])])
    assert "training set: classes have from 10 images ('class_0') to 75 images ('class_" in imbalance
    assert "), 7.5 : 1; the network will answer with the frequent ones" in imbalance
    with pytest.raises(UserError, match="training set: no image of 'class_3'"):
        check_sets(train[train.labels < 3], {})
