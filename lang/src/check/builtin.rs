//! Functions that the language itself knows: those that a text of the library cannot say.

use super::affine;
use super::call::Given;
use super::expression::tight;
use super::estimates;
use super::linear;
use super::paths;
use super::comprehension::rows_of;
use super::value::*;
use super::*;
use crate::core::Monoid;
use crate::syntax::ast::Name;
use moyal_runtime::array::{Array, Data, Scalar};

pub struct Builtin {
    pub name: &'static str,
    /// How it is called.
    pub usage: &'static str,
    pub doc: &'static str,
    pub apply: Apply,
}

pub type Apply = fn(&mut Checker, Call) -> Checked<Value>;

impl Builtin {
    /// Whether only its arguments' types count, so that they are not computed.
    pub fn of_types(&self) -> bool {
        self.name == "zero"
    }

    /// Whether it is a statement of the script.
    pub fn is_effect(&self) -> bool {
        std::ptr::fn_addr_eq(self.apply, effect as Apply)
    }
}

/// One call of a builtin.
pub struct Call<'a> {
    pub builtin: &'static Builtin,
    pub given: Vec<Given>,
    pub span: &'a Span,
}

macro_rules! builtins {
    ($($name:literal, $usage:literal, $doc:literal, $apply:expr;)*) => {
        static BUILTINS: &[Builtin] = &[$(Builtin { name: $name, usage: $usage, doc: $doc, apply: $apply }),*];
    };
}

