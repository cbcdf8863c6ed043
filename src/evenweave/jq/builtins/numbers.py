"""Functions of numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.arithmetic import negative
from evenweave.jq.builtins.function import Function
from evenweave.jq.errors import JqError, JqLimitError
from evenweave.jq.text import describe, is_number_text, read_number, special_number
from evenweave.jq.values import NUMBERS, compare, double, tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evenweave.jq.limits import Budget


def number_of(value: Any, name: str) -> float:
    """The value as a double.

    Raises:
        JqError: it is no number.
    """
    if type(value) not in NUMBERS:
        raise JqError(f"{describe(value)} number required")
    return double(value)


def _unary(name: str, function: Callable[[float], float]) -> Function:
    def run(value: Any) -> int | float:
        return _guarded(function, number_of(value, name))

    return Function(run)


def _nary(name: str, function: Callable[..., float]) -> Function:
    def run(_value: Any, *arguments: Any) -> int | float:
        return _guarded(function, *[number_of(argument, name) for argument in arguments])

    return Function(run)


def _guarded(function: Callable[..., float], *arguments: float) -> int | float:
    """C's libm gives NaN or an infinity where Python raises."""
    try:
        return tidy(float(function(*arguments)))
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: -math.inf if x == 0 else function(x)


def _round_away(x: float) -> float:
    return math.copysign(math.floor(abs(x) + 0.5), x) if abs(x) < 2.0**52 else x


def _keep_special(function: Callable[[float], float]) -> Callable[[float], float]:
    """Integral rounding that leaves NaN and infinities alone, and the sign of a zero."""
    return lambda x: math.copysign(function(x), x) if math.isfinite(x) else x


