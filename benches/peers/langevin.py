"""The Langevin equations of benches/models in JAX, as one writes them: a scan over steps of all walkers, in double precision;
`diffrax`: the double well by diffrax's Euler with its fastest Brownian path. Prints steps per second, compilation left out.

    python langevin.py complex_langevin | double_well | diffrax
"""
import sys
import time

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
WALKERS, STEPS = 100_000, 1000


def scan(drift, dt, size, start):
    def step(x, key):
        noise = jax.random.normal(key, x.shape)
        return x + drift(x) * dt + size * jnp.sqrt(dt) * noise, None

    @jax.jit
    def run(key):
        x, _ = jax.lax.scan(step, start, jax.random.split(key, STEPS))
        return jnp.mean(x * x).real

    return run, STEPS


def diffrax_run(drift, dt, size):
    import diffrax

    steps = STEPS // 4  # the rate is the same

    def one(key):
        path = diffrax.UnsafeBrownianPath(shape=(), key=key)
        terms = diffrax.MultiTerm(
            diffrax.ODETerm(lambda t, x, _: drift(x)),
            diffrax.ControlTerm(lambda t, x, _: size, path),
        )
        solution = diffrax.diffeqsolve(terms, diffrax.Euler(), 0.0, steps * dt, dt, 0.0, max_steps=None,
                                       saveat=diffrax.SaveAt(t1=True), adjoint=diffrax.ForwardMode())
        return solution.ys[0]

    return jax.jit(lambda key: jnp.mean(jax.vmap(one)(jax.random.split(key, WALKERS)) ** 2)), steps


def complex_drift(z):
    return -((1 + 1j) * z + z**3)


def well(x):
    return x - x**3


contenders = {
    "complex_langevin": lambda: scan(complex_drift, 0.002, jnp.sqrt(2.0), jnp.zeros(WALKERS, jnp.complex128)),
    "double_well": lambda: scan(well, 0.01, 0.5, jnp.zeros(WALKERS)),
    "diffrax": lambda: diffrax_run(well, 0.01, 0.5),
}
run, steps = contenders[sys.argv[1]]()
best = float("inf")
for turn in range(4):
    begin = time.perf_counter()
    value = float(run(jax.random.key(turn)))
    if turn:
        best = min(best, time.perf_counter() - begin)
print(f"{sys.argv[1]}: {WALKERS * steps / best:.3e} steps/s, mean square {value:.4f}")
