import pytest

from isthmus import Autoencoder
from isthmus.codes import Gaussian, TopK
from isthmus.doctor.statistics.resizing import resized
from isthmus.recipes import separate_classifier


@pytest.mark.parametrize("code", [6, Gaussian(6, beta=0.5), TopK(6, k=2)])
def test_the_kind_of_code_stays(code):
    model = Autoencoder(code=code)
    kind = type(model.part("code"))
    model.set_params(**resized(model, 9))
    assert isinstance(model.part("code"), kind)
    assert model.part("code").size == 9


def test_sizes_that_other_parts_do_not_allow_give_no_patch():
    assert resized(Autoencoder(code=TopK(6, k=4)), 3) == {}
    divided = separate_classifier(16, classifier_size=10, redundancy=1.0)
    assert resized(divided, 10) == {}
    assert resized(divided, 11) == {"code__size": 11}


def test_a_pair_of_functions_and_a_code_of_nothing_give_no_patch():
    assert resized(None, 4) == {}
    assert resized(Autoencoder(code=4), 0) == {}