def _pow(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    except ValueError:
        # A zero to a negative power is an infinity; a negative number to a fraction is NaN.
        if x == 0:
            return math.copysign(math.inf, x) if y % 2 == 1 else math.inf
        return math.nan


def _logb(x: float) -> float:
    if x == 0:
        return -math.inf
    if math.isinf(x):
        return math.inf
    return x if math.isnan(x) else float(math.frexp(x)[1] - 1)


def _significand(x: float) -> float:
    return x if x == 0 or not math.isfinite(x) else math.frexp(x)[0] * 2


def _gamma(x: float) -> float:
    if math.isinf(x) or x == math.floor(x) <= 0:
        return math.inf
    return math.lgamma(x)


def _tgamma(x: float) -> float:
    if x == 0:
        return math.copysign(math.inf, x)
    return math.gamma(x)


def _ldexp(x: float, y: float) -> float:
    try:
        return math.ldexp(x, int(max(min(y, 100_000), -100_000)))
    except OverflowError:
        return math.copysign(math.inf, x)


def _scalb(x: float, y: float) -> float:
    return math.nan if math.isnan(y) else _ldexp(x, y)


def _fmin(x: float, y: float) -> float:
    return y if math.isnan(x) else x if math.isnan(y) else min(x, y)


def _fmax(x: float, y: float) -> float:
    return y if math.isnan(x) else x if math.isnan(y) else max(x, y)


def _fdim(x: float, y: float) -> float:
    return math.nan if math.isnan(x) or math.isnan(y) else max(x - y, 0.0)


def _exp10(x: float) -> float:
    return _guarded(lambda: 10.0**x)


def _frexp(value: Any) -> list[Any]:
    number = number_of(value, "frexp")
    if not math.isfinite(number):
        return [number, 0]
    mantissa, exponent = math.frexp(number)
    return [tidy(mantissa), exponent]


def _modf(value: Any) -> list[Any]:
    number = number_of(value, "modf")
    if math.isinf(number):
        return [math.copysign(0.0, number), number]
    fraction, whole = math.modf(number)
    return [tidy(fraction), tidy(whole)]


def _lgamma_r(value: Any) -> list[Any]:
    number = number_of(value, "lgamma_r")
    sign = -1 if number < 0 and math.floor(number) % 2 else 1
    return [_guarded(_gamma, number), sign]


def _abs(value: Any) -> Any:
    if compare(value, 0) < 0:
        return negative(value)
    return value if value or type(value) not in NUMBERS else 0


def _tonumber(value: Any) -> Any:
    if type(value) in NUMBERS:
        return value
    if type(value) is str:
        if is_number_text(value):
            return read_number(value)
        if value and (special := special_number(value)) is not None:
            return special
    raise JqError(f"{describe(value)} cannot be parsed as a number")


def _toboolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    if value == "true" and type(value) is str:
        return True
    if value == "false" and type(value) is str:
        return False
    raise JqError(f"{describe(value)} cannot be parsed as a boolean")


def _isinfinite(value: Any) -> bool:
    return type(value) in NUMBERS and math.isinf(double(value))


def _isfinite(value: Any) -> bool:
    return type(value) in NUMBERS and not math.isinf(double(value))


def _isnan(value: Any) -> bool:
    return type(value) in NUMBERS and math.isnan(double(value))


def _isnormal(value: Any) -> bool:
    if type(value) not in NUMBERS:
        return False
    number = abs(double(value))
    return math.isfinite(number) and number >= 2.2250738585072014e-308


def _now(budget: Budget, _value: Any) -> float:
    if budget.now is None:
        raise JqLimitError("now is not known here")
    return budget.now


_UNARY: Final[dict[str, Callable[[float], float]]] = {
    "floor": _keep_special(math.floor),
    "ceil": _keep_special(math.ceil),
    "trunc": _keep_special(math.trunc),
    "round": _keep_special(_round_away),
    "rint": _keep_special(round),
    "nearbyint": _keep_special(round),
    "sqrt": math.sqrt,
    "cbrt": math.cbrt,
    "exp": math.exp,
    "exp2": math.exp2,
    "exp10": _exp10,
    "expm1": math.expm1,
    "log": _logarithm(math.log),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "log1p": lambda x: -math.inf if x == -1 else math.log1p(x),
    "logb": _logb,
    "significand": _significand,
    "gamma": _gamma,
    "lgamma": _gamma,
    "tgamma": _tgamma,
    "fabs": abs,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": lambda x: math.copysign(math.inf, x) if abs(x) == 1 else math.atanh(x),
    "erf": math.erf,
    "erfc": math.erfc,
}
_BINARY: Final[dict[str, Callable[[float, float], float]]] = {
    "pow": _pow,
    "atan2": math.atan2,
    "fmod": math.fmod,
    "remainder": math.remainder,
    "drem": math.remainder,
    "hypot": math.hypot,
    "copysign": math.copysign,
    "fmin": _fmin,
    "fmax": _fmax,
    "fdim": _fdim,
    "ldexp": _ldexp,
    "scalb": _scalb,
    "scalbln": _ldexp,
    "nextafter": math.nextafter,
    "nexttoward": math.nextafter,
}

FUNCTIONS: Final[dict[tuple[str, int], Function]] = {
    **{(name, 0): _unary(name, function) for name, function in _UNARY.items()},
    **{(name, 2): _nary(name, function) for name, function in _BINARY.items()},
    ("fma", 3): _nary("fma", lambda x, y, z: x * y + z),
    ("frexp", 0): Function(_frexp),
    ("modf", 0): Function(_modf),
    ("lgamma_r", 0): Function(_lgamma_r),
    ("abs", 0): Function(_abs),
    ("tonumber", 0): Function(_tonumber),
    ("toboolean", 0): Function(_toboolean),
    ("infinite", 0): Function(lambda _: math.inf),
    ("nan", 0): Function(lambda _: math.nan),
    ("isinfinite", 0): Function(_isinfinite),
    ("isfinite", 0): Function(_isfinite),
    ("isnan", 0): Function(_isnan),
    ("isnormal", 0): Function(_isnormal),
    ("have_decnum", 0): Function(lambda _: True),
    ("have_literal_numbers", 0): Function(lambda _: True),
    ("now", 0): Function(_now, budget=True),
}


def count_up(start: float, stop: float) -> Iterator[Any]:
    """``range(start; stop)``: up to what is not below ``stop``, so forever if that is NaN."""
    if type(start) is int and type(stop) is int:
        return iter(range(start, stop))
    return _count_up(double(start), double(stop))


def _count_up(number: float, stop: float) -> Iterator[Any]:
    while not number >= stop:
        yield tidy(number)
        number += 1


def count_by(start: float, stop: float, step: float) -> Iterator[Any]:
    """``range(start; stop; step)``: as long as a number is before ``stop`` in jq's order, where NaN comes first."""
    if type(start) is int and type(stop) is int and type(step) is int and step:
        return iter(range(start, stop, step))
    return _count_by(double(start), double(stop), double(step))


def _count_by(number: float, stop: float, step: float) -> Iterator[Any]:
    if step > 0:
        while number < stop or math.isnan(number):
            yield tidy(number)
            number += step
    elif step < 0 or math.isnan(step):
        while number > stop or (math.isnan(stop) and not math.isnan(number)):
            yield tidy(number)
            number += step