builtins! {
    "torus", "torus(L, …)", "A periodic lattice with these numbers of sites in each direction.", torus;
    "open_box", "open_box(L, …)", "A lattice with open boundaries: beyond its edge every field is zero.", open_box;
    "grid", "grid(L, …, boundary: [\"periodic\", …])",
        "A lattice with a boundary condition for each direction: \"periodic\", \"antiperiodic\" or \"open\".", grid;
    "sum", "sum(x), sum(e for i in A if c)", "The sum over all indices of an array, or of a comprehension.", |c, k| reduce(c, k, Monoid::Sum);
    "prod", "prod(x), prod(e for i in A)", "The product over all indices.", |c, k| reduce(c, k, Monoid::Product);
    "any", "any(x), any(c for i in A)", "Whether at least one holds.", |c, k| reduce(c, k, Monoid::Any);
    "all", "all(x), all(c for i in A)", "Whether all hold.", |c, k| reduce(c, k, Monoid::All);
    "max", "max(x), max(a, b), max(e for i in A)", "The largest.", |c, k| extreme(c, k, Monoid::Max);
    "min", "min(x), min(a, b), min(e for i in A)", "The smallest.", |c, k| extreme(c, k, Monoid::Min);
    "count", "count(c for i in A)", "How many hold.", count;
    "mean", "mean(x), mean(e for i in A)",
        "The mean. Over an ensemble it is an estimate, with its error; without one the plain average over all indices.", estimates::mean;
    "error", "error(e)", "The error of an estimate, as a plain number.", estimates::error;
    "covariance", "covariance(e)", "The covariance matrix of the errors of an array of estimates.", estimates::covariance;
    "fluctuations", "fluctuations(e)", "An estimate's fluctuations about its value over blocks of consecutive draws: chains, blocks, then its own indices.", estimates::fluctuations;
    "tau_int", "tau_int(x)", "The integrated autocorrelation time ½ + Σρ(t) of an observable over an ensemble, or of an estimate, in draws.", estimates::tau_int;
    "tau_int_error", "tau_int_error(x)", "The error of tau_int(x).", estimates::tau_int_error;
    "effective_draws", "effective_draws(x)", "How many independent draws would give the same error: draws / (2 tau_int).", estimates::effective_draws;
    "r_hat", "r_hat(x)", "The rank-normalised split R̂ of an observable over an ensemble: 1 if its chains agree. (Vehtari et al., Bayesian Analysis 16 (2021) 667)", estimates::r_hat;
    "re", "re(z)", "The real part.", |c, k| part(c, k, Part::Real);
    "im", "im(z)", "The imaginary part.", |c, k| part(c, k, Part::Imaginary);
    "conj", "conj(z)", "The complex conjugate.", |c, k| part(c, k, Part::Conjugate);
    "arg", "arg(z)", "The phase in (-π, π].", |c, k| part(c, k, Part::Argument);
    "complex", "complex(x, y)", "The complex number x + i y.", complex;
    "normal", "normal(mean, deviation)", "The normal distribution; the second argument is the standard deviation.", normal;
    "standard_normal", "standard_normal(x)",
        "The distribution of values of the type of x whose components, two for a complex number, are independent and standard normal: `let ξ ~ standard_normal(x)`.", standard_normal;
    "uniform", "uniform(low, high)", "The uniform distribution between two numbers.", uniform;
    "exponential", "exponential(rate)", "The exponential distribution, of mean 1/rate.", exponential;
    "grad", "grad(f)", "The gradient of a scalar function by its first argument.", |c, k| derived(c, k, Derived::Gradient);
    "value_and_grad", "value_and_grad(f)", "Value and gradient of a scalar function, as a tuple.", |c, k| derived(c, k, Derived::ValueAndGradient);
    "jacobian", "jacobian(f)", "All derivatives of an array-valued function: the result's indices, then the argument's.", |c, k| derived(c, k, Derived::Jacobian);
    "hessian", "hessian(f)", "The second derivatives of a scalar function.", |c, k| derived(c, k, Derived::Hessian);
    "divergence", "divergence(f)", "The trace of the jacobian, exactly.", |c, k| derived(c, k, Derived::Divergence);
    "laplacian", "laplacian(f)", "The trace of the hessian.", |c, k| derived(c, k, Derived::Laplacian);
    "jvp", "jvp(f)(x, v)", "The derivative of f at x along v, in forward mode: of the type of f(x).", |c, k| derived(c, k, Derived::Along);
    "vjp", "vjp(f)(x, w)", "The transposed derivative of f at x, applied to w, in reverse mode: of the type of x.", |c, k| derived(c, k, Derived::Transposed);
    "fixed", "fixed(f)", "The function f with one place for all its calls: the same noise each time.", fixed;
    "index", "index(x)", "The first index set of an array.", index;
    "site", "site(Λ, n)", "The site of a lattice with number n, which `x.number` gives: 0 … volume - 1, the last direction fastest.", site;
    "zip", "zip(x, y)", "Pairs of the elements of two arrays over one index set.", zip;
    "state", "state(S)", "Zero, of the type that an action is declared for.", state;
    "zero", "zero(x)", "Zeros of the type of x, which is not computed: what a `var` may begin with.", zero;
    "checkerboard", "checkerboard(φ)",
        "For each element the number of its part: even (0) and odd (1) along the first index set, for each further index apart.", checkerboard;
    "ensemble", "ensemble(x)", "Declares the first index set of an array to be independent draws.", ensemble;
    "markov_chains", "markov_chains(x)", "Declares the first two index sets, draws and chains, of one array or of all in a tuple or record to be one ensemble.", markov_chains;
    "carry", "carry(x, record)", "The array x over an ensemble (or a tuple or record of such), which carries the record from here on: `x.acceptance`.", carry;
    "values", "values(x)", "The array without its ensemble: its index set becomes a plain integer.", values;
    "by_chain", "by_chain(x)", "An array over an ensemble as one over chains, then draws.", by_chain;
    "inverse", "inverse(A)", "The inverse of a square matrix, real or complex.", linear::inverse;
    "solve", "solve(A, b)", "The x for which A @ x is b, a vector or a matrix of columns.", linear::solve;
    "determinant", "determinant(A)", "The determinant of a square matrix, real or complex, or of a jacobian over several index sets: J[i, x, j, y].",
        |c, k| linear::scalar(c, k, &crate::routine::determinant::DETERMINANT);
    "log_determinant", "log_determinant(A)",
        "The logarithm of a determinant, which if real must be positive: for large matrices, whose determinant overflows.",
        |c, k| linear::scalar(c, k, &crate::routine::determinant::LOG_DETERMINANT);
    "cholesky", "cholesky(A)", "The lower triangular L for which A = L @ L', of a positive definite matrix.",
        |c, k| linear::factor(c, k, &crate::routine::hermitian::CHOLESKY);
    "semidefinite_factor", "semidefinite_factor(A)",
        "The lower triangular L for which A = L @ L', of a matrix with eigenvalues above or at 0, such as a covariance: if some are 0, L has columns of zeros.",
        |c, k| linear::factor(c, k, &crate::routine::hermitian::SEMIDEFINITE_FACTOR);
    "eigenvalues", "eigenvalues(A)", "The eigenvalues of a symmetric or Hermitian matrix, in ascending order.", linear::eigenvalues;
    "eigensystem", "let (w, V) = eigensystem(A)",
        "Eigenvalues and, as the columns of V, eigenvectors, whose largest component is real and positive: A @ V[.., k] is w[k] * V[.., k].",
        linear::eigensystem;
    "singular_values", "singular_values(A)", "The singular values of a matrix, the largest first.", linear::singular_values;
    "sort", "sort(x)", "The numbers of an array in ascending order.", linear::sort;
    "order", "order(x)", "The positions of an array's numbers in ascending order: x[order(x)[0]] is the smallest.", linear::order;
    "fourier", "fourier(φ)", "The sum of exp(-i p·x) φ[x] over sites x for each momentum p, a field over Λ.momenta; along an integer n of exp(-2πi p x/n).",
        linear::fourier;
    "inverse_fourier", "inverse_fourier(f)", "The field whose `fourier` this is: exp(i p·x) f[p] / V summed over momenta p.", linear::inverse_fourier;
    "print", "print(\"x = {x}\")", "Prints a line; values stand in braces, `{x:.3}` with three decimals.", effect;
    "plot", "plot(x), plot(histogram(m), title: \"…\")", "Draws a figure of arrays, fields, functions, histogram(…), points(…), line(…).", effect;
    "table", "table(\"title\", name: x, …)", "Prints arrays as columns under their names.", effect;
    "save", "save(\"x.npy\", x)", "Writes an array to a file.", effect;
    "load", "let x = load(\"x.npy\")", "Reads an array from a file.", effect;
    "one_by_one", "one_by_one(n)", "The integers 0 … n - 1, known one by one: what runs over them may make things of different types of each.", one_by_one;
    "is_known", "is_known(x)", "Whether a number is known before the run.", is_known;
    "is_estimate", "is_estimate(x)", "Whether a number has an error (is a mean over an ensemble, or computed from some): known before the run.", is_estimate;
    "is_function", "is_function(x)", "Whether a value can be called: known before the run.", |c, k| is(c, k, |v| matches!(v, Value::Function(_)));
    "takes_arguments", "takes_arguments(f, n)", "Whether a function can be called with n arguments: known before the run.", takes_arguments;
    "is_ensemble", "is_ensemble(x)", "Whether a value is an array over an ensemble: known before the run.", |c, k| is(c, k, over_an_ensemble);
    "is_text", "is_text(x)", "Whether a value is a text: known before the run.", |c, k| is(c, k, |v| matches!(v, Value::Text(_)));
    "is_number", "is_number(x)", "Whether a value is a number or an array: known before the run.", |c, k| is(c, k, |v| matches!(v, Value::Number(_)));
    "is_array", "is_array(x)", "Whether a value has an index: an array, a list, a tuple. Known before the run.", |c, k| is(c, k, |v| matches!(v, Value::Tuple(_)) || super::comprehension::rows_of(v).is_some());
    "squares", "squares(x)", "The square of each component: of a complex number, of both parts.", paths::squares;
    "last_of", "last_of(x)", "Of an array over paths, then times, the last time.", paths::last_of;
    "distribution", "distribution({draw: like -> x, log_density: x -> l, mean: m, …})",
        "A distribution of one's own: a record with a function `draw` of zeros in the type that is drawn.", super::draw::distribution;
    "with_field", "with_field(record, \"name\", value)", "The record with one field more.", super::draw::with_field;
    "field_of", "field_of(record, \"name\")", "The field of a record whose name is a text that is known.", super::draw::named_field;
    "each_element", "each_element(x, f)", "An array of the type of x whose elements are f(), each drawn by itself.", super::draw::each_element;
    "is_distribution", "is_distribution(x)", "Whether a value is a distribution: known before the run.", |c, k| is(c, k, |v| matches!(v, Value::Distribution(_)));
    "affine_kind", "affine_kind(p, x, t)", "How the components of an affine process move: \"diagonal\", each by itself, or \"matrix\". Others are refused.", affine::affine_kind;
    "is_affine", "is_affine(p, x, t)", "Whether a process has affine drift and noise that does not know the state: known before the run.", affine::is_affine;
    "same_function", "same_function(f, g)", "Whether two values are one declared function: known before the run.", paths::same_function;
    "library_name", "library_name(f)", "The name of a function of the library, of all else an empty text: known before the run.", paths::library_name;
    "same_type", "same_type(x, y)", "Whether two values have one type: known before the run.", paths::same_type;
    "collocation", "let (u, w, Q, L) = collocation(n)",
        "Nodes and weights of the Gauss–Legendre rule on (0, 1), the matrix of integrals from 0 to each node, and that of the last two Legendre coefficients.", affine::collocation;
    "narrow", "narrow(x)", "The number that an array is known to repeat everywhere, else the array.", affine::narrow;
    "as_vector", "as_vector(x)", "The components of a value, its parts and theirs, as one real vector.", affine::as_vector;
    "from_vector", "from_vector(v, x)", "The value of the type of x with these components.", affine::from_vector;
    "is_complex", "is_complex(x)", "Whether a number is complex: known before the run.", paths::is_complex;
    "is_single", "is_single(x)", "Whether a number is f32: known before the run.", |c, k| is(c, k, |v| matches!(v, Value::Number(n) if n.kind == Kind::F32));
    "has_integers", "has_integers(x)", "Whether a value is of integers or has parts that are: known before the run.", |c, k| is(c, k, of_integers);
    "is_process", "is_process(x)", "Whether a value is a process: known before the run.", |c, k| is(c, k, |v| matches!(v, Value::Process(_)));
    "each_angle", "each_angle(p, x, f)", "The state x of a process with f of its parts that are angles.", paths::each_angle;
    "path_set", "path_set(from, like, paths)", "The index set of the paths of a simulation: that of `from` if it holds a state for each, else `paths`, a thousand if that is a text.", paths::path_set;
    "beginning", "beginning(from, like, k)", "The state, of the type of `like`, where path k begins: drawn, computed, read from an array over paths, or the same for all.", paths::beginning;
    "recorded", "recorded(x, times)", "An array over paths, then times as one over the times of a recorded simulation, which carry `times`, then paths.", paths::recorded;
    "normals", "normals(x, n)", "Standard normal numbers of the type of x, those of step n whatever loops stand around; a complex number has two.", paths::normals;
    "components", "components(x)", "How many real numbers a value consists of, its parts and theirs.", paths::components;
    "unit", "unit(x, k)", "Zeros of the type of x with a one as component k.", paths::unit;
    "inner", "inner(x, y)", "The sum of the products of all components of two values of one type.", paths::inner;
    "scalar_like", "scalar_like(h, x)", "The real number h in the precision of x.", paths::scalar_like;
    "completed", "completed(s, p, x, t)", "A score in the type of the state x of the process p: a record gets zeros for states without noise that it leaves out.", paths::completed;
    "with_parts", "with_parts(x, (a, b))", "A record with the fields of x and these values, in order.", paths::with_parts;
    "path_at", "path_at(p, x, t)", "Notes where a path of a process is, to be told if the run fails there.", paths::path_at;
    "derived_process", "derived_process(p, drift, noisy)", "The process with another drift, a function of state and time, and the noise of p or none; its time runs backwards.", paths::derived_process;
    "has", "has(x, \"name\")", "Whether a value has a field of that name: known before the run.", has;
    "histogram", "histogram(x, bins: 50, range: (a, b))", "A histogram for `plot`, normalised to one; over an ensemble with errors. `h.edges` and `h.density` are its numbers.", super::figure::histogram;
    "histogram2d", "histogram2d(x, y, bins: (50, 50), range: ((a, b), (c, d)))",
        "The joint density of two real observables, or of real and imaginary part of complex ones, for `plot`; `h.x_edges`, `h.y_edges` and `h.density` are its numbers.",
        super::figure::histogram_of_two;
    "points", "points(x, y)", "Points for `plot`; estimates carry error bars.", super::figure::points;
    "line", "line(x, y)", "A line for `plot`, in the colour of the points or bars that have its label. Without labels, lines behind as many points have the colours of these, in their order.", super::figure::line;
    "heatmap", "heatmap(x)", "A field on a two-dimensional lattice or a matrix for `plot`.", super::figure::heatmap;
}

