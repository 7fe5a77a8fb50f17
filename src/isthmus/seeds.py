"""Seeds from what scikit-learn calls a random state."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from isthmus.errors import ParameterError, sentence


def drawn_seed(state: Any, what: str) -> int:
    """A seed drawn from a random state as scikit-learn takes them.

    what : the parameter's name in an error. Raises ParameterError for anything else.
    """
    try:
        return int(check_random_state(state).randint(2**31 - 1))
    except ValueError as error:
        rule = "None, an integer in [0, 2**32) or a numpy RandomState"
        raise ParameterError(sentence(what, rule, state)) from error


def seed_of(state: Any, what: str) -> int:
    """The seed that a whole training or diagnosis follows: an integer is the seed itself, None draws a new one.

    what : the parameter's name in an error. Raises ParameterError as :func:`drawn_seed` does.
    """
    if isinstance(state, int | np.integer) and state >= 0:
        return int(state)
    if state is None:
        return int(np.random.SeedSequence().generate_state(1)[0]) % 2**31
    return drawn_seed(state, what)
