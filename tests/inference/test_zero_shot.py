"""Labels as classes: the original's probabilities, text features and where they are kept."""

import dataclasses
import sys

import keras
import numpy as np
import pytest

import i3d
from i3d.inference import network, text_cache, zero_shot
from i3d.inference.average import softmax
from i3d.inference.few_shot import unit
from i3d.inference.text import Text
from i3d.models import actionclip, tokenizer
from i3d.runtime.command import UserError
from i3d.weights.cards import Card
from i3d.weights.zoo import default_spec
from tests.helpers import clip_files, clip_golden
from tests.helpers.videos import texture_frames, write_video

TINY = "actionclip_tiny_8f"
LABELS = ("falling", "sitting down", "ApplyEyeMakeup")
pytest.importorskip("keras_hub", reason="the extra clip is not installed")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The user's cache folder of this module."""
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("cache")
        patched.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "i3d" / "text"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return clip_files.write_actionclip(tmp_path_factory.mktemp("weights") / "a.safetensors")


@pytest.fixture(scope="module")
def loaded(file, cache):
    return i3d.load(TINY, file)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "a.mp4", texture_frames(30))


@pytest.fixture(scope="module")
def ucf101():
    """The labels of UCF101 as the golden tokens say them: in small letters."""
    rows = np.load(clip_golden.FOLDER / "tokens_ucf101.npz")["tokens"].astype(np.int32)
    alone = rows[tokenizer.TEMPLATES.index("{}") * 101 :][:101]
    words = tokenizer._tokenizer().detokenize([row[1 : row.argmax()].tolist() for row in alone])
    labels = [str(word).strip() for word in words]
    np.testing.assert_array_equal(tokenizer.tokens(tokenizer.prompts(labels)), rows)
    return labels


def outputs(head, features):
    return keras.ops.convert_to_numpy(head(features))


@pytest.mark.long
def test_probabilities_of_the_original(loaded, ucf101):
    """Its softmax for each template, then the mean; the mean of the embeddings is another."""
    golden = clip_golden.tiny()
    expected = golden["zeroshot_prob_ucf101_Transf"]
    text = zero_shot.text_features(loaded.model, ucf101)
    assert text.shape == (16, 101, 64) and text.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(text, axis=-1), 1, atol=1e-6)
    own = unit(golden["text_features_ucf101"]).reshape(text.shape)
    np.testing.assert_allclose(text, own, atol=1e-5)
    video = actionclip.video_part(loaded.model)(clip_golden.frames(), training=False)
    logits = outputs(zero_shot.TextHead(text), video)
    print(f"probabilities: {np.abs(softmax(logits) - expected).max():.1e}")
    np.testing.assert_allclose(softmax(logits), expected, atol=1e-4)
    np.testing.assert_allclose(np.exp(logits), expected, atol=1e-4)  # they are log probabilities
    best = np.argsort(-logits, axis=1)[:, :5]
    np.testing.assert_array_equal(best, golden["zeroshot_top5"])
    averaged = outputs(zero_shot.TextHead(unit(text.mean(axis=0, keepdims=True))), video)
    assert np.abs(softmax(averaged) - expected).max() > 0.2


def test_logits_are_finite_where_a_probability_is_none():
    text = unit(np.float32([[[1, 0], [-1, 0]]]))
    logits = outputs(zero_shot.TextHead(text), np.float32([[3, 0]]))
    np.testing.assert_allclose(logits, [[0, -200]], atol=1e-4)
    learned = outputs(zero_shot.TextHead(text, 14.5), np.float32([[3, 0]]))
    np.testing.assert_allclose(learned, [[0, -29]], atol=1e-4)


@pytest.mark.long
def test_several_lists_of_labels_on_one_network(loaded, video):
    first = loaded.predict(video, text=["falling", "sitting down"])
    assert [name for name, _ in first] and sum(score for _, score in first) == pytest.approx(1)
    other = loaded.predict(video, text="walking,running,falling", top_k=3)
    assert {name for name, _ in other} == {"walking", "running", "falling"}
    assert loaded.predict(video, text=["falling", "sitting down"]) == first
    swapped = loaded.predict(video, text=("sitting down", "falling"))
    assert swapped == [(name, pytest.approx(score, abs=1e-6)) for name, score in first]
    features = loaded.features(video)
    assert features.shape == (64,) and features.dtype == np.float32
    head = zero_shot.TextHead(zero_shot.text_features(loaded.model, ["falling", "sitting down"]))
    found = softmax(outputs(head, features[None]))[0]
    assert found.max() == pytest.approx(first[0][1], abs=1e-5)
    (net,) = loaded._networks
    assert all(n.steps is net.steps for n in loaded.of_text("a,b")._networks)
    assert len(net.steps) == 1  # compiled once, for all labels and the features
    assert loaded.class_names == () and "text as classes" in repr(loaded)
    with pytest.raises(UserError, match=r"are texts: expected predict\(video, text=\[...\]\)"):
        loaded.predict(video)


@pytest.mark.long
def test_the_learned_scale_and_labels_of_the_load(file, cache, video, loaded):
    found = i3d.load(TINY, file, text=LABELS, learned_scale=True, split_camel_case=True)
    assert found.class_names == LABELS
    (net,) = found._networks
    assert net.head.scale == pytest.approx(np.exp(clip_golden.log_scale()))
    expected = zero_shot.text_features(loaded.model, [*LABELS[:2], "Apply Eye Makeup"])
    np.testing.assert_allclose(net.head.text, expected, atol=1e-6)
    together = zero_shot.text_features(loaded.model, LABELS)
    assert np.abs(together[:, 2] - expected[:, 2]).max() > 0.01
    scores = dict(found.predict(video))
    soft = dict(loaded.predict(video, text=[*LABELS[:2], "Apply Eye Makeup"]))
    assert max(scores.values()) < max(soft.values())  # a scale of 15 in place of 100
    assert set(dict(found.predict(video, text="x,y"))) == {"x", "y"}


