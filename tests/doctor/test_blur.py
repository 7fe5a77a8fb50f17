import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Conv, Dense
from isthmus.codes import Gaussian
from isthmus.corruptions import GaussianNoise
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.blur import Blur
from isthmus.training import Training

check = Blur()


def fitted(code=8, epochs=15, **parts):
    parts = {"architecture": Dense(hidden=(128, 64)), "loss": "bce"} | parts
    training = Training(max_epochs=epochs, batch_size=64, learning_rate=3e-3, threads=1)
    return Autoencoder(code=code, training=training, random_state=0, **parts).fit(digits()[0])


def flat(x):
    return x.reshape(len(x), -1)


def on_images(decode):
    """An encoder that copies, and a decoder that does something to the images."""
    return functions(flat, decode, *digits()[:2])


def test_a_sound_model_is_ok():
    found = check(patient(healthy()))
    assert found.severity == "ok"
    assert not found.remedies
    kept = found.evidence["fine_power_kept"]
    assert kept.low > kept.against


@pytest.mark.slow
@pytest.mark.parametrize(("code", "epochs"), [(2, 15), (32, 15), (Gaussian(8), 50)])
def test_other_sound_models_are_not_called_blurred(code, epochs):
    assert check(patient(fitted(code, epochs))).severity in ("ok", "info")


def test_copies_keep_everything_and_pca_of_that_size_does_too():
    found = check(on_images(lambda z: z.reshape(-1, 8, 8)))
    assert found.severity == "ok"
    for name in ("fine_power_kept", "fine_structure_explained", "edge_energy_kept"):
        assert found.evidence[name].value == pytest.approx(1)
        assert found.evidence[name].against == pytest.approx(1, abs=1e-4)


def test_smoothed_copies_are_found_the_more_the_smoother():
    found = [
        check(on_images(lambda z, s=s: gaussian_filter(z.reshape(-1, 8, 8), (0, s, s))))
        for s in (0.3, 0.6, 2.0)
    ]
    assert found[0].severity in ("ok", "info")
    assert [one.severity for one in found[1:]] == ["warning", "failure"]
    kept = [one.evidence["fine_power_kept"].value for one in found]
    assert kept == sorted(kept, reverse=True)


def test_half_the_contrast_is_a_quarter_of_the_power():
    center = digits()[0].mean(axis=0)
    found = check(on_images(lambda z: center + (z.reshape(-1, 8, 8) - center) / 2))
    assert found.evidence["fine_power_kept"].value == pytest.approx(0.25, rel=1e-3)
    assert found.evidence["fine_structure_explained"].value == pytest.approx(0.75, rel=1e-3)


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ({"code": Gaussian(8, beta=8.0)}, "code__beta"),
        ({"corruption": GaussianNoise(2.0)}, "corruption"),
        ({"epochs": 1}, "training__max_epochs"),
    ],
)
def test_models_that_were_made_to_blur_are_found_with_a_cure_for_the_cause(parts, name):
    model = fitted(**parts)
    found = check(patient(model))
    assert found.bad
    assert name in found.remedy.patch
    for remedy in found.remedies:
        model.set_params(**remedy.patch)
    model.fit(digits()[0][:100])


def test_mean_squares_of_data_in_the_unit_interval_may_become_cross_entropies():
    model = fitted(epochs=1, loss="mse", architecture=Dense(hidden=(32,), output_activation="sigmoid"))
    patches = [remedy.patch for remedy in check(patient(model)).remedies]
    (patch,) = [one for one in patches if "loss" in one]
    model.set_params(**patch).fit(digits()[0][:100])


def test_convolutions_are_given_channels():
    model = fitted(epochs=1, architecture=Conv((4,)))
    patches = [remedy.patch for remedy in check(patient(model)).remedies]
    assert {"architecture__channels": (8,)} in patches


def test_colors_and_sides_of_unequal_length():
    images = np.random.default_rng(0).random((500, 6, 9, 3)).astype(np.float32)
    found = check(
        functions(
            flat, lambda z: gaussian_filter(z.reshape(-1, 6, 9, 3), (0, 2, 2, 0)), images[:400], images[400:]
        )
    )
    assert found.severity == "failure"
    assert found.pictures[1].series["data"].shape[1:] == (6, 9, 3)


def test_noise_that_is_rightly_left_out_is_no_blur():
    """Stripes of one frequency and much noise: a model that gives the stripes alone is better than PCA."""
    generator = np.random.default_rng(0)
    phase = generator.random((400, 1, 1)) * 2 * np.pi
    stripes = np.sin(np.arange(16)[None, None] * 0.8 + phase) * np.ones((1, 16, 1))
    noisy = (stripes + 0.5 * generator.normal(size=stripes.shape)).astype(np.float32)
    waves = np.exp(1j * 0.8 * np.arange(16))

    def encode(x):
        return np.angle((x.mean(axis=1) * waves.conj()).sum(axis=1)).astype(np.float32)[:, None]

    def decode(z):
        return np.sin(np.arange(16)[None, None] * 0.8 + z[:, :, None] + np.pi / 2) * np.ones((1, 16, 1))

    assert check(functions(encode, decode, noisy[:200], noisy[200:])).severity in ("ok", "info")


def test_tables_tiny_images_equal_images_and_images_with_holes_are_skipped():
    table = functions(lambda x: x[:, :2], lambda z: np.tile(z[:, :1], (1, 64)))
    assert check(table).severity == "skipped"
    tiny = np.random.default_rng(0).random((80, 2, 2)).astype(np.float32)
    assert "fine structure" in check(functions(flat, lambda z: z, tiny[:40], tiny[40:])).why
    equal = np.ones((80, 8, 8), dtype=np.float32)
    assert "alike" in check(functions(flat, lambda z: z, equal[:40], equal[40:])).why


def test_images_with_unknown_pixels_are_left_out():
    images = digits()[0].astype(np.float64)
    images[:1000, 3, 3] = np.nan
    model = Autoencoder(code=4, training=Training(max_epochs=1, threads=1), random_state=0).fit(images[:300])
    assert "known in full" in check(of_model(model, images[:300], images[300:600])).why
    found = check(of_model(model, images[:300], images[900:]))
    assert found.evidence["fine_power_kept"].n == 300
