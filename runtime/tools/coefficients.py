"""Prints runtime/src/math/coefficients.rs: near-minimax polynomials by Chebyshev interpolation (needs mpmath).

    python3 runtime/tools/coefficients.py > runtime/src/math/coefficients.rs
"""

from mpmath import mp, mpf, cos, sin, exp, log, pi, sqrt, asin, atan, sinh, cosh, erf, erfc, loggamma, psi, besseli, expm1, findroot

mp.dps = 60


def chebyshev(f, a, b, degree):
    """Chebyshev coefficients of f on [a, b]."""
    n = degree + 1
    nodes = [cos(pi * (k + mpf(1) / 2) / n) for k in range(n)]
    values = [f((b + a) / 2 + (b - a) / 2 * t) for t in nodes]
    c = [2 / mpf(n) * sum(v * cos(j * pi * (k + mpf(1) / 2) / n) for k, v in enumerate(values)) for j in range(n)]
    c[0] /= 2
    return c


def monomials(c, a, b):
    """The same polynomial in powers of x."""
    shift, scale = -(a + b) / (b - a), 2 / (b - a)  # t = shift + scale x

    def times_t(p):
        out = [mpf(0)] * (len(p) + 1)
        for i, v in enumerate(p):
            out[i] += shift * v
            out[i + 1] += scale * v
        return out

    def add(p, q, f=1):
        n = max(len(p), len(q))
        return [(p[i] if i < len(p) else 0) + f * (q[i] if i < len(q) else 0) for i in range(n)]

    previous, current = [mpf(1)], times_t([mpf(1)])
    out = add([c[0]], [c[1] * v for v in current])
    for v in c[2:]:
        previous, current = current, add([2 * w for w in times_t(current)], previous, -1)
        out = add(out, [v * w for w in current])
    return out


def error(f, p, a, b):
    worst = mpf(0)
    for i in range(401):
        x = a + (b - a) * mpf(i) / 400
        x = x if x != 0 else (b - a) * mpf(10) ** -12
        v = sum(w * x**j for j, w in enumerate(p))
        worst = max(worst, abs(v - f(x)) / abs(f(x)))
    return worst


def show(name, text, values, single=False):
    kind = "f32" if single else "f64"
    print(f"\n/// {text}")
    print(f"pub const {name}: [{kind}; {len(values)}] = [")
    for v in values:
        print(f"    {number(v, single)},")
    print("];")


def number(v, single=False):
    import struct

    if single:
        x = struct.unpack("f", struct.pack("f", float(v)))[0]
        for digits in range(1, 10):
            s = f"{x:.{digits}e}"
            if struct.unpack("f", struct.pack("f", float(s)))[0] == x:
                break
    else:
        s = repr(float(v))
    return s if ("." in s or "e" in s) else s + ".0"


def fit(name, text, f, a, b, degree, single=False):
    """Fits f in powers of its argument on [a, b]."""
    a, b = mpf(a), mpf(b)
    p = monomials(chebyshev(f, a, b, degree), a, b)
    rounded = [mpf(float(v)) for v in p] if not single else p
    e = error(f, rounded, a, b)
    show(name, f"{text}, on [{mp.nstr(a, 5)}, {mp.nstr(b, 5)}]; relative error {mp.nstr(e, 2)}.", p, single)


def dd(name, text, v):
    hi = mpf(float(v))
    lo = mpf(float(v - hi))
    print(f"\n/// {text}, in two parts.\npub const {name}: (f64, f64) = ({float(hi)!r}, {float(lo)!r});")


def cheb(name, text, f, a, b, degree):
    c = chebyshev(f, mpf(a), mpf(b), degree)
    tail = abs(c[-1]) / abs(c[0])
    show(name, f"{text}: Chebyshev coefficients on [{a}, {b}]; last over first {mp.nstr(tail, 2)}.", c)


root = lambda f: lambda z: f(sqrt(z))

print("//! Polynomial coefficients, lowest power first. Made by tools/coefficients.py; not written by hand.")
print("#![allow(clippy::excessive_precision, clippy::approx_constant)]")

LN2_2 = log(mpf(2)) / 2 + mpf("1e-6")


def exp_rest(r):
    return (exp(r) - 1 - r) / r**2 if abs(r) > 1e-15 else mpf(1) / 2 + r / 6


fit("EXP", "(eʳ − 1 − r)/r² in r", exp_rest, -LN2_2, LN2_2, 10)
ZL = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * mpf("1.0001")
fit("LOG", "(ln((1+s)/(1−s)) − 2s)/s³ in z = s²", root(lambda s: (log((1 + s) / (1 - s)) - 2 * s) / s**3), 0, ZL, 7)
fit("LOG_FAR", "(ln((1+s)/(1−s)) − 2s − 2s³/3)/s⁵ in z = s²", root(lambda s: (log((1 + s) / (1 - s)) - 2 * s - 2 * s**3 / 3) / s**5), 0, ZL, 8)
ZQ = (pi / 4) ** 2 * mpf("1.00001")
fit("SIN", "(sin r − r)/r³ in z = r²", root(lambda r: (sin(r) - r) / r**3), 0, ZQ, 6)
fit("COS", "(cos r − 1 + r²/2)/r⁴ in z = r²", root(lambda r: (cos(r) - 1 + r**2 / 2) / r**4), 0, ZQ, 5)
fit("ASIN", "(asin s − s)/s³ in z = s²", root(lambda s: (asin(s) - s) / s**3), 0, mpf(1) / 4, 14)
fit("ATAN", "(atan q − q)/q³ in z = q²", root(lambda q: (atan(q) - q) / q**3), 0, (sqrt(mpf(2)) - 1) ** 2 * mpf("1.0001"), 11)
fit("SINH", "(sinh r − r)/r³ in z = r²", root(lambda r: (sinh(r) - r) / r**3), 0, LN2_2**2, 5)
fit("COSH", "(cosh r − 1 − r²/2)/r⁴ in z = r²", root(lambda r: (cosh(r) - 1 - r**2 / 2) / r**4), 0, LN2_2**2, 5)
fit("ERF", "erf x / x − 1 in z = x²", root(lambda x: erf(x) / x - 1), 0, 1, 15)
K = mpf(3)


