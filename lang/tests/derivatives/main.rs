//! Derivatives against finite differences, forward mode against reverse mode, and second derivatives in every order of modes.

mod check;

use check::*;
use moyal_lang::core::build::Builder;
use moyal_lang::core::*;
use moyal_lang::pass::{activity, derivatives, forward, reverse};
use moyal_lang::prim::{self, Prim, Run};
use moyal_lang::routine::{self, Routine, Sample};
use moyal_runtime::array::{Array, Scalar};

// ---- every row ----

#[test]
fn every_row_has_its_derivative() {
    // `detach` has none: that is what it is for.
    for row in prim::all().filter(|row| row.name != "detach") {
        let kinds = float_kinds(row);
        let floats = kinds.iter().filter(|k| k.is_float()).count();
        if row.result(&kinds).is_some_and(|kind| kind.is_float()) && !matches!(row.run, Run::Convert(_)) {
            assert_eq!(row.domain.len(), floats, "{} says no samples for its floats", row.name);
            row_against_differences(row, &kinds);
        }
    }
}

fn row_against_differences(row: &'static Prim, kinds: &[Scalar]) {
    let mut numbers = Numbers::new(row.name);
    for int in [-3, -1, 0, 1, 2, 5] {
        let mut domains = row.domain.iter();
        let inputs: Vec<Array> = kinds
            .iter()
            .map(|kind| match kind {
                Scalar::Bool => bools(vec![true, false, true, true, false]),
                Scalar::Int if row.name == "polygamma" => ints(vec![i64::abs(int); 5]),
                Scalar::Int => ints(vec![int; 5]),
                _ => numbers.between(&[5], *domains.next().unwrap()),
            })
            .collect();
        check(row.name, &inputs, |b, x| vec![b.prim(row, x)]);
        check_f32(row.name, &inputs, |b, x| vec![b.prim(row, x)]);
        if !kinds.contains(&Scalar::Int) {
            break;
        }
    }
}

/// Kinds of arguments with as many floats as the row takes.
fn float_kinds(row: &Prim) -> Vec<Scalar> {
    use Scalar::*;
    match row.run {
        Run::Select => vec![Bool, Real, Real],
        Run::FloatInt(..) => vec![Real, Int],
        Run::Logic1(..) => vec![Bool],
        Run::Logic2(..) => vec![Bool, Bool],
        Run::Int2(..) => vec![Int, Int],
        _ => vec![Real; row.arity()],
    }
}

#[test]
fn conversions_convert_tangents() {
    let x = reals(&[3], vec![0.5, -1.0, 2.0]);
    check_loose("through f32", &[x], 1e-3, |b, x| {
        let narrow = b.convert(x[0], Scalar::F32);
        let square = b.mul(narrow, narrow);
        vec![b.convert(square, Scalar::Real)]
    });
}

#[test]
fn choice_keeps_what_it_leaves_out_from_spoiling_the_rest() {
    // √x where x > 0; elsewhere the slope of √ is infinite or not a number.
    let x = reals(&[3], vec![4.0, 0.0, -1.0]);
    let gradient = grad(&[x.clone()], |b, x| {
        let (zero, one) = (b.real(0.0), b.real(1.0));
        let positive = b.call("gt", &[x[0], zero]);
        let safe = b.select(positive, x[0], one);
        let root = b.call("sqrt", &[safe]);
        let kept = b.select(positive, root, zero);
        b.sum_all(kept)
    });
    assert_eq!(gradient[0].reals(), [0.25, 0.0, 0.0]);
    // The tangent of what is not chosen may be anything.
    let tangents = run(&[x, reals(&[3], vec![1.0; 3])], |b, x| {
        let block = block_of(b, &x[..1], |b, x| {
            let zero = b.real(0.0);
            let positive = b.call("gt", &[x[0], zero]);
            let root = b.call("sqrt", &[x[0]]);
            vec![b.select(positive, root, zero)]
        });
        let (_, tangents) = forward::jvp(b, &block, &x[..1], &[Some(x[1])], &[]);
        vec![tangents[0].unwrap()]
    });
    assert_eq!(tangents[0].reals(), [0.25, 0.0, 0.0]);
}

#[test]
fn kinks_take_the_mean_of_their_sides() {
    let slopes = |x: f64, y: f64, name: &'static str| {
        let g = grad(&[Array::real(x), Array::real(y)], |b, x| b.call(name, x));
        [g[0].reals()[0], g[1].reals()[0]]
    };
    assert_eq!(slopes(1.0, 1.0, "max"), [0.5, 0.5]);
    assert_eq!(slopes(1.0, 2.0, "max"), [0.0, 1.0]);
    assert_eq!(slopes(1.0, 2.0, "min"), [1.0, 0.0]);
    let ties = grad(&[reals(&[4], vec![2.0, 1.0, 2.0, 0.0])], |b, x| b.reduce(Monoid::Max, x[0], vec![0]));
    assert_eq!(ties[0].reals(), [0.5, 0.0, 0.5, 0.0]);
    let abs = grad(&[Array::real(0.0)], |b, x| b.call("abs", x));
    assert_eq!(abs[0].reals(), [0.0]);
    let bessel = grad(&[Array::real(0.0)], |b, x| b.call("bessel_i1e", x));
    assert_eq!(bessel[0].reals(), [0.5]);
}