/// What a name means that nobody declared: a builtin, or a public primitive.
pub fn function(name: &str) -> Option<Function> {
    if let Some(b) = BUILTINS.iter().find(|b| b.name == name) {
        return Some(Function::Builtin(b));
    }
    crate::prim::all().find(|row| row.public && row.name == name).map(Function::Primitive)
}

pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|b| b.name).chain(crate::prim::all().filter(|r| r.public).map(|r| r.name))
}

/// Every builtin, for the reference.
pub fn all() -> &'static [Builtin] {
    BUILTINS
}

// ---- arguments ----

impl Call<'_> {
    /// Exactly `N` arguments without names.
    pub fn exactly<const N: usize>(&mut self, c: &mut Checker) -> Checked<[(Value, Span); N]> {
        if let Some((Some(name), ..)) = self.given.iter().find(|g| g.0.is_some()) {
            return c.fail(errors::unknown_argument(name, self.builtin.name, None, self.builtin.usage));
        }
        let count = self.given.len();
        let given: Vec<(Value, Span)> = self.given.drain(..).map(|(_, v, s)| (v, s)).collect();
        match given.try_into() {
            Ok(array) => Ok(array),
            Err(_) => c.fail(errors::builtin_arguments(self.span, self.builtin.name, self.builtin.usage, N, count)),
        }
    }

    /// Takes out the argument of this name.
    pub fn named(&mut self, name: &str) -> Option<(Value, Span)> {
        let k = self.given.iter().position(|g| g.0.as_ref().is_some_and(|n| &*n.text == name))?;
        let (_, value, span) = self.given.remove(k);
        Some((value, span))
    }

    pub fn one_number(&mut self, c: &mut Checker) -> Checked<(Number, Span)> {
        let [(value, span)] = self.exactly::<1>(c)?;
        as_number(c, value, &span).map(|n| (n, span))
    }
}

