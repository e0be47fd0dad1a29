//! Names that other languages have and this one has not, and what is written instead. Only what a program looked up in vain comes
//! here: a program may give any of these names to values of its own.

/// What to write instead of a name.
pub fn name(text: &str) -> Option<&'static str> {
    find(NAMES, text)
}

/// What to write instead of a field of a value.
pub fn field(text: &str) -> Option<&'static str> {
    find(FIELDS, text)
}

/// The type of that name elsewhere.
pub fn ty(text: &str) -> Option<&'static str> {
    find(TYPES, text)
}

/// What to write instead of an argument of a function of the library.
pub fn argument(function: &str, text: &str) -> Option<&'static str> {
    let table = match function {
        "simulate" => OF_SIMULATE,
        "sample" | "hmc" | "langevin" | "mala" | "metropolis" | "cluster" | "parallel_tempering" => OF_SAMPLERS,
        _ => return None,
    };
    find(table, text)
}

fn find(table: &[(&[&str], &'static str)], text: &str) -> Option<&'static str> {
    table.iter().find(|(names, _)| names.contains(&text)).map(|(_, write)| *write)
}

type Table = &'static [(&'static [&'static str], &'static str)];

const NAMES: Table = &[
    // What other languages have and this one does without.
    (&["np", "numpy", "torch", "jax", "jnp", "scipy", "math", "cmath", "Math"], "functions need no prefix: write `exp(x)`, `sqrt(x)`, `sum(x)`"),
    (&["random", "rand", "rng"], "a random number is drawn: `let x ~ uniform(0, 1)`, ten of them `let x: real[10] ~ uniform(0, 1)`"),
    (&["randn", "gauss", "randNormal"], "random numbers are drawn: `let x: real[10] ~ normal(0, 1)`"),
    (&["randint", "choice", "shuffle"], "random numbers are drawn: `let u ~ uniform(0, 10)`, and `floor(u) as int` is 0 … 9"),
    (&["seed", "srand"], "the seed belongs to the command line: `moyal run FILE --seed 3`; the same seed gives the same numbers"),
    (&["plt", "matplotlib", "pyplot"], "write `plot(x)`, `plot(points(x, y), title: \"…\")`"),
    (&["println", "printf", "puts", "echo", "display", "cout", "Print", "disp"], "write `print(\"x = {x}\")`: values stand in braces"),
    (&["str", "string", "repr", "format", "sprintf"], "values stand in braces in a text: `print(\"x = {x}\")`"),
    (&["input", "argv", "sys", "getopt", "argparse"], "what a run is to be told is a param: `param L = 8`, and `--L 16` on the command line"),
    (&["open", "read", "loadtxt", "readdlm"], "an array is read with `let x = load(\"x.npy\")`"),
    (&["break"], "no loop is left early: write `while` with the condition under which it goes on"),
    (&["continue", "pass"], "write an `if` around what a turn is to do"),
    (&["end"], "a block ends with `}`; the last entry of an array is `x[-1]`"),
    (&["try", "except", "raise", "throw", "catch"], "what must hold is asserted: `assert x > 0, \"why\"`"),
    (&["exit", "quit"], "a program ends with its last line, the prompt with `:quit`; what must hold is asserted: `assert x > 0, \"why\"`"),
    (&["help", "doc", "man", "methods", "dir"], "at the prompt `?name` shows what a name means, and `:help` what can be done"),
    (&["_", "ans", "Out"], "give the value a name: `let x = …`"),
    (&["class", "struct", "namedtuple", "dict"], "things with names are a record: `{a: 1, b: 2}`"),
    (&["self", "this", "nullptr", "undefined", "NULL"], "every name stands for a value, and a function knows its parameters only"),
    // Sizes and sets.
    (&["len", "length", "size", "numel"], "the number of entries is `x.entries`; an index runs over all with `for i in index(x)`"),
    (&["shape"], "an index set is `index(x)`; a function names the sizes it wants: `fn f[n, m](A: real[n, m]) = …`"),
    (&["range", "arange", "xrange", "seq", "eachindex", "Range"], "an integer is the set 0 … n-1: `for i in n`, `for i in 1..n`, an array `[i for i in n]`"),
    (&["linspace", "logspace", "Table"], "write `[a + (b - a) * i / (n - 1) for i in n]`"),
    (&["enumerate"], "write `for i in index(x)`, and `x[i]`"),
    (&["zeros", "zeros_like"], "write `let x: real[10] = 0`; zeros of the type of x are `zero(x)`"),
    (&["ones", "ones_like", "full", "fill"], "write `let x: real[10] = 1`"),
    (&["eye", "IdentityMatrix", "diag", "diagm"], "the identity matrix is `identity(n)`, a diagonal one `[if i == j { d[i] } else { 0.0 } for i in n, j in n]`"),
    (&["array", "Array", "asarray", "Vector", "Matrix", "list", "tensor", "vector", "matrix"], "an array is written `[1.0, 2.0]`, a matrix `[[1.0, 2.0], [3.0, 4.0]]`"),
    (&["append", "push", "concatenate", "concat", "vstack", "hstack", "cat", "vcat"], "an array keeps its size: build it whole, `[f(i) for i in n]`"),
    (&["reshape", "flatten", "ravel", "squeeze"], "build the array anew: `[x[3*i + j] for i in 2, j in 3]`"),
    (&["map", "vmap", "apply", "Map"], "write `[f(v) for v in x]`"),
    (&["filter", "Select"], "a filter belongs to a sum: `sum(v for v in x if v > 0)`; left-out members of an array are given a value"),
    (&["where", "ifelse", "If", "cond"], "write `[if v > 0 { v } else { 0.0 } for v in x]`"),
    (&["reduce", "fold", "foldl", "cumsum", "accumulate", "scan"], "write a loop that carries a `var`: `for v in x { total = total + v }`"),
    (&["time", "clock", "perf_counter"], "a program knows no clock: `:time EXPR` at the prompt measures, and `moyal run --profile FILE`"),
    (&["field", "Field"], "a field is declared with its type: `let φ: real[Λ] = 0`, or drawn: `let φ: real[Λ] ~ normal(0, 1)`"),
    (&["varphi", "vartheta", "varepsilon", "varrho", "varpi", "varsigma"], "both forms of a Greek letter are one name: `phi`, `theta`, `epsilon`, `rho`, `pi`, `sigma`"),
    (&["directions", "dirs"], "the directions belong to a lattice: `for mu in Λ.directions`"),
    (&["momenta"], "the momenta belong to a lattice: `for p in Λ.momenta`"),
    (&["volume", "Volume"], "the number of sites belongs to a lattice: `Λ.volume`"),
    (&["roll", "circshift", "pad"], "a shift belongs to the lattice: `[φ[x + mu] for x in Λ]`"),
    (&["argmax", "argmin", "findmax"], "write `order(x)[-1]` for the place of the largest, `order(x)[0]` of the smallest"),
    (&["argsort", "sortperm"], "write `order(x)`"),
    (&["sorted"], "write `sort(x)`"),
    // Elementary functions and numbers.
    (&["ln", "Log"], "the natural logarithm is `log(x)`"),
    (&["log10"], "write `log(x) / log(10)`"),
    (&["log2"], "write `log(x) / log(2)`"),
    (&["pow", "power", "Power"], "write `x^y`"),
    (&["square"], "write `x^2`"),
    (&["cbrt"], "write `x^(1/3)`"),
    (&["fabs", "absolute", "modulus"], "write `abs(x)`"),
    (&["arcsin", "ArcSin"], "write `asin(x)`"),
    (&["arccos", "ArcCos"], "write `acos(x)`"),
    (&["arctan", "ArcTan"], "write `atan(x)`"),
    (&["arctan2"], "write `atan2(y, x)`"),
    (&["cot"], "write `1 / tan(x)`"),
    (&["sec"], "write `1 / cos(x)`"),
    (&["mod", "fmod", "remainder", "divmod"], "write `a % b`"),
    (&["isnan", "isinf", "isfinite"], "write `is_finite(x)`"),
    (&["gamma", "tgamma", "Gamma"], "write `exp(lgamma(x))`"),
    (&["factorial", "Factorial"], "write `prod(k for k in 1..n + 1)`"),
    (&["int", "Int", "integer"], "write `x as int` (toward zero), `floor(x) as int` or `round(x) as int`"),
    (&["float", "Float64", "double", "float64"], "write `x as real`"),
    (&["float32", "Float32", "f32"], "write `x as f32`"),
    (&["real"], "the real part of a complex number is `re(z)`; a number is made real by `x as real`"),
    (&["Re"], "write `re(z)`"),
    (&["imag", "Im"], "the imaginary part is `im(z)`"),
    (&["conjugate", "Conjugate"], "write `conj(z)`"),
    (&["phase"], "write `arg(z)`"),
    (&["i", "j", "I", "J", "im", "𝑖"], "the imaginary unit is `1i`: write `3 + 2i`, `exp(1i * x)`"),
    (&["e", "E"], "write `exp(1)`, and `exp(x)` for its powers; ten to a power is `1e-3`"),
    (&["tau"], "write `2*pi`"),
    (&["Inf", "Infinity", "infinity", "infty", "oo"], "write `inf`"),
    (&["nan", "NaN", "NA"], "there is no such number to write: what is not finite stops a program"),
    // Linear algebra and transforms.
    (&["dot", "inner", "vdot", "matmul", "einsum", "mul"], "write `A @ v`, of two vectors `u @ v`"),
    (&["outer", "kron"], "write `[u[i] * v[j] for i in n, j in m]`"),
    (&["transpose", "Transpose", "adjoint", "dagger"], "write `A'`, the (conjugate) transpose"),
    (&["norm", "Norm"], "write `√norm2(x)`"),
    (&["inv", "pinv", "Inverse"], "write `inverse(A)`; equations are solved by `solve(A, b)`"),
    (&["det", "Det"], "write `determinant(A)`"),
    (&["logdet", "slogdet"], "write `log_determinant(A)`"),
    (&["eig", "eigh", "eigvals", "eigvalsh", "Eigenvalues", "eigen"], "write `eigenvalues(A)`, or `let (w, V) = eigensystem(A)`"),
    (&["qr", "lu", "lu_factor", "ldl"], "equations are solved by `solve(A, b)`; of decompositions there are `cholesky(A)`, `eigensystem(A)` and `singular_values(A)`"),
    (&["expm", "logm", "sqrtm", "MatrixExp", "matrix_power"], "of a symmetric matrix it is made of its eigensystem: `let (w, V) = eigensystem(A)`, `[sum(V[i, k] * exp(w[k]) * V[j, k] for k in n) for i in n, j in n]`"),
    (&["acceptance", "acceptance_rate"], "a sampler's run carries it: `run.acceptance`"),
    (&["svd", "svdvals"], "write `singular_values(A)`"),
    (&["chol"], "write `cholesky(A)`"),
    (&["tr", "Tr"], "write `trace(A)`"),
    (&["fft", "fft2", "fftn", "rfft"], "write `fourier(φ)`"),
    (&["ifft", "ifft2", "ifftn", "irfft"], "write `inverse_fourier(f)`"),
    // Statistics.
    (&["average", "avg", "Mean"], "write `mean(x)`"),
    (&["std", "stddev", "stdev", "StandardDeviation"], "write `√variance(x)`; the error of a mean is `error(mean(x))`"),
    (&["sem", "stderr", "err"], "write `error(e)` of an estimate e, a mean over an ensemble"),
    (&["autocorr", "autocorrelation", "acf", "acor"], "write `tau_int(x)` of an observable x over an ensemble"),
    (&["hist"], "write `plot(histogram(x))`"),
    (&["savefig", "imsave"], "a figure is written where it is drawn: `plot(histogram(x), file: \"x.svg\")`"),
    (&["curve_fit", "polyfit", "lstsq", "leastsq"], "write `fit((x, p) -> p[0] + p[1]*x, x, y, [0.0, 1.0])`, where y are estimates"),
    (&["quad", "integral", "Integrate", "quadgk"], "write `integrate(f, a, b)`"),
    // Derivatives.
    (&["diff", "derivative", "gradient", "Grad", "nabla", "jacrev", "ForwardDiff"], "the derivative is a function too: `grad(f)(x)`, or `∇f(x)`"),
    (&["D"], "a constant is declared first: `param D = 1.0`, or `let D = 1.0`; the derivative of f is `grad(f)(x)`"),
    (&["div"], "the divergence is `divergence(f)`; a quotient is `a / b`, rounded down `a // b`"),
    (&["jit", "njit", "inline"], "leave it out: everything is compiled"),
    // Processes.
    (&["euler", "Euler", "EM", "EulerMaruyama"], "write `euler_maruyama`"),
    (&["rk4", "RK4"], "write `runge_kutta`"),
    (&["odeint", "solve_ivp", "sdeint", "ODEProblem"], "declare `process p(x: real) { d x = … * dt }` and write `simulate(p, from: 1.0, dt: 0.01)`"),
];

const OF_SIMULATE: Table = &[
    (&["T", "t", "tf", "t_end", "t_final", "t_max", "tmax", "t1", "time", "horizon", "end", "stop"], "it runs until a time: `until: 10`"),
    (&["t0", "t_start", "start_time"], "it runs since a time: `since: 0`"),
    (&["x0", "x_0", "x", "y0", "u0", "init", "initial", "start", "begin", "state"], "it begins somewhere: `from: 1.0`, `from: normal(0, 1)`"),
    (&["n_paths", "num_paths", "npaths", "samples", "n_samples", "trajectories", "n_traj", "n", "N", "size", "ensemble", "walkers"], "how many paths is said by `paths: 1000`"),
    (&["n_steps", "num_steps", "nsteps", "N_steps"], "how many steps is said by `steps: 100`"),
    (&["h", "step_size", "stepsize", "timestep", "delta_t"], "the length of a step is `dt: 0.01`"),
    (&["method", "solver", "integrator", "algorithm", "alg"], "how a step is made is said by `scheme: heun`"),
    (&["saveat", "save_at", "times", "t_eval", "ts", "save", "every", "output"], "the times at which states are kept: `record: [0.5, 1]`, eleven of them `record: [k / 10 for k in 11]`"),
    (&["seed", "rng", "key"], SEED),
];

const OF_SAMPLERS: Table = &[
    (&["n_samples", "num_samples", "nsamples", "samples", "n", "N", "configs", "n_configs", "measurements", "sweeps", "iterations", "n_iter", "trajectories", "n_traj"],
        "how many configurations of each chain are kept is said by `draws: 1000`"),
    (&["num_chains", "n_chains", "nchains", "replicas", "walkers", "n_walkers"], "write `chains: 8`"),
    (&["burn_in", "burnin", "burn", "thermalization", "thermalisation", "therm", "n_therm", "equilibration", "tune", "discard", "n_warmup", "num_warmup"],
        "updates before the first that is kept are `warmup: 500`"),
    (&["skip", "interval", "thinning", "every", "n_skip"], "how many updates lie between two draws is said by `thin: 10`"),
    (&["n_leapfrog", "leapfrog_steps", "n_steps", "num_steps", "nsteps", "L", "N_md", "n_md", "md_steps"], "how many steps a trajectory has is said by `steps: 10`"),
    (&["step_size", "stepsize", "eps", "epsilon", "dt", "dtau", "delta", "h"], "a step is a part of the trajectory: `length: 1.0, steps: 10` makes steps of 0.1"),
    (&["tau", "trajectory_length", "traj_length", "T", "t"], "how long a trajectory is is said by `length: 1.0`"),
    (&["x0", "init", "initial", "initial_state", "phi0", "begin", "from"], "chains begin as `start` says, in quotes hot, cold or mixed, or a function of the chain's number"),
    (&["observable", "observables", "measure", "callback", "f"], "what is kept of each configuration is said by `keep: φ -> mean(φ)`"),
    (&["target_accept", "target", "target_acceptance", "acceptance", "accept"], "steps are tuned to an acceptance by `adapt: 0.8`, in hmc"),
    (&["temperature", "beta", "T_sampling", "kappa"], "parameters belong to the action: a param that it reads"),
    (&["proposal", "sigma", "step"], "how far proposals go is the `width` of metropolis"),
    (&["seed", "rng", "key"], SEED),
];

const SEED: &str = "the seed belongs to the command line: `moyal run FILE --seed 3`; the same seed gives the same numbers";

const FIELDS: Table = &[
    (&["shape", "size", "length", "len", "numel", "ndim"], "the number of entries is `x.entries`, its first index set `index(x)`"),
    (&["T", "H", "mT", "transpose", "dagger", "adjoint"], "the (conjugate) transpose is written `A'`"),
    (&["real", "re", "Re"], "write `re(z)`"),
    (&["imag", "im", "Im"], "write `im(z)`"),
    (&["conj", "conjugate"], "write `conj(z)`"),
    (&["dot", "matmul"], "write `A @ v`, of two vectors `u @ v`"),
    (&["append", "push", "extend", "insert", "pop"], "an array keeps its size: build it whole, `[f(i) for i in n]`"),
    (&["reshape", "flatten", "ravel"], "build the array anew: `[x[3*i + j] for i in 2, j in 3]`"),
    (&["acceptance_rate", "accept_rate", "accepted", "accept", "acc", "rate"], "the fraction of proposals that were accepted is `run.acceptance`"),
    (&["err", "error", "sigma", "stderr", "uncertainty"], "the error of an estimate is `error(e)`"),
    (&["std", "var"], "write `variance(x)`, `√variance(x)`; the error of a mean is `error(mean(x))`"),
    (&["copy", "clone", "item", "numpy", "tolist", "detach"], "leave it out: values are never shared"),
    (&["neighbours", "neighbors", "nn"], "the neighbours of a site are `x + mu` and `x - mu` for mu in Λ.directions"),
    (&["sites"], "a lattice is the set of its sites: `for x in Λ`"),
    (&["L", "N", "dims", "extent"], "the sizes are `Λ.sizes[0]`, …, the number of sites `Λ.volume`"),
    (&["format", "join", "split", "upper", "lower", "strip"], "values stand in braces in a text: `\"x = {x}\"`"),
    (&["samples", "draws", "chains", "configs", "positions"], "a run is an array over its draws: `[mean(φ) for φ in run]`, by chains `by_chain(x)`"),
];

const TYPES: Table = &[
    (&["float", "double", "f64", "float64", "Float64", "number", "Real", "scalar"], "write `real`"),
    (&["float32", "Float32"], "write `f32`"),
    (&["i64", "i32", "integer", "Int", "Int64", "long", "size_t", "usize"], "write `int`"),
    (&["str", "String", "char", "text"], "write `string`"),
    (&["boolean", "Bool"], "write `bool`"),
    (&["complex128", "Complex", "ComplexF64", "c64"], "write `complex`"),
    (&["list", "array", "Array", "ndarray", "tensor", "Tensor", "vector", "Vector", "matrix", "Matrix", "List"], "arrays are `real[n]`, `real[n, m]`, `real[Λ]`"),
    (&["dict", "struct", "object", "record"], "a record is written `{a: real, b: int}`"),
    (&["tuple", "Tuple", "pair"], "a tuple is written `(real, int)`"),
    (&["function", "Callable", "fn", "action", "process"], "a parameter that is a function has no type: leave it out"),
    (&["hermitian", "Hermitian"], "a matrix is `complex[n, n]`, and what depends on its Hermitian part reads `(A + A') / 2`; give the other part, `(A - A') / 2`, a Gaussian weight of its own"),
    (&["symmetric", "Symmetric"], "a matrix is `real[n, n]`, and what depends on its symmetric part reads `(A + A') / 2`; give the other part, `(A - A') / 2`, a Gaussian weight of its own"),
    (&["field", "Field"], "a field on a lattice Λ is `real[Λ]` or `complex[Λ]`"),
    (&["lattice", "Lattice"], "leave the type out: a field on a lattice is `real[Λ]`"),
];