// ---- every array routine ----

#[test]
fn every_routine_has_its_derivative() {
    for routine in routine::all().filter(|routine| !routine.is_constant()) {
        assert!(!routine.samples.is_empty(), "{} says no samples", routine.name);
        for samples in routine.samples {
            let mut numbers = Numbers::new(routine.name);
            let inputs: Vec<Array> = samples.iter().map(|s| numbers.array(&shape_of(*s))).collect();
            let name = format!("{} of {samples:?}", routine.name);
            let f = |b: &mut Builder, x: &[Var]| {
                let args = args_of(b, samples, x);
                b.routine(routine, 0, args)
            };
            check_loose(&name, &inputs, 1e-6, f);
            let single: Vec<Type> = samples.iter().map(|s| Type::new(Scalar::F32, shape_of(*s))).collect();
            if routine.results(0, &single).is_ok() {
                check_f32(&name, &inputs, f);
            }
            if samples.iter().all(|s| !shape_of(*s).is_empty()) {
                check_members(routine, samples, &mut numbers);
            }
        }
    }
}

/// As members of a map, of which every second is left out by a branch.
fn check_members(routine: &'static Routine, samples: &'static [Sample], numbers: &mut check::Numbers) {
    let inputs: Vec<Array> = samples.iter().map(|s| numbers.array(&[&[4], &shape_of(*s)[..]].concat())).collect();
    check_loose(&format!("{} of each of 4 members", routine.name), &inputs, 1e-6, |b, x| {
        b.map(4, |b, member| {
            let rows: Vec<Var> = x.iter().map(|x| b.gather(*x, vec![member], false)).collect();
            let args = args_of(b, samples, &rows);
            b.routine(routine, 0, args)
        })
    });
    check_loose(&format!("{} of some members", routine.name), &inputs, 1e-6, |b, x| {
        b.map(4, |b, member| {
            let rows: Vec<Var> = x.iter().map(|x| b.gather(*x, vec![member], false)).collect();
            // Of those left out the arguments are zero, for which some routines fail.
            let two = b.int(2);
            let even = b.call("rem", &[member, two]);
            let zero = b.int(0);
            let taken = b.call("gt", &[even, zero]);
            let good = args_of(b, samples, &rows);
            let args: Vec<Var> = good
                .iter()
                .map(|x| {
                    let (zero, condition) = (b.zeros_like(*x), b.broadcast(taken, &b.shape_of(*x).to_vec()));
                    b.select(condition, *x, zero)
                })
                .collect();
            let types: Vec<Type> = args.iter().map(|a| b.type_of(*a).clone()).collect();
            let results = routine.results(0, &types).unwrap();
            b.if_else(
                taken,
                |b| b.routine(routine, 0, args),
                |b| results.iter().map(|t| b.full(t.scalar, &t.shape, 0.0)).collect(),
            )
        })
    });
}

fn shape_of(sample: Sample) -> Vec<usize> {
    match sample {
        Sample::Any(shape) => shape.to_vec(),
        Sample::Symmetric(n) | Sample::Positive(n) | Sample::Antisymmetric(n) => vec![n, n],
    }
}

/// Arguments of the kind that a routine wants, made of any numbers.
fn args_of(b: &mut Builder, samples: &[Sample], x: &[Var]) -> Vec<Var> {
    let order = [1, 0];
    let one = |b: &mut Builder, sample: Sample, x: Var| match sample {
        Sample::Any(_) => x,
        Sample::Symmetric(_) => {
            let turned = b.transpose(x, &order);
            b.add(x, turned)
        }
        Sample::Antisymmetric(_) => {
            let turned = b.transpose(x, &order);
            b.sub(x, turned)
        }
        Sample::Positive(n) => {
            let square = b.contract(x, x, vec![], vec![(1, 1)]);
            let table: Vec<f64> = (0..n * n).map(|k| if k % (n + 1) == 0 { 2.0 * n as f64 } else { 0.0 }).collect();
            let shift = b.table(reals(&[n, n], table));
            let shift = b.convert(shift, b.scalar_of(x));
            b.add(square, shift)
        }
    };
    samples.iter().zip(x).map(|(s, x)| one(b, *s, *x)).collect()
}

// ---- array operations ----

#[test]
fn moving_numbers() {
    let mut n = Numbers::new("moving");
    check("spread", &[n.array(&[2, 3])], |b, x| {
        let wide = b.spread(x[0], vec![3, 4, 2], vec![2, 0]);
        vec![b.mul(wide, wide)]
    });
    check("spread of a scalar", &[n.array(&[]), n.array(&[2, 2])], |b, x| {
        let square = b.mul(x[0], x[0]);
        let wide = b.spread(square, vec![2, 2], vec![]);
        vec![b.mul(wide, x[1])]
    });
    check("reshape", &[n.array(&[2, 3])], |b, x| {
        let flat = b.reshape(x[0], vec![6]);
        vec![b.mul(flat, flat)]
    });
    check("shift", &[n.array(&[12, 2])], |b, x| {
        let other = b.shift(x[0], 0, vec![3, 4], vec![1, -1]);
        let product = b.mul(x[0], other);
        vec![b.mul(product, other)]
    });
    check("slice", &[n.array(&[5, 4])], |b, x| {
        let part = b.slice(x[0], vec![1, 0], vec![2, 3], vec![2, 2]);
        vec![b.mul(part, part)]
    });
    check("embed", &[n.array(&[2, 2])], |b, x| {
        let square = b.mul(x[0], x[0]);
        vec![b.embed(square, vec![5, 4], vec![1, 0], vec![2, 3])]
    });
    check("concat", &[n.array(&[2, 2]), n.array(&[2, 1])], |b, x| {
        let both = b.concat(vec![x[0], x[1], x[0]], 1);
        vec![b.mul(both, both)]
    });
}