pub fn as_number(c: &mut Checker, value: Value, span: &Span) -> Checked<Number> {
    match value {
        Value::Number(n) => Ok(n),
        Value::Unknown => Err(Reported),
        other => c.needs(span, "a number", &other),
    }
}

fn as_function(c: &mut Checker, value: Value, span: &Span) -> Checked<Rc<Function>> {
    match value {
        Value::Function(f) => Ok(f),
        Value::Unknown => Err(Reported),
        other => c.needs(span, "a function", &other),
    }
}

// ---- lattices ----

fn torus(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let sizes = sizes(c, &mut call)?;
    let boundary = vec![Boundary::Periodic; sizes.len()];
    new_lattice(c, sizes, boundary)
}

fn open_box(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let sizes = sizes(c, &mut call)?;
    let boundary = vec![Boundary::Open; sizes.len()];
    new_lattice(c, sizes, boundary)
}

fn grid(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let Some((written, span)) = call.named("boundary") else {
        return c.fail(errors::builtin_missing(call.span, "grid", "boundary", call.builtin.usage));
    };
    let sizes = sizes(c, &mut call)?;
    let words: Vec<Rc<str>> = match &written {
        Value::Tuple(items) => items.iter().filter_map(|v| if let Value::Text(t) = v { Some(t.clone()) } else { None }).collect(),
        Value::Text(t) => vec![t.clone(); sizes.len()],
        _ => vec![],
    };
    let mut boundary = vec![];
    for word in &words {
        match Boundary::ALL.iter().find(|b| b.name() == &**word) {
            Some(known) => boundary.push(*known),
            None => return c.fail(errors::unknown_boundary(&span, word)),
        }
    }
    if boundary.len() != sizes.len() {
        return c.fail(errors::boundary_count(&span, sizes.len(), boundary.len()));
    }
    new_lattice(c, sizes, boundary)
}

fn sizes(c: &mut Checker, call: &mut Call) -> Checked<Vec<usize>> {
    if call.given.is_empty() {
        return c.fail(errors::builtin_arguments(call.span, call.builtin.name, call.builtin.usage, 1, 0));
    }
    let mut sizes = vec![];
    for (name, value, span) in call.given.drain(..) {
        if let Some(name) = name {
            return c.fail(errors::unknown_argument(&name, call.builtin.name, None, call.builtin.usage));
        }
        match c.index_set(&value, &span)? {
            IndexSet::Range(0) => return c.fail(errors::empty_lattice(&span)),
            IndexSet::Range(n) => sizes.push(n),
            _ => return c.needs(&span, "a number of sites", &value),
        }
    }
    Ok(sizes)
}

