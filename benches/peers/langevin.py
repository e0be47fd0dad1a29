"""The Langevin equations of benches/models in JAX and diffrax, as one writes them, in double precision: a `lax.scan` over steps of all
walkers; diffrax's Euler with its fastest Brownian path, vectorised over walkers. Prints steps (of fields: of sites) per second,
compilation left out.

    python langevin.py jax|diffrax complex_langevin|double_well|fields|large_field|million_paths
"""
import sys
import time
from dataclasses import dataclass
from typing import Callable

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
KAPPA, LAMBDA = 0.26, 0.022


@dataclass
class Equation:
    drift: Callable
    diffusion: Callable
    """A function of time."""
    dt: float
    steps: int
    walkers: int
    begin: jax.Array
    """Where each walker begins, unless at random."""
    spread: Callable = None
    """Random beginnings of all walkers, of a key."""


def phi4_drift(phi):
    neighbours = sum(jnp.roll(phi, s, axis) for s in (-1, 1) for axis in (-2, -1))
    return 2 * KAPPA * neighbours - 2 * (1 - 2 * LAMBDA) * phi - 4 * LAMBDA * phi**3


def constant(size):
    return lambda t: size


def two_peaks(key):
    a, b = jax.random.split(key)
    return 0.25 * jax.random.normal(a, (1_000_000,)) + 2 * jax.random.bernoulli(b, 0.5, (1_000_000,)) - 1


root2 = 2**0.5
equations = {
    "complex_langevin": Equation(lambda z: -((1 + 1j) * z + z**3), constant(root2), 0.002, 1000, 100_000, jnp.zeros((), jnp.complex128)),
    "double_well": Equation(lambda x: x - x**3, constant(0.5), 0.01, 1000, 100_000, jnp.zeros(())),
    "fields": Equation(phi4_drift, constant(root2), 0.01, 2000, 64, jnp.zeros((32, 32)), lambda key: jax.random.normal(key, (64, 32, 32))),
    "large_field": Equation(phi4_drift, constant(root2), 0.01, 100, 1, jnp.zeros((1024, 1024)), lambda key: jax.random.normal(key, (1, 1024, 1024))),
    "million_paths": Equation(lambda x: 0 * x, lambda t: 25.0**t, 0.001, 1000, 1_000_000, jnp.zeros(()), two_peaks),
}


def beginnings(e, key):
    return jnp.broadcast_to(e.begin, (e.walkers, *e.begin.shape)) if e.spread is None else e.spread(key)


def scan(e):
    def step(x, now):
        key, t = now
        noise = jax.random.normal(key, x.shape)
        return x + e.drift(x) * e.dt + e.diffusion(t) * jnp.sqrt(e.dt) * noise, None

    @jax.jit
    def run(key):
        begin, noise = jax.random.split(key)
        x, _ = jax.lax.scan(step, beginnings(e, begin), (jax.random.split(noise, e.steps), e.dt * jnp.arange(e.steps)))
        return jnp.mean(x * x).real

    return run, e.steps


def diffrax_euler(e):
    import diffrax
    import lineax

    steps = max(1, e.steps // (8 if e.walkers > 100_000 else 4))  # the rate is the same

    def diffusion(t):
        size = e.diffusion(t)
        return lineax.DiagonalLinearOperator(size * jnp.ones(e.begin.shape)) if e.begin.shape else size

    def one(start, key):
        path = diffrax.UnsafeBrownianPath(shape=e.begin.shape, key=key)
        terms = diffrax.MultiTerm(
            diffrax.ODETerm(lambda t, x, _: e.drift(x)),
            diffrax.ControlTerm(lambda t, x, _: diffusion(t), path),
        )
        solution = diffrax.diffeqsolve(terms, diffrax.Euler(), 0.0, steps * e.dt, e.dt, start, max_steps=None,
                                       saveat=diffrax.SaveAt(t1=True), adjoint=diffrax.ForwardMode())
        return solution.ys[0]

    @jax.jit
    def run(key):
        begin, noise = jax.random.split(key)
        x = jax.vmap(one)(beginnings(e, begin), jax.random.split(noise, e.walkers))
        return jnp.mean(x * x).real

    return run, steps


contender, name = sys.argv[1:]
e = equations[name]
run, steps = {"jax": scan, "diffrax": diffrax_euler}[contender](e)
best = float("inf")
for turn in range(3):
    begin = time.perf_counter()
    value = float(run(jax.random.key(turn)))
    if turn:
        best = min(best, time.perf_counter() - begin)
print(f"{contender}, {name}: {e.walkers * e.begin.size * steps / best:.3e} steps/s, mean square {value:.4f}")