#[test]
fn reductions() {
    let mut n = Numbers::new("reductions");
    for dims in [vec![0], vec![1], vec![0, 2], vec![0, 1, 2]] {
        for monoid in [Monoid::Sum, Monoid::Product, Monoid::Max, Monoid::Min] {
            check(&format!("{monoid:?} over {dims:?}"), &[n.array(&[3, 2, 4])], |b, x| {
                let square = b.mul(x[0], x[0]);
                let reduced = b.reduce(monoid, square, dims.clone());
                vec![b.mul(reduced, reduced)]
            });
        }
    }
    for length in [0, 1, 2, 3, 5, 8] {
        check("product", &[n.array(&[length])], |b, x| vec![b.reduce(Monoid::Product, x[0], vec![0])]);
    }
    for zeros in [vec![2.0, 0.0, 3.0, 5.0, 7.0], vec![2.0, 0.0, 3.0, 0.0, 7.0], vec![0.0; 3]] {
        check("product with zeros", &[reals(&[zeros.len()], zeros)], |b, x| {
            vec![b.reduce(Monoid::Product, x[0], vec![0])]
        });
    }
}

#[test]
fn computed_positions() {
    let mut n = Numbers::new("positions");
    let (rows, columns) = (ints(vec![2, 0, 2, 1]), ints(vec![1, 1, 0, 1]));
    check("gather", &[n.array(&[3, 2]), rows.clone(), columns.clone()], |b, x| {
        let one = b.gather(x[0], vec![x[1]], true);
        let two = b.gather(x[0], vec![x[1], x[2]], true);
        let wide = b.spread(two, vec![4, 2], vec![0]);
        vec![b.mul(one, wide)]
    });
    check("gather at scalar positions", &[n.array(&[3, 2]), Array::int(1), Array::int(2)], |b, x| {
        let one = b.gather(x[0], vec![x[1]], true);
        let two = b.gather(x[0], vec![x[2]], true);
        let again = b.gather(x[0], vec![x[1], x[1]], true);
        let product = b.mul(one, two);
        vec![b.mul(product, again)]
    });
    check("scatter", &[n.array(&[4]), rows, columns], |b, x| {
        let square = b.mul(x[0], x[0]);
        vec![b.scatter(vec![3, 2], vec![x[1], x[2]], square)]
    });
    check("update", &[n.array(&[3, 2]), n.array(&[2]), Array::int(1)], |b, x| {
        let square = b.mul(x[1], x[1]);
        let new = b.update(x[0], vec![x[2]], square, true);
        vec![b.mul(new, new)]
    });
}

#[test]
fn contractions() {
    let mut n = Numbers::new("contractions");
    let mut case = |l: &[usize], r: &[usize], batch: &[(usize, usize)], sum: &[(usize, usize)]| {
        check(&format!("contract {l:?} {r:?} {batch:?} {sum:?}"), &[n.array(l), n.array(r)], |b, x| {
            let product = b.contract(x[0], x[1], batch.to_vec(), sum.to_vec());
            vec![b.mul(product, product)]
        });
    };
    case(&[2, 3], &[3, 2], &[], &[(1, 0)]);
    case(&[3], &[3], &[], &[(0, 0)]);
    case(&[2, 3], &[3], &[], &[(1, 0)]);
    case(&[2], &[3], &[], &[]);
    case(&[2, 3], &[2, 3], &[], &[(1, 1), (0, 0)]);
    case(&[2, 3, 4], &[4, 5, 2], &[(0, 2)], &[(2, 0)]);
    case(&[3, 2, 4], &[4, 2, 3, 2], &[(2, 0), (1, 3)], &[(0, 2)]);
    case(&[2, 3, 2, 3], &[3, 2, 2], &[], &[(3, 0), (0, 2)]);
}

#[test]
fn what_is_drawn_is_held() {
    check("draws", &[reals(&[], vec![0.7])], |b, x| {
        let position = b.int(0);
        let noise = b.draw(Distribution::Normal, Scalar::Real, 5, vec![], position, vec![4]);
        let path = b.mul(x[0], noise);
        vec![b.mul(path, path)]
    });
}

// ---- regions ----

#[test]
fn loops() {
    for turns in [0, 1, 2, 7, 9, 40] {
        let mut n = Numbers::new("loops");
        check(&format!("{turns} turns"), &[n.array(&[3]), n.array(&[3])], |b, x| {
            let count = b.int(turns);
            swing(b, x, count)
        });
        let inputs = [n.array(&[3]), n.array(&[3]), Array::int(turns)];
        check(&format!("unknown number of turns: {turns}"), &inputs, |b, x| swing(b, x, x[2]));
    }
}

