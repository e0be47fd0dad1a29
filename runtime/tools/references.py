"""Prints runtime/tests/math/references.rs: function values to 50 digits, rounded (needs mpmath).

    python3 runtime/tools/references.py > runtime/tests/math/references.rs
"""

import random
from mpmath import mp, mpf, exp, expm1, log, sin, cos, tan, asin, acos, atan, atan2, sinh, cosh, tanh, erf, erfc, gamma, psi, besseli

mp.dps = 400
random.seed(1)

UNARY = {
    "exp": (exp, [(-700, 700), (-1, 1)]),
    "expm1": (expm1, [(-40, 100), (-1, 1), (-1e-9, 1e-9)]),
    "log": (log, [(0, 3), (0, 1e300), (0.99, 1.01)]),
    "log1p": (lambda x: log(1 + x), [(-1, 3), (-1e-9, 1e-9), (0, 1e20)]),
    "sin": (sin, [(-5, 5), (-1e9, 1e9), (-1e300, 1e300)]),
    "cos": (cos, [(-5, 5), (-1e9, 1e9), (-1e300, 1e300)]),
    "tan": (tan, [(-5, 5), (-1e9, 1e9), (-1e300, 1e300)]),
    "asin": (asin, [(-1, 1)]),
    "acos": (acos, [(-1, 1)]),
    "atan": (atan, [(-1, 1), (-100, 100)]),
    "sinh": (sinh, [(-1, 1), (-700, 700)]),
    "cosh": (cosh, [(-1, 1), (-700, 700)]),
    "tanh": (tanh, [(-1, 1), (-20, 20)]),
    "sigmoid": (lambda x: 1 / (1 + exp(-x)), [(-5, 5), (-700, 30)]),
    "softplus": (lambda x: log(1 + exp(x)), [(-5, 5), (-700, 30)]),
    "erf": (erf, [(-1, 1), (-5, 5)]),
    "erfc": (erfc, [(-1, 1), (-5, 26)]),
    "lgamma": (lambda x: log(abs(gamma(x))), [(0, 3), (3, 100)]),
    "digamma": (lambda x: psi(0, x), [(0, 3), (3, 100)]),
    "trigamma": (lambda x: psi(1, x), [(0, 3), (3, 100)]),
    "bessel_i0e": (lambda x: exp(-abs(x)) * besseli(0, x), [(-10, 10), (8, 100)]),
    "bessel_i1e": (lambda x: exp(-abs(x)) * besseli(1, x), [(-10, 10), (8, 100)]),
}
BINARY = {
    "pow": (lambda x, y: x**y, [((0, 3), (-30, 30)), ((0, 1e6), (-50, 50))]),
    "atan2": (atan2, [((-1, 1), (-1, 1)), ((-1e200, 1e200), (-1, 1))]),
}

print("//! Values to full precision. Made by tools/references.py; not written by hand.")
print("#![allow(clippy::excessive_precision, clippy::approx_constant)]")
print("\n/// (function, argument, value).\npub const UNARY: &[(&str, f64, f64)] = &[")
for name, (f, ranges) in UNARY.items():
    for a, b in ranges:
        for _ in range(8):
            x = random.uniform(a, b)
            print(f'    ("{name}", {x!r}, {float(f(mpf(x)))!r}),')
print("];\n\n/// (function, first argument, second, value).\npub const BINARY: &[(&str, f64, f64, f64)] = &[")
for name, (f, ranges) in BINARY.items():
    for (a, b), (c, d) in ranges:
        for _ in range(8):
            x, y = random.uniform(a, b), random.uniform(c, d)
            print(f'    ("{name}", {x!r}, {y!r}, {float(f(mpf(x), mpf(y)))!r}),')
print("];")