@pytest.mark.long
def test_bfloat16_is_near(file, cache, loaded, video):
    """Probabilities of scale 100 within 0.05, of the learned scale (14.6) within 0.01."""
    half = i3d.load(TINY, file, precision="bfloat16")
    for learned, tolerance in ((False, 0.05), (True, 0.01)):
        words = Text(LABELS, learned_scale=learned)
        rows = []
        for found in (loaded, half):
            (net,) = found._networks
            features = found.features(video)[None]
            rows.append(softmax(outputs(net.tower.head(words), features)))
        print(f"learned scale {learned}: {np.abs(rows[0] - rows[1]).max():.1e}")
        assert 0 < np.abs(rows[0] - rows[1]).max() < tolerance


@pytest.mark.long
def test_text_features_are_kept_on_disk(loaded, cache, monkeypatch):
    (net,) = loaded._networks
    labels, computed = ["keeping", "losing"], []
    original = zero_shot.TextTower._computed

    def counted(self, rows):
        computed.append(rows.shape)
        return original(self, rows)

    monkeypatch.setattr(zero_shot.TextTower, "_computed", counted)
    first = zero_shot.text_features(loaded.model, labels)
    tower = zero_shot.TextTower(loaded.model)  # as of another process
    for _ in range(2):
        np.testing.assert_array_equal(tower.features(labels), first)
    assert len(computed) == 1 and computed[0][0] == 32 and computed[0][1] < 20  # trimmed
    key = text_cache.key_of(tower._digest, zero_shot.tokens_of(labels), _precision(tower))
    path = cache / f"{key}.npz"
    whole = path.read_bytes()
    for damaged in (whole[:-40], whole[:200] + b"\1" + whole[201:], b""):
        path.write_bytes(damaged)
        again = zero_shot.text_features(loaded.model, labels)
        np.testing.assert_array_equal(again, first)
        assert path.read_bytes() == whole
    assert len(computed) == 4
    other = cache / "other.npz"
    path.rename(other)
    other.rename(path.with_name(f"{'0' * 64}.npz"))  # under another name it is not taken
    assert text_cache.get("0" * 64) is None
    with monkeypatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", "/proc/nothere")
        np.testing.assert_array_equal(zero_shot.text_features(loaded.model, labels), first)
    assert len(computed) == 5


def _precision(tower):
    return zero_shot._precision(tower._part)


@pytest.mark.long
def test_other_weights_have_other_keys(loaded):
    rows = zero_shot.tokens_of(["a", "b"])
    (net,) = loaded._networks
    arrays = net.tower._part.get_weights()
    before = text_cache.digest_of(arrays)
    arrays[3] = arrays[3] + 1e-6
    assert text_cache.digest_of(arrays) != before
    keys = {
        text_cache.key_of(before, rows, "float32"),
        text_cache.key_of(before, rows, "bfloat16"),
        text_cache.key_of(before, rows[::-1], "float32"),
        text_cache.key_of("", rows, "float32"),
    }
    assert len(keys) == 4


@pytest.mark.parametrize(
    "labels, told",
    [
        (
            ["fine", "word " * 80, "so"],
            r"^label 'word .*expected at most 77 tokens .* got \d\d of ",
        ),
        (["Falling", "sitting", "falling"], "^labels 'Falling' and 'falling' are the same text"),
    ],
)
def test_labels_that_cannot_be_used(labels, told):
    with pytest.raises(UserError, match=told):
        zero_shot.tokens_of(labels)


def test_without_the_extra_loading_is_a_user_s_error(tmp_path, monkeypatch):
    """As the tokens are, where keras-hub is there and ftfy is not."""
    told = r"extra clip: pip install 'i3d\[clip\]'"
    (tmp_path / "a.pt").touch()
    tokenizer._tokenizer.cache_clear()
    for missing in ("ftfy", "keras_hub"):
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(UserError, match=told):
            zero_shot.tokens_of(["a", "b"])
    for text in (None, ["a", "b"]):
        with pytest.raises(UserError, match=told):
            i3d.load(TINY, tmp_path / "a.pt", text=text)


@pytest.mark.long
def test_endpoints_and_classes_of_a_card(file, loaded):
    card = Card("a", str(file), TINY, default_spec(TINY))
    with pytest.raises(UserError, match=f"the classes of {TINY} are texts: expected labels, by"):
        network.load(card)
    named = network.load(dataclasses.replace(card, labels=LABELS))
    assert named.num_classes == 3 and named.head.text.shape == (16, 3, 64)
    net = network.load(card, endpoint="features")
    views = np.zeros((2, *card.spec.view_shape), np.uint8)
    assert net(views).shape == (2, 64) and net.head is None
    assert named(views).shape == (2, 3) and named.at("features")(views).shape == (2, 64)
    with pytest.raises(UserError, match="--endpoint: .* has no layer 'nothere'"):
        network.load(card, endpoint="nothere")


def test_text_for_a_network_without_a_text_tower(video):
    with pytest.raises(UserError, match="inception_i3d has no text tower"):
        i3d.load("demo_rgb", text=["a", "b"])
    with pytest.raises(UserError, match="inception_i3d has no text tower"):
        i3d.load("demo_rgb").predict(video, text=["a", "b"])