#[test]
fn loops_that_save_states_on_two_levels() {
    // These states are more than are saved at once; 7 has no divisor.
    for turns in [7, 12] {
        let mut n = Numbers::new("long states");
        let inputs = [n.array(&[3]), n.array(&[3])];
        check(&format!("{turns} turns"), &inputs, |b, x| {
            let count = b.int(turns);
            let wide: Vec<Var> = x.iter().map(|x| b.spread(*x, vec![3, 15_000], vec![0])).collect();
            let results = swing(b, &wide, count);
            results.into_iter().map(|r| b.part(r, 1, 1, 3)).collect()
        });
    }
}

#[test]
fn more_turns_than_states_are_saved_for() {
    let inputs = [reals(&[], vec![0.3]), reals(&[], vec![0.8]), Array::int(4500)];
    check_first("unknown number of turns: 4500", &inputs, 1e-5, 1e-6, |b, x| swing(b, x, x[2]));
}

#[test]
fn a_thousand_turns() {
    let mut n = Numbers::new("loops");
    check_loose("1000 turns", &[n.array(&[3]), n.array(&[3])], 1e-6, |b, x| {
        let count = b.int(1000);
        swing(b, x, count)
    });
}

/// x' = x + ε y, y' = y − ε (1 + ε t) sin x', and a third value that only counts.
fn swing(b: &mut Builder, x: &[Var], count: Var) -> Vec<Var> {
    let counter = b.int(3);
    let mut results = b.for_loop(count, vec![x[0], counter, x[1]], |b, turn, v| {
        let step = b.scale(v[2], 0.02);
        let next = b.add(v[0], step);
        let sine = b.call("sin", &[next]);
        let push = b.scale(sine, 0.02);
        let factor = b.convert(turn, Scalar::Real);
        let weight = b.scale(factor, 1e-3);
        let more = b.mul(weight, push);
        let push = b.add(push, more);
        vec![next, b.add(v[1], turn), b.sub(v[2], push)]
    });
    let count = b.convert(results.remove(1), Scalar::Real);
    let small = b.scale(count, 1e-3);
    results.push(b.mul(small, x[0]));
    results
}

#[test]
fn noise_is_the_same_when_turns_are_computed_again() {
    let mut n = Numbers::new("noise");
    let path = |b: &mut Builder, x: &[Var], count: Var| {
        b.for_loop(count, vec![x[0]], |b, turn, v| {
            let position = b.int(0);
            let noise = b.draw(Distribution::Normal, Scalar::Real, 5, vec![turn], position, vec![2]);
            let kick = b.mul(x[1], noise);
            let sine = b.call("sin", &[v[0]]);
            let moved = b.mul(sine, kick);
            vec![b.add(v[0], moved)]
        })
    };
    let (start, size) = (n.array(&[2]), reals(&[], vec![0.1]));
    check("known number of turns", &[start.clone(), size.clone()], |b, x| {
        let count = b.int(6);
        path(b, x, count)
    });
    check("unknown number of turns", &[start, size, Array::int(130)], |b, x| path(b, x, x[2]));
}

#[test]
fn terms_that_a_filter_leaves_out() {
    // Σ log x over x > 0: the others count as 0 and are evaluated at 1.
    let sum = |b: &mut Builder, x: &[Var]| {
        let (zero, one) = (b.real(0.0), b.real(1.0));
        let kept = b.call("gt", &[x[0], zero]);
        let safe = b.select(kept, x[0], one);
        let log = b.call("log", &[safe]);
        let terms = b.select(kept, log, zero);
        b.sum_all(terms)
    };
    check("filtered sum", &[reals(&[4], vec![2.0, -0.5, -1.0, 0.5])], |b, x| vec![sum(b, x)]);
    assert_eq!(grad(&[reals(&[3], vec![2.0, 0.0, f64::NAN])], sum)[0].reals(), [0.5, 0.0, 0.0]);
}

#[test]
fn loops_with_captured_values() {
    let mut n = Numbers::new("captured");
    check("captured scalar and table", &[n.array(&[2]), n.array(&[6]), n.array(&[])], |b, x| {
        let count = b.int(6);
        b.for_loop(count, vec![x[0]], |b, turn, v| {
            let entry = b.gather(x[1], vec![turn], true);
            let product = b.mul(v[0], entry);
            let sine = b.call("sin", &[product]);
            let scaled = b.mul(sine, x[2]);
            let half = b.scale(v[0], 0.5);
            vec![b.add(half, scaled)]
        })
    });
    check("init is captured too", &[n.array(&[2])], |b, x| {
        let count = b.int(3);
        b.for_loop(count, vec![x[0], x[0]], |b, _, v| {
            let sine = b.call("sin", &[v[1]]);
            vec![b.mul(v[1], x[0]), sine]
        })
    });
}

