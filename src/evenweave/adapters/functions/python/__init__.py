"""Functions that are Python callables of this process."""

from evenweave.adapters.functions.python.functions import PythonFunctions
from evenweave.adapters.functions.python.loading import load_callable

__all__ = ["PythonFunctions", "load_callable"]