def scaled_erfc(t):
    x = K * (1 + t) / (1 - t)
    if x > 60:
        z = 1 / (2 * x * x)
        return (1 + 2 * x) / (x * sqrt(pi)) * (1 - z + 3 * z**2 - 15 * z**3 + 105 * z**4 - 945 * z**5 + 10395 * z**6 - 135135 * z**7)
    return (1 + 2 * x) * exp(x * x) * erfc(x)


fit("ERFC", "(1 + 2x) exp(x²) erfc x in t = (x − 3)/(x + 3)", scaled_erfc, (mpf(1) / 2 - K) / (mpf(1) / 2 + K), (28 - K) / (28 + K), 24)
QUARTER = mpf(1) / 4
fit("SIN_QUARTER", "sin(πt/2)/t in z = t²", root(lambda t: sin(pi * t / 2) / t), 0, QUARTER, 7)
fit("COS_QUARTER", "(cos(πt/2) − 1)/t² in z = t²", root(lambda t: (cos(pi * t / 2) - 1) / t**2), 0, QUARTER, 6)

fit("LGAMMA_ONE", "lnΓ(1 + s)/s in s", lambda s: loggamma(1 + s) / s if abs(s) > 1e-20 else psi(0, 1) + s * psi(1, 1) / 2, mpf("-0.3"), mpf("0.5"), 23)
fit("LGAMMA_TWO", "lnΓ(2 + s)/s in s", lambda s: loggamma(2 + s) / s if abs(s) > 1e-20 else psi(0, 2) + s * psi(1, 2) / 2, mpf("-0.5"), 1, 24)
x0 = findroot(lambda x: psi(0, x), 1.46)
dd("DIGAMMA_ROOT", "The zero of ψ on the positive axis", x0)
fit("DIGAMMA", "ψ(x)/(x − x₀) in u = x − 3/2", lambda u: psi(0, u + mpf(3) / 2) / (u + mpf(3) / 2 - x0), -mpf(1) / 2, mpf(1) / 2, 23)
cheb("I0_NEAR", "e⁻ˣ I₀(x)", lambda x: exp(-x) * besseli(0, x), 0, 4, 22)
cheb("I0_MIDDLE", "e⁻ˣ I₀(x)", lambda x: exp(-x) * besseli(0, x), 4, 8, 18)
cheb("I1_NEAR", "e⁻ˣ I₁(x)/x", lambda x: exp(-x) * besseli(1, x) / x, 0, 4, 22)
cheb("I1_MIDDLE", "e⁻ˣ I₁(x)", lambda x: exp(-x) * besseli(1, x), 4, 8, 18)
far = lambda n: lambda y: sqrt(1 / y) * exp(-1 / y) * besseli(n, 1 / y)
cheb("I0_FAR", "√x e⁻ˣ I₀(x) in 1/x", far(0), 0, QUARTER / 2, 25)
cheb("I1_FAR", "√x e⁻ˣ I₁(x) in 1/x", far(1), 0, QUARTER / 2, 25)

fit("EXP_F32", "(eʳ − 1 − r)/r² in r", exp_rest, -LN2_2, LN2_2, 5, single=True)
fit("LOG_F32", "(ln((1+s)/(1−s)) − 2s)/s³ in z = s²", root(lambda s: (log((1 + s) / (1 - s)) - 2 * s) / s**3), 0, ZL, 3, single=True)
fit("SIN_F32", "(sin r − r)/r³ in z = r²", root(lambda r: (sin(r) - r) / r**3), 0, ZQ, 3, single=True)
fit("COS_F32", "(cos r − 1 + r²/2)/r⁴ in z = r²", root(lambda r: (cos(r) - 1 + r**2 / 2) / r**4), 0, ZQ, 2, single=True)
fit("SIN_QUARTER_F32", "sin(πt/2)/t in z = t²", root(lambda t: sin(pi * t / 2) / t), 0, QUARTER, 4, single=True)
fit("COS_QUARTER_F32", "(cos(πt/2) − 1)/t² in z = t²", root(lambda t: (cos(pi * t / 2) - 1) / t**2), 0, QUARTER, 3, single=True)

print("\n/// 2/π, 1216 bits after the point in words of 64, the highest first.")
print("pub const TWO_OVER_PI: [u64; 19] = [")
with mp.workdps(500):
    v = 2 / mp.pi
    for _ in range(19):
        v *= mpf(2) ** 64
        w = int(mp.floor(v))
        v -= w
        print(f"    0x{w:016x},")
print("];")