#[test]
fn nested_loops() {
    let mut n = Numbers::new("nested");
    for (outer, inner) in [(3, 4), (20, 2)] {
        check(&format!("{outer} x {inner} turns"), &[n.array(&[2]), n.array(&[2])], |b, x| {
            let count = b.int(outer);
            b.for_loop(count, vec![x[0], x[1]], |b, i, v| {
                let count = b.int(inner);
                let pulled = b.for_loop(count, vec![v[0]], |b, j, w| {
                    let both = b.add(i, j);
                    let factor = b.convert(both, Scalar::Real);
                    let factor = b.scale(factor, 0.01);
                    let push = b.mul(factor, v[1]);
                    let sum = b.add(w[0], push);
                    vec![b.call("sin", &[sum])]
                });
                let product = b.mul(pulled[0], v[1]);
                vec![pulled[0], b.call("tanh", &[product])]
            })
        });
    }
}

#[test]
fn loops_that_depend_on_their_state() {
    let mut n = Numbers::new("while");
    check_loose("while", &[n.between(&[], (0.3, 0.9)), n.array(&[2])], 1e-6, |b, x| {
        let five = b.real(5.0);
        let types = [Type::scalar(Scalar::Real), Type::new(Scalar::Real, [2])];
        let params: Vec<Var> = types.iter().map(|t| b.fresh(t.clone())).collect();
        b.open();
        let below = b.call("lt", &[params[0], five]);
        let condition = b.close(params, vec![below]);
        let turn = b.fresh(Type::scalar(Scalar::Int));
        let carried: Vec<Var> = types.iter().map(|t| b.fresh(t.clone())).collect();
        b.open();
        let grown = b.scale(carried[0], 1.3);
        let sine = b.call("sin", &[carried[1]]);
        let next = b.mul(sine, grown);
        let body = b.close([vec![turn], carried].concat(), vec![grown, next]);
        b.while_with(x.to_vec(), condition, body)
    });
}

#[test]
fn branches() {
    let mut n = Numbers::new("branches");
    for taken in [true, false] {
        check("if", &[n.array(&[3]), n.array(&[]), Array::bool(taken)], |b, x| {
            b.if_else(
                x[2],
                |b| {
                    let sine = b.call("sin", &[x[0]]);
                    vec![b.mul(sine, x[1]), x[1]]
                },
                |b| {
                    let square = b.mul(x[0], x[0]);
                    vec![square, b.real(2.0)]
                },
            )
        });
    }
    check("if inside a loop", &[n.array(&[2]), n.array(&[])], |b, x| {
        let count = b.int(9);
        b.for_loop(count, vec![x[0], x[1]], |b, turn, v| {
            let (two, zero) = (b.int(2), b.int(0));
            let rest = b.call("rem", &[turn, two]);
            let even = b.call("eq", &[rest, zero]);
            b.if_else(
                even,
                |b| {
                    let product = b.mul(v[0], v[1]);
                    vec![b.call("sin", &[product]), v[1]]
                },
                |b| {
                    let sum = b.sum_all(v[0]);
                    let small = b.scale(sum, 0.3);
                    vec![v[0], b.mul(small, x[1])]
                },
            )
        })
    });
}

#[test]
fn members() {
    let mut n = Numbers::new("members");
    let inputs = [n.array(&[4, 3]), n.array(&[6]), n.array(&[3]), n.array(&[])];
    check("map", &inputs, |b, x| {
        b.map(4, |b, m| {
            let (one, two) = (b.int(1), b.int(2));
            let row = b.gather(x[0], vec![m], true);
            let entry = b.gather(x[0], vec![m, two], true);
            let next = b.add(m, one);
            let neighbour = b.gather(x[1], vec![next], true);
            let own = b.gather(x[1], vec![m], true);
            let product = b.mul(row, x[2]);
            let sine = b.call("sin", &[product]);
            let mixed = b.mul(entry, own);
            vec![b.mul(sine, neighbour), b.mul(mixed, x[3])]
        })
    });
    check("loop inside map inside loop", &[n.array(&[4]), n.array(&[])], |b, x| {
        let count = b.int(3);
        b.for_loop(count, vec![x[0]], |b, _, v| {
            b.map(4, |b, m| {
                let start = b.gather(v[0], vec![m], true);
                let count = b.int(5);
                b.for_loop(count, vec![start], |b, _, w| {
                    let sine = b.call("sin", &[w[0]]);
                    let again = b.gather(v[0], vec![m], true);
                    let half = b.scale(again, 0.1);
                    let push = b.mul(sine, x[1]);
                    vec![b.add(push, half)]
                })
            })
        })
    });
    check("branch inside map", &[n.array(&[4])], |b, x| {
        b.map(4, |b, m| {
            let (two, zero) = (b.int(2), b.int(0));
            let early = b.call("lt", &[m, two]);
            let own = b.gather(x[0], vec![m], true);
            b.if_else(
                early,
                |b| {
                    let other = b.gather(x[0], vec![zero], true);
                    vec![b.mul(own, other)]
                },
                |b| vec![b.call("sin", &[own])],
            )
        })
    });
}