fn new_lattice(c: &mut Checker, sizes: Vec<usize>, boundary: Vec<Boundary>) -> Checked<Value> {
    let identity = c.fresh_identity();
    Ok(Value::Set(IndexSet::Lattice(Rc::new(Lattice { name: "lattice".into(), sizes, boundary, identity }))))
}

impl Checker<'_> {
    /// The value of a `lattice` declaration: the lattice gets its name.
    pub fn lattice_value(&mut self, name: &Name, value: &crate::syntax::ast::Expr) -> Checked<Value> {
        match self.expr(value)? {
            Value::Set(IndexSet::Lattice(l)) => Ok(Value::Set(IndexSet::Lattice(Rc::new(Lattice {
                name: name.span.text().into(),
                sizes: l.sizes.clone(),
                boundary: l.boundary.clone(),
                identity: l.identity,
            })))),
            Value::Unknown => Err(Reported),
            other => self.needs(&value.span, "a lattice, e.g. torus(L, L)", &other),
        }
    }
}

// ---- reductions of arrays ----

fn reduce(c: &mut Checker, mut call: Call, monoid: Monoid) -> Checked<Value> {
    let (n, span) = call.one_number(c)?;
    if (n.kind == Kind::Bool) != matches!(monoid, Monoid::Any | Monoid::All) {
        let wanted = if n.kind == Kind::Bool { "numbers" } else { "conditions (bools)" };
        return c.needs(&span, wanted, &Value::Number(n));
    }
    if n.kind == Kind::Complex && monoid == Monoid::Product {
        return c.fail(errors::not_yet(call.span, "products of complex numbers over an index set"));
    }
    let count = n.sets.len();
    Ok(tight(c.combine(monoid, Value::Number(n), count)))
}

fn extreme(c: &mut Checker, mut call: Call, monoid: Monoid) -> Checked<Value> {
    if call.given.len() == 2 {
        let [(a, a_span), (b, b_span)] = call.exactly::<2>(c)?;
        let numbers = vec![(as_number(c, a, &a_span)?, a_span), (as_number(c, b, &b_span)?, b_span)];
        let row = if monoid == Monoid::Max { &crate::prim::arithmetic::MAX } else { &crate::prim::arithmetic::MIN };
        return c.apply(row, numbers, call.span).map(Value::Number);
    }
    let (n, span) = call.one_number(c)?;
    match n.kind {
        Kind::Complex => return c.fail(errors::complex_order_of(&span)),
        Kind::Bool => return c.needs(&span, "numbers", &Value::Number(n)),
        _ => {}
    }
    let count = n.sets.len();
    Ok(tight(c.combine(monoid, Value::Number(n), count)))
}

fn count(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (n, span) = call.one_number(c)?;
    if n.kind != Kind::Bool {
        return c.needs(&span, "conditions (bools)", &Value::Number(n));
    }
    let re = c.b.convert(n.re, Scalar::Int);
    let re = c.b.sum_all(re);
    Ok(Value::Number(Number::scalar(Kind::Int, re)))
}

// ---- complex numbers ----

enum Part {
    Real,
    Imaginary,
    Conjugate,
    Argument,
}

fn part(c: &mut Checker, mut call: Call, which: Part) -> Checked<Value> {
    let (n, span) = call.one_number(c)?;
    if n.kind == Kind::Bool {
        return c.needs(&span, "a number", &Value::Number(n));
    }
    let z = c.as_kind(&n, Kind::Complex);
    c.take_part(&z, call.span);
    let (re, im) = (z.re, z.im.expect("complex"));
    let real = |re| Number { loose: n.loose, ..Number::new(Kind::Real, z.sets.clone(), re) };
    Ok(Value::Number(match which {
        Part::Real => real(re),
        Part::Imaginary => real(im),
        Part::Argument => {
            let angle = c.b.call("atan2", &[im, re]);
            real(angle)
        }
        Part::Conjugate => {
            let im = c.b.neg(im);
            Number { im: Some(im), ..z.clone() }
        }
    }))
}

impl Checker<'_> {
    /// Remembers that a part of a complex value was taken: what depends on it is not holomorphic.
    pub fn take_part(&mut self, z: &Number, span: &Span) {
        self.parts_taken.push((z.re, span.clone()));
        self.parts_taken.extend(z.im.map(|im| (im, span.clone())));
    }
}

fn complex(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, x_span), (y, y_span)] = call.exactly::<2>(c)?;
    let numbers = vec![(as_number(c, x, &x_span)?, x_span.clone()), (as_number(c, y, &y_span)?, y_span)];
    let loose = numbers.iter().all(|(n, _)| n.loose);
    let numbers = c.all_alike(numbers)?;
    if numbers[0].kind == Kind::Complex || numbers[0].kind == Kind::Bool {
        return c.needs(&x_span, "a real number", &Value::Number(numbers[0].clone()));
    }
    let numbers: Vec<Number> = numbers.iter().map(|n| c.as_kind(n, Kind::Real)).collect();
    let z = c.complex(numbers[0].sets.clone(), numbers[0].re, numbers[1].re);
    Ok(Value::Number(Number { loose, ..z }))
}

