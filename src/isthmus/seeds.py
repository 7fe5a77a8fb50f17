"""Seeds from what scikit-learn calls a random state."""

from __future__ import annotations

from typing import Any

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