#[test]
fn what_is_read_in_a_branch_is_read_nowhere_else() {
    let mut n = Numbers::new("guards");
    check("the first member has no neighbour", &[n.array(&[4])], |b, x| {
        b.map(4, |b, m| {
            let (zero, one) = (b.int(0), b.int(1));
            let inner = b.call("gt", &[m, zero]);
            b.if_else(
                inner,
                |b| {
                    let last = b.sub(m, one);
                    let (here, there) = (b.gather(x[0], vec![m], true), b.gather(x[0], vec![last], true));
                    let product = b.mul(here, there);
                    vec![b.call("sin", &[product])]
                },
                |b| vec![b.gather(x[0], vec![m], true)],
            )
        })
    });
    check("several places", &[n.array(&[4]), n.array(&[])], |b, x| {
        b.map(4, |b, m| {
            let two = b.int(2);
            let inner = b.call("lt", &[m, two]);
            b.if_else(
                inner,
                |b| {
                    let ahead = b.iota(2);
                    let places = b.add(m, ahead);
                    let one = b.int(1);
                    let places = b.add(places, one);
                    let values = b.gather(x[0], vec![places], true);
                    let product = b.reduce(Monoid::Product, values, vec![0]);
                    vec![b.mul(product, x[1])]
                },
                |b| {
                    let (here, three) = (b.gather(x[0], vec![m], true), b.int(3));
                    let last = b.gather(x[0], vec![three], true);
                    vec![b.mul(here, last)]
                },
            )
        })
    });
    check("several places in turns", &[n.array(&[4])], |b, x| {
        b.map(4, |b, m| {
            let two = b.int(2);
            let inner = b.call("lt", &[m, two]);
            let half = b.real(0.5);
            b.if_else(
                inner,
                |b| {
                    b.for_loop(two, vec![half], |b, t, v| {
                        let ahead = b.iota(2);
                        let places = b.add(m, ahead);
                        let places = b.add(places, t);
                        let values = b.gather(x[0], vec![places], true);
                        let product = b.reduce(Monoid::Product, values, vec![0]);
                        vec![b.mul(product, v[0])]
                    })
                },
                |b| vec![b.gather(x[0], vec![m], true)],
            )
        })
    });
    for turns in [0, 3] {
        let inputs = [n.array(&[4]), Array::int(turns), Array::int(if turns == 0 { 1 << 40 } else { 2 })];
        check("no turn reads outside", &inputs, |b, x| {
            let start = b.real(0.3);
            b.for_loop(x[1], vec![start], |b, _, v| {
                let entry = b.gather(x[0], vec![x[2]], true);
                let product = b.mul(entry, v[0]);
                vec![b.call("sin", &[product])]
            })
        });
    }
}

#[test]
fn updates_inside_loops() {
    let mut n = Numbers::new("updates");
    check("a running product", &[n.array(&[6])], |b, x| {
        let count = b.int(5);
        b.for_loop(count, vec![x[0]], |b, turn, v| {
            let one = b.int(1);
            let next = b.add(turn, one);
            let here = b.gather(v[0], vec![turn], true);
            let there = b.gather(v[0], vec![next], true);
            let product = b.mul(here, there);
            let sine = b.call("sin", &[product]);
            vec![b.update(v[0], vec![next], sine, true)]
        })
    });
}

#[test]
fn one_value_for_two_params_is_differentiated_by_one() {
    let g = run(&[Array::real(3.0)], |b, x| {
        let block = block_of(b, &[x[0], x[0]], |b, p| {
            let square = b.mul(p[0], p[0]);
            vec![b.mul(square, p[1])]
        });
        let (_, of_first) = reverse::gradient(b, &block, &[x[0], x[0]], &block.params[..1]);
        let (_, of_both) = reverse::gradient(b, &block, &[x[0], x[0]], &block.params);
        [of_first, of_both].concat()
    });
    let g: Vec<f64> = g.iter().map(|g| g.reals()[0]).collect();
    assert_eq!(g, [18.0, 18.0, 9.0]);
}

#[test]
fn captured_variables_are_differentiated_too() {
    let out = run(&[Array::real(3.0), Array::real(2.0)], |b, x| {
        let block = block_of(b, &[x[0]], |b, p| vec![b.mul(p[0], x[1])]);
        let (_, gradient) = reverse::gradient(b, &block, &x[..1], &[x[1], block.params[0]]);
        let one = b.real(1.0);
        let (_, tangents) = forward::jvp(b, &block, &x[..1], &[None], &[(x[1], one)]);
        [gradient, vec![tangents[0].unwrap()]].concat()
    });
    let out: Vec<f64> = out.iter().map(|g| g.reals()[0]).collect();
    assert_eq!(out, [3.0, 2.0, 3.0]);
}

// ---- whole derivatives ----

