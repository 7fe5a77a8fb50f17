"""Options, a TOML file and --set: who wins, and that all mistakes are reported together."""

import pytest

from isthmus.architectures import Conv, Dense
from isthmus.cli.choices import Choices, with_file
from isthmus.cli.settings import compose
from isthmus.codes import Deterministic
from isthmus.corruptions import GaussianNoise
from isthmus.errors import InputError, ParameterError
from isthmus.losses import BinaryCrossEntropy, Huber
from isthmus.penalties import L1
from isthmus.training.optimizers import SGD, Muon

FILE = """
recipe = "dense"
code-size = 25
hidden = [64, 32]
loss = "bce"
epochs = 7
seed = 5
validation = "held.npy"
corruption = "GaussianNoise(0.3)"
penalties = ["L1(0.01)"]
scaling = "unit"

[architecture]
activation = "tanh"

[training]
batch_size = 64
optimizer = "muon"

[training.schedule]
type = "Linear"
warmup = 0.1
"""


@pytest.fixture
def toml(tmp_path):
    def write(text):
        path = tmp_path / "config.toml"
        path.write_text(text)
        return path

    return write


def test_a_file_says_everything(toml):
    choices = with_file(Choices(), toml(FILE))
    model = compose(choices)
    assert model.architecture == Dense(hidden=(64, 32), activation="tanh")
    assert model.code == Deterministic(25)
    assert model.loss == BinaryCrossEntropy()
    assert model.corruption == GaussianNoise(0.3)
    assert model.penalties == (L1(0.01),)
    assert model.scaling == "unit"
    assert model.random_state == 5
    assert model.training.max_epochs == 7
    assert model.training.batch_size == 64
    assert model.training.optimizer == Muon()
    assert model.training.schedule.warmup == 0.1
    assert choices.validation == "held.npy"


def test_the_command_line_wins_over_the_file(toml):
    choices = Choices(
        code_size=3,
        hidden="8",
        loss="huber",
        epochs=1,
        seed=2,
        validation="other.npy",
        settings=("training.batch_size=9", "architecture.activation=elu", "penalties=()"),
    )
    choices = with_file(choices, toml(FILE))
    model = compose(choices)
    assert model.architecture == Dense(hidden=(8,), activation="elu")
    assert model.code == Deterministic(3)
    assert model.loss == Huber()
    assert (model.training.max_epochs, model.training.batch_size, model.random_state) == (1, 9, 2)
    assert model.penalties == ()
    assert choices.validation == "other.npy"


def test_options_win_over_parts_of_the_file(toml):
    file = toml('[architecture]\ntype = "Dense"\nhidden = [99]\n[code]\ntype = "Deterministic"\nsize = 9\n')
    assert compose(with_file(Choices(), file)).architecture.hidden == (99,)
    model = compose(with_file(Choices(hidden="7,5", code_size=2), file))
    assert model.architecture.hidden == (7, 5)
    assert model.code.size == 2


def test_the_defaults_are_the_dense_recipe_with_seed_0():
    model = compose(Choices())
    assert model.architecture == Dense()
    assert model.code == Deterministic(16)
    assert model.random_state == 0


def test_fields_of_a_recipe_and_whole_parts():
    model = compose(Choices(recipe="conv", settings=("channels=8,16", "code=5", "training.optimizer=sgd")))
    assert model.architecture == Conv(channels=(8, 16))
    assert model.code == 5
    assert model.training.optimizer == SGD()
    model = compose(Choices(settings=("training.optimizer=sgd", "training.optimizer.momentum=0.5")))
    assert model.training.optimizer == SGD(momentum=0.5)
    model = compose(Choices(settings=("architecture=Conv(channels=(4,))", "architecture.kernel_size=5")))
    assert model.architecture == Conv(channels=(4,), kernel_size=5)
    assert compose(Choices(hidden="")).architecture.hidden == ()


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (Choices(recipe="dens"), ["'dense'"]),
        (Choices(settings=("bar",)), ["--set 'bar' has no value"]),
        (Choices(settings=("foo=3",)), ["no 'foo'"]),
        (Choices(settings=("training.optimizr=adam",)), ["did you mean 'optimizer'"]),
        (Choices(settings=("training.optimizer=mun",)), ["did you mean 'muon'"]),
        (Choices(settings=("training.optimizer.momentun=1", "training.optimizer=sgd")), ["'momentun'"]),
        (Choices(settings=("training.checkpoint=x",)), ["--checkpoint-every"]),
        (Choices(settings=("corruption.sd=3",)), ["set corruption as a whole first"]),
        (Choices(settings=("penalties=3",)), ["penalties", "3"]),
        (Choices(recipe="conv", hidden="3"), ["recipe conv has no hidden"]),
        (Choices(hidden="many"), ["hidden of Dense"]),
        (Choices(code_size=0), ["size of Deterministic"]),
        (Choices(loss="mes"), ["did you mean 'mse'"]),
        (
            Choices(
                code_size=0,
                loss="mes",
                settings=("training.learning_rate=-1", "architecture.drop=1", "corruption=GausNoise(1)"),
            ),
            ["size of Deterministic", "'mse'", "learning_rate of Training", "'dropout'", "'GaussianNoise'"],
        ),
    ],
)
def test_all_mistakes_are_named_together(choices, words):
    with pytest.raises(ParameterError) as caught:
        compose(choices)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs = 'ten'", "epochs"),
        ("epochs = true", "epochs"),
        ("epochs = ", "no TOML"),
        ("epoch = 3", "'epochs'"),
        ("[trainig]\nbatch_size = 3", "'training'"),
        ("[training]\nbatchsize = 3", "'batch_size'"),
        ("[training]\nbatch_size = 0", "batch_size"),
        ("[architecture]\ntype = 'Dens'", "Dense"),
        ("[architecture]\ntype = 'Dense'\nhiden = [3]", "'hidden'"),
        ("[penalties]\nweight = 3", "penalties"),
    ],
)
def test_mistakes_in_a_file(toml, text, words):
    with pytest.raises(ParameterError, match=words):
        compose(with_file(Choices(), toml(text)))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.toml"):
        with_file(Choices(), tmp_path / "none.toml")