// ---- distributions ----

/// A parameter of a distribution.
fn real_parameter(c: &mut Checker, value: Value, span: &Span, what: &str) -> Checked<Number> {
    let number = as_number(c, value, span)?;
    if number.im.is_some() { c.fail(errors::law_of_complex(span, what)) } else { Ok(number) }
}

fn normal(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let span = call.span;
    let [(mean, mean_span), (deviation, deviation_span)] = call.exactly::<2>(c)?;
    let mean = real_parameter(c, mean, &mean_span, "the mean of a normal distribution")?;
    let deviation = real_parameter(c, deviation, &deviation_span, "the standard deviation of a normal distribution")?;
    if c.literal_real(&deviation).is_some_and(|s| s < 0.0) {
        return c.fail(errors::negative_deviation(span));
    }
    Ok(Value::Distribution(Rc::new(Distribution::Normal { mean, deviation })))
}

fn standard_normal(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(like, span)] = call.exactly::<1>(c)?;
    let mut floats = true;
    let zeros = paths::each_number(like, &mut |n| {
        floats &= n.kind.is_float();
        let shape = n.shape();
        let zero = n.clone().map_leaves(&mut |_| c.b.full(n.kind.scalar(), &shape, 0.0));
        Ok(Value::Number(zero))
    })?;
    match zeros {
        Value::Number(mean) if floats && mean.im.is_none() => {
            let one = c.b.number(mean.kind.scalar(), 1.0);
            let deviation = Number::scalar(mean.kind, one);
            Ok(Value::Distribution(Rc::new(Distribution::Normal { mean, deviation })))
        }
        zeros if floats && !zeros.leaves().is_empty() => Ok(Value::Distribution(Rc::new(Distribution::Standard(zeros)))),
        other => c.needs(&span, "real, f32 or complex numbers or arrays of them", &other),
    }
}

fn uniform(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let span = call.span;
    let [(low, low_span), (high, high_span)] = call.exactly::<2>(c)?;
    let low = real_parameter(c, low, &low_span, "an end of an interval")?;
    let high = real_parameter(c, high, &high_span, "an end of an interval")?;
    if let (Some(a), Some(b)) = (c.literal_real(&low), c.literal_real(&high))
        && a >= b
    {
        return c.fail(errors::uniform_backwards(span));
    }
    Ok(Value::Distribution(Rc::new(Distribution::Uniform { low, high })))
}

fn exponential(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(rate, span)] = call.exactly::<1>(c)?;
    let rate = real_parameter(c, rate, &span, "the rate of an exponential distribution")?;
    if c.literal_real(&rate).is_some_and(|r| r <= 0.0) {
        return c.fail(errors::rate_not_positive(&span));
    }
    Ok(Value::Distribution(Rc::new(Distribution::Exponential { rate })))
}

// ---- functions of functions ----

fn derived(c: &mut Checker, mut call: Call, derived: Derived) -> Checked<Value> {
    let [(f, span)] = call.exactly::<1>(c)?;
    let f = as_function(c, f, &span)?;
    Ok(Value::Function(Rc::new(Function::Derived(derived, f))))
}

fn fixed(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(f, span)] = call.exactly::<1>(c)?;
    let function = as_function(c, f, &span)?;
    Ok(Value::Function(Rc::new(Function::Fixed { function, noise: c.address.clone() })))
}

fn state(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(f, span)] = call.exactly::<1>(c)?;
    if let Value::Process(process) = &f {
        return c.process_state(process, &span);
    }
    let f = as_function(c, f, &span)?;
    let Function::User(closure) = &*f else {
        return c.fail(errors::no_declared_state(&span, &f.describe()));
    };
    let Declaration::Function(declared) = &closure.declaration else {
        return c.fail(errors::no_declared_state(&span, &f.describe()));
    };
    let Some(ty) = declared.parameters.first().and_then(|p| p.ty.as_ref()).filter(|_| declared.generics.is_empty()) else {
        return c.fail(errors::no_declared_state(&span, &f.describe()));
    };
    let ty = c.where_declared(closure, |c| c.ty(ty))?;
    zeros(c, &ty, &span)
}

/// Zeros of a type of fields.
fn zeros(c: &mut Checker, ty: &types::Ty, span: &Span) -> Checked<Value> {
    match ty {
        types::Ty::Number(kind, sets) if *kind != Kind::Bool => {
            let shape: Vec<usize> = sets.iter().map(IndexSet::size).collect();
            let mut zeros = || c.b.full(kind.scalar(), &shape, 0.0);
            let re = zeros();
            let im = (*kind == Kind::Complex).then(zeros);
            Ok(Value::Number(Number { im, ..Number::new(*kind, sets.clone(), re) }))
        }
        types::Ty::Tuple(items) => {
            let items: Checked<Vec<Value>> = items.iter().map(|ty| zeros(c, ty, span)).collect();
            Ok(Value::Tuple(Rc::new(items?)))
        }
        types::Ty::Record(fields) => {
            let fields: Checked<Vec<_>> = fields.iter().map(|(name, ty)| Ok((name.clone(), zeros(c, ty, span)?))).collect();
            Ok(Value::Record(Rc::new(fields?)))
        }
        other => c.fail(errors::not_yet(span, &format!("states of type {}", other.describe()))),
    }
}