#[test]
fn matrices_of_derivatives() {
    let mut n = Numbers::new("matrices");
    let inputs = [n.array(&[4]), n.array(&[])];
    let out = run(&inputs, |b, args| {
        let block = block_of(b, args, |b, x| {
            // s Σ xᵢ³ xᵢ₊₁
            let square = b.mul(x[0], x[0]);
            let cube = b.mul(square, x[0]);
            let next = b.shift(x[0], 0, vec![4], vec![1]);
            let product = b.mul(cube, next);
            let sum = b.sum_all(product);
            vec![b.mul(sum, x[1])]
        });
        let gradient = derivatives::gradient_block(b, &block, &block.params[..1]);
        let ones = b.full(Scalar::Real, &[4], 1.0);
        vec![
            derivatives::hessian(b, &block, args, 0),
            derivatives::laplacian(b, &block, args, 0),
            derivatives::hessian_times(b, &block, args, 0, ones),
            derivatives::jacobian(b, &gradient, args, 0),
            derivatives::jacobian(b, &block, args, 0),
            b.inline(&gradient, args)[0],
        ]
    });
    assert_eq!(out[0].shape, [4, 4]);
    let (x, s, h) = (inputs[0].reals(), inputs[1].reals()[0], out[0].reals());
    for i in 0..4 {
        let (next, last) = ((i + 1) % 4, (i + 3) % 4);
        for j in 0..4 {
            let exact = match j {
                j if j == i => 6.0 * x[i] * x[next],
                j if j == next => 3.0 * x[i] * x[i],
                j if j == last => 3.0 * x[last] * x[last],
                _ => 0.0,
            };
            close("hessian", h[4 * i + j], s * exact, 1e-12);
        }
        close("hessian times ones", out[2].reals()[i], h[4 * i..4 * i + 4].iter().sum(), 1e-12);
    }
    close("laplacian", out[1].reals()[0], (0..4).map(|i| h[5 * i]).sum(), 1e-12);
    out[3].reals().iter().zip(h).for_each(|(x, y)| close("jacobian of the gradient", *x, *y, 1e-12));
    out[4].reals().iter().zip(out[5].reals()).for_each(|(x, y)| close("jacobian", *x, *y, 1e-12));
}

#[test]
fn jacobians_of_both_modes() {
    let mut n = Numbers::new("jacobian");
    for (rows, columns) in [(2, 5), (5, 2)] {
        let out = run(&[n.array(&[rows, columns]), n.array(&[columns])], |b, args| {
            let block = block_of(b, args, |b, x| {
                let product = b.contract(x[0], x[1], vec![], vec![(1, 0)]);
                vec![b.mul(product, product)]
            });
            let product = b.contract(args[0], args[1], vec![], vec![(1, 0)]);
            let twice = b.scale(product, 2.0);
            let wide = b.spread(twice, vec![rows, columns], vec![0]);
            vec![derivatives::jacobian(b, &block, args, 1), b.mul(wide, args[0])]
        });
        assert_eq!(out[0].shape, [rows, columns]);
        out[0].reals().iter().zip(out[1].reals()).for_each(|(x, y)| close("jacobian", *x, *y, 1e-12));
    }
}

// ---- what we are here for ----

/// Σ −2κ φ (φ₊₁ + φ₊₂) + φ² + λ (φ² − 1)²
fn phi4(b: &mut Builder, field: Var, kappa: Var, lambda: Var, sizes: [usize; 2]) -> Var {
    let right = b.shift(field, 0, sizes.to_vec(), vec![0, 1]);
    let up = b.shift(field, 0, sizes.to_vec(), vec![1, 0]);
    let neighbours = b.add(right, up);
    let bond = b.mul(field, neighbours);
    let coupling = b.scale(kappa, -2.0);
    let hopping = b.mul(coupling, bond);
    let square = b.mul(field, field);
    let one = b.real(1.0);
    let off = b.sub(square, one);
    let off = b.mul(off, off);
    let quartic = b.mul(lambda, off);
    let local = b.add(square, quartic);
    let density = b.add(hopping, local);
    b.sum_all(density)
}

#[test]
fn the_force_is_a_stencil() {
    let mut n = Numbers::new("phi4");
    let inputs = [n.array(&[12]), Array::real(0.3), Array::real(0.02)];
    check("phi4", &inputs, |b, x| vec![phi4(b, x[0], x[1], x[2], [3, 4])]);
    let mut b = Builder::new();
    let args: Vec<Var> = inputs.iter().map(|a| b.fresh(Type::new(a.scalar(), a.shape.clone()))).collect();
    let block = block_of(&mut b, &args, |b, x| vec![phi4(b, x[0], x[1], x[2], [3, 4])]);
    let (_, force) = reverse::gradient(&mut b, &block, &args, &block.params[..1]);
    let program = b.finish(args, force);
    let body = activity::prune(&program.body, &[true]);
    let sites = |s: &&Step| program.type_of(s.outs[0]).len() == 12 && !matches!(s.op, Op::Spread { .. });
    let count = body.steps.iter().filter(sites).count();
    assert!(count <= 15, "{count} steps over all sites");
}

#[test]
fn leapfrog_is_differentiated_through_a_thousand_steps() {
    let mut n = Numbers::new("leapfrog");
    let inputs = [n.array(&[16]), n.array(&[16]), Array::real(0.25), Array::real(0.1)];
    check_first("leapfrog", &inputs, 1e-4, 1e-6, |b, x| {
        let action = block_of(b, &x[..1], |b, field| vec![phi4(b, field[0], x[2], x[3], [4, 4])]);
        let count = b.int(1000);
        b.for_loop(count, vec![x[0], x[1]], |b, _, v| {
            let half = b.scale(v[1], 0.001);
            let field = b.add(v[0], half);
            let (_, force) = reverse::gradient(b, &action, &[field], &action.params);
            let kick = b.scale(force[0], 0.002);
            let momentum = b.sub(v[1], kick);
            let half = b.scale(momentum, 0.001);
            vec![b.add(field, half), momentum]
        })
    });
}

