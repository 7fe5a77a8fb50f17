"""The conformance suite, public: what every part and recipe must keep to, isthmus's own and yours.

>>> from isthmus.corruptions import GaussianNoise
>>> from isthmus.testing import check_part
>>> check_part(GaussianNoise(0.2), fresh_process=False)
"""

from isthmus.testing.conformance import check_part as check_part
from isthmus.testing.conformance import check_recipe as check_recipe
from isthmus.testing.conformance import properties as properties
from isthmus.testing.failure import ConformanceError as ConformanceError

__all__ = ["ConformanceError", "check_part", "check_recipe", "properties"]