fn of_integers(value: &Value) -> bool {
    match value {
        Value::Number(n) => n.kind == Kind::Int,
        Value::Tuple(items) => items.iter().any(of_integers),
        Value::Record(fields) => fields.iter().any(|(_, v)| of_integers(v)),
        _ => false,
    }
}

fn zero(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, _)] = call.exactly::<1>(c)?;
    let zeros = x.map_leaves(&mut |v| {
        let ty = c.b.type_of(v).clone();
        c.b.full(ty.scalar, &ty.shape, 0.0)
    });
    Ok(tight(zeros))
}

/// Along the first index set the parity of the sum of the coordinates; each member of the further sets has parts of its own.
fn checkerboard(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (n, _) = call.one_number(c)?;
    let Some((first, rest)) = n.sets.split_first() else {
        return Ok(Value::Number(c.known_int(0))).map(tight);
    };
    let parities: Vec<i64> = match first {
        IndexSet::Lattice(l) => (0..l.volume()).map(|x| moyal_runtime::lattice::parity(&l.sizes, x) as i64).collect(),
        other => (0..other.size() as i64).map(|k| k % 2).collect(),
    };
    let others: usize = rest.iter().map(IndexSet::size).product();
    let parts = parities.iter().flat_map(|parity| (0..others as i64).map(move |k| 2 * k + parity)).collect();
    let re = c.b.table(Array::new(n.shape(), Data::Int(parts)));
    Ok(Value::Number(Number::new(Kind::Int, n.sets, re)))
}

// ---- index sets ----

fn index(c: &mut Checker, mut call: Call) -> Checked<Value> {
    if let [(None, Value::Tuple(items), _)] = &call.given[..] {
        return Ok(Value::Number(c.known_int(items.len() as i64)));
    }
    let [(value, span)] = call.exactly::<1>(c)?;
    let value = row_or_number(c, value, &span)?;
    match rows_of(&value) {
        Some(IndexSet::Range(size)) => Ok(Value::Number(c.known_int(size as i64))),
        Some(set) => Ok(Value::Set(set)),
        None => c.needs(&span, "an array", &value),
    }
}

fn site(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(set, set_span), (n, span)] = call.exactly::<2>(c)?;
    let Value::Set(IndexSet::Lattice(lattice)) = set else {
        return c.needs(&set_span, "a lattice", &set);
    };
    let number = as_number(c, n, &span)?;
    if number.kind != Kind::Int || !number.is_scalar() {
        return c.needs(&span, "the number of a site (an int)", &Value::Number(number));
    }
    let volume = lattice.volume();
    if number.below.is_none_or(|below| below > volume) {
        let (zero, end) = (c.b.int(0), c.b.int(volume as i64));
        let (above, below) = (c.b.call("ge", &[number.re, zero]), c.b.call("lt", &[number.re, end]));
        let inside = c.b.call("and", &[above, below]);
        c.b.at(&span);
        c.b.require(inside, format!("the number of a site lies outside 0 … {}", volume - 1));
    }
    let offset = vec![0; lattice.sizes.len()];
    Ok(Value::Site(Site { lattice, base: number.re, offset }))
}

fn zip(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(a, a_span), (b, b_span)] = call.exactly::<2>(c)?;
    // A record of arrays is an array of records.
    let (x, y) = (row_or_number(c, a, &a_span)?, row_or_number(c, b, &b_span)?);
    match (rows_of(&x), rows_of(&y)) {
        (Some(p), Some(q)) if p == q => Ok(Value::Record(Rc::new(vec![(Rc::from("0"), x), (Rc::from("1"), y)]))),
        _ => c.fail(errors::zip_of_different(call.span, "zip", (&a_span, &x), (&b_span, &y))),
    }
}

fn row_or_number(c: &mut Checker, value: Value, span: &Span) -> Checked<Value> {
    match &value {
        Value::Record(_) if rows_of(&value).is_some() => Ok(value),
        _ => as_number(c, value, span).map(Value::Number),
    }
}

fn named_ensemble(c: &mut Checker, chains: usize, draws: usize, independent: bool, span: &Span) -> Checked<Rc<Ensemble>> {
    if chains * draws == 0 {
        return c.fail(errors::no_draws(span));
    }
    let identity = c.fresh_identity();
    Ok(Rc::new(Ensemble { identity, name: c.binding_name.clone(), chains, draws, independent }))
}

fn ensemble(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, span)] = call.exactly::<1>(c)?;
    if x.has_unknown() {
        return Err(Reported);
    }
    let Some(first) = first_number(&x).and_then(|n| n.sets.first()) else {
        return c.needs(&span, "an array of draws", &x);
    };
    let ensemble = named_ensemble(c, 1, first.size(), true, &span)?;
    paths::each_number(x, &mut |n| {
        let mut sets = n.sets.clone();
        sets[0] = IndexSet::Ensemble(ensemble.clone());
        Ok(tight(Value::Number(Number { sets, ..n })))
    })
}

/// `x` is over draws, then chains: one array, or several in a tuple or record.
fn markov_chains(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, span)] = call.exactly::<1>(c)?;
    if x.has_unknown() {
        return Err(Reported);
    }
    match first_number(&x).map(|n| &n.sets[..]) {
        Some([draws, chains, ..]) => {
            let ensemble = named_ensemble(c, chains.size(), draws.size(), false, &span)?;
            Ok(over_ensemble(c, x, &ensemble))
        }
        _ => c.needs(&span, "arrays over draws and chains", &x),
    }
}