#[test]
fn a_gradient_costs_a_few_times_its_function() {
    let steps = |b: &mut Builder, x: Var, levels: usize| {
        fn nest(b: &mut Builder, x: Var, start: Var, levels: usize) -> Var {
            if levels == 0 {
                let square = b.mul(start, start);
                let sum = b.add(square, x);
                return b.call("sin", &[sum]);
            }
            let count = b.int(40);
            b.for_loop(count, vec![start], |b, _, v| vec![nest(b, x, v[0], levels - 1)])[0]
        }
        let state = nest(b, x, x, levels);
        b.sum_all(state)
    };
    for (levels, times) in [(1, 5.5), (2, 7.5), (3, 9.5)] {
        let x = [Type::new(Scalar::Real, [20_000])];
        let function = prepared(&x, |b, x| vec![steps(b, x[0], levels)]);
        let gradient = prepared(&x, |b, x| {
            let block = block_of(b, x, |b, x| vec![steps(b, x[0], levels)]);
            reverse::gradient(b, &block, x, &block.params).1
        });
        let ratio = work(&gradient, &gradient.body) / work(&function, &function.body);
        assert!(ratio <= times, "{ratio} times the function for {levels} nested loops");
    }
}

#[test]
fn memory_grows_as_the_square_root() {
    let size = 500;
    let end = |b: &mut Builder, x: &[Var], turns: i64| {
        let block = block_of(b, x, |b, x| {
            let count = b.int(turns);
            let state = b.for_loop(count, vec![x[0]], |b, _, v| vec![b.call("sin", &[v[0]])]);
            vec![b.sum_all(state[0])]
        });
        reverse::gradient(b, &block, x, &block.params).1
    };
    let states = |turns: i64, again: bool| {
        let program = prepared(&[Type::new(Scalar::Real, [size])], |b, x| {
            let block = block_of(b, x, |b, x| {
                let gradient = end(b, x, turns);
                let square = b.mul(gradient[0], gradient[0]);
                vec![b.sum_all(square)]
            });
            if again { reverse::gradient(b, &block, x, &block.params).1 } else { end(b, x, turns) }
        });
        carried(&program, &program.body) / size
    };
    assert!(states(10_000, false) <= 210, "{} states", states(10_000, false));
    assert!(states(9_973, false) <= 310, "{} states", states(9_973, false));
    assert!(states(10_000, true) <= 1250, "{} states for a second derivative", states(10_000, true));
}

/// A function after all passes.
fn prepared(params: &[Type], f: impl Fn(&mut Builder, &[Var]) -> Vec<Var>) -> Program {
    let mut b = Builder::new();
    let params: Vec<Var> = params.iter().map(|t| b.fresh(t.clone())).collect();
    let results = f(&mut b, &params);
    moyal_lang::pipeline::prepare(&b.finish(params, results))
}

/// How many numbers a block computes, in loops of known length.
fn work(program: &Program, block: &Block) -> f64 {
    let of = |step: &Step| match &step.op {
        Op::Constant(_) | Op::Spread { .. } | Op::Reshape { .. } => 0.0,
        Op::Update { value, .. } => program.type_of(*value).len() as f64,
        Op::Loop { count, body, .. } => known(&program.body, *count).unwrap() as f64 * work(program, body),
        _ => step.outs.iter().map(|v| program.type_of(*v).len() as f64).sum(),
    };
    block.steps.iter().map(of).sum()
}

fn known(block: &Block, var: Var) -> Option<i64> {
    block.steps.iter().find_map(|step| match step.op {
        Op::Constant(Literal::Int(n)) if step.outs[0] == var => Some(n),
        ref op => op.blocks().into_iter().find_map(|block| known(block, var)),
    })
}

/// How many numbers the loops of a block carry, all together.
fn carried(program: &Program, block: &Block) -> usize {
    let of = |step: &Step| {
        let own: usize = match &step.op {
            Op::Loop { init, .. } => init.iter().map(|v| program.type_of(*v).len()).sum(),
            _ => 0,
        };
        own + step.op.blocks().into_iter().map(|block| carried(program, block)).sum::<usize>()
    };
    block.steps.iter().map(of).sum()
}

#[test]
fn polygamma_at_known_places() {
    let at = |x: f64, n: i64| {
        let row = prim::find("polygamma").unwrap();
        match prim::evaluate(row, &[Literal::Real(x), Literal::Int(n)]) {
            Some(Literal::Real(y)) => y,
            other => panic!("{other:?}"),
        }
    };
    let pi = std::f64::consts::PI;
    let zeta3 = 1.2020569031595942;
    for (x, n, exact) in [
        (1.0, 1, pi * pi / 6.0),
        (0.5, 1, pi * pi / 2.0),
        (-0.5, 1, pi * pi / 2.0 + 4.0),
        (1.0, 2, -2.0 * zeta3),
        (0.5, 2, -14.0 * zeta3),
        (-0.5, 2, -14.0 * zeta3 + 16.0),
        (1.0, 3, pi.powi(4) / 15.0),
        (-1.5, 3, pi.powi(4) + 96.0 + 6.0 / 1.5_f64.powi(4)),
    ] {
        assert!((at(x, n) - exact).abs() < 4e-15 * (1.0 + exact.abs()), "polygamma({x}, {n}) = {}, not {exact}", at(x, n));
    }
}