fn carry(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, span), (record, _)] = call.exactly::<2>(c)?;
    if x.has_unknown() || record.has_unknown() {
        return Err(Reported);
    }
    let sets = first_number(&x).map(|n| n.sets.clone()).unwrap_or_default();
    let Some(identity) = sets.iter().find_map(|s| if let IndexSet::Ensemble(e) = s { Some(e.identity) } else { None }) else {
        return c.needs(&span, "an array over an ensemble", &x);
    };
    c.new_records.push((identity, record));
    Ok(x)
}

fn over_ensemble(c: &mut Checker, x: Value, ensemble: &Rc<Ensemble>) -> Value {
    match x {
        Value::Number(n) => {
            let mut sets = n.sets[1..].to_vec();
            sets[0] = IndexSet::Ensemble(ensemble.clone());
            let shape: Vec<usize> = sets.iter().map(IndexSet::size).collect();
            let n = n.map_leaves(&mut |v| c.b.reshape(v, shape.clone()));
            tight(Value::Number(Number { sets, ..n }))
        }
        Value::Record(fields) => {
            Value::Record(Rc::new(fields.iter().map(|(n, v)| (n.clone(), over_ensemble(c, v.clone(), ensemble))).collect()))
        }
        Value::Tuple(items) => Value::Tuple(Rc::new(items.iter().map(|v| over_ensemble(c, v.clone(), ensemble)).collect())),
        other => other,
    }
}

fn values(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(value, span)] = call.exactly::<1>(c)?;
    let value = row_or_number(c, value, &span)?;
    let plain = |s: &IndexSet| if let IndexSet::Ensemble(e) = s { IndexSet::Range(e.size()) } else { s.clone() };
    paths::each_number(value, &mut |n| Ok(Value::Number(Number { sets: n.sets.iter().map(plain).collect(), ..n })))
}

fn by_chain(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(value, span)] = call.exactly::<1>(c)?;
    let value = row_or_number(c, value, &span)?;
    paths::each_number(value, &mut |n| {
        let Some(IndexSet::Ensemble(e)) = n.sets.first().cloned() else {
            return c.needs(&span, "an array over an ensemble", &Value::Number(n));
        };
        let rest = n.sets[1..].to_vec();
        let shape: Vec<usize> = rest.iter().map(IndexSet::size).collect();
        let sets = [vec![IndexSet::Range(e.chains), IndexSet::Range(e.draws)], rest].concat();
        let n = n.map_leaves(&mut |v| {
            let split = c.b.reshape(v, [vec![e.draws, e.chains], shape.clone()].concat());
            let order: Vec<usize> = [1, 0].into_iter().chain(2..shape.len() + 2).collect();
            c.b.transpose(split, &order)
        });
        Ok(Value::Number(Number { sets, ..n }))
    })
}

fn effect(c: &mut Checker, call: Call) -> Checked<Value> {
    c.fail(errors::effect_inside(call.span, call.builtin.name, call.builtin.usage))
}

fn is_known(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (n, _) = call.one_number(c)?;
    let holds = c.b.literal_of(n.re).is_some();
    known(c, holds)
}

fn is_estimate(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (n, _) = call.one_number(c)?;
    let holds = c.is_estimate(&n);
    known(c, holds)
}

pub fn known(c: &mut Checker, holds: bool) -> Checked<Value> {
    let re = c.b.bool(holds);
    Ok(Value::Number(Number { loose: true, ..Number::scalar(Kind::Bool, re) }))
}

/// Whether something holds of a value, which is known.
fn is(c: &mut Checker, mut call: Call, holds: impl FnOnce(&Value) -> bool) -> Checked<Value> {
    match call.exactly::<1>(c)? {
        [(Value::Unknown, _)] => Err(Reported),
        [(value, _)] => known(c, holds(&value)),
    }
}

fn over_an_ensemble(value: &Value) -> bool {
    matches!(value, Value::Number(n) if matches!(n.sets.first(), Some(IndexSet::Ensemble(_))))
}

fn one_by_one(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(n, span)] = call.exactly::<1>(c)?;
    let IndexSet::Range(count) = c.index_set(&n, &span)? else { return c.needs(&span, "a number that is known", &n) };
    let members = (0..count).map(|k| Value::Number(Number::scalar(Kind::Int, c.b.int(k as i64))));
    Ok(Value::Tuple(Rc::new(members.collect())))
}

fn takes_arguments(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(f, f_span), (n, n_span)] = call.exactly::<2>(c)?;
    let IndexSet::Range(count) = c.index_set(&n, &n_span)? else { return c.needs(&n_span, "a number of arguments", &n) };
    match f {
        Value::Unknown => Err(Reported),
        Value::Function(f) => known(c, f.takes(count)),
        other => c.needs(&f_span, "a function", &other),
    }
}

fn has(c: &mut Checker, mut call: Call) -> Checked<Value> {
    match call.exactly::<2>(c)? {
        [(Value::Unknown, _), _] | [_, (Value::Unknown, _)] => Err(Reported),
        [(owner, _), (Value::Text(name), _)] => {
            let found = c.field_of(&owner, &name)?.is_some();
            known(c, found)
        }
        [_, (other, span)] => c.needs(&span, "the name of a field in quotes", &other),
    }
}
