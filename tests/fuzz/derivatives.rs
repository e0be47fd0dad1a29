//! Derivatives of random functions: forward against reverse mode, and against finite differences where these settle.

use crate::compare::{Bench, Checked, Complaint, SEED};
use crate::programs::Derivative;
use moyal_lang::check::script::Unit;
use moyal_lang::core::Program;
use moyal_lang::engine::Context;
use moyal_lang::{interpret, pipeline};
use moyal_runtime::array::{Array, Data, Scalar};
use std::sync::Arc;

#[derive(Default, Clone, Copy)]
pub struct Tally {
    /// Compared between the modes, and with finite differences.
    pub modes: usize,
    pub differences: usize,
    /// Left out: a number is not finite or very large, or the result hangs on the last digits of the point.
    pub left_out: usize,
}

/// Beyond this nothing is compared: products of such numbers leave few digits.
const LARGE: f64 = 1e6;

/// How far a result may go from another, in units of the magnitudes that are added up.
const ROUNDING: f64 = 1e-9;
const ROUNDING_F32: f64 = 2e-3;

/// ⟨w, J v⟩ by forward mode against ⟨Jᵀ w, v⟩ by reverse mode, and J v against differences.
pub fn compare(bench: &Bench, checked: &Checked, which: &Derivative, tally: &mut Tally) -> Result<(), Complaint> {
    let k = which.number;
    let part = |name: &str| checked.slots(&format!("{name}{k}"));
    let (Some(x), Some(w), Some(y), Some(forward), Some(reverse)) = (part("x"), part("w"), part("y"), part("forward"), part("reverse")) else {
        return Ok(());
    };
    let v = checked.slots(&format!("v{k}x")).unwrap_or_default();
    let made = |slots: &[usize]| slots.iter().all(|s| checked.globals.slots[*s].literal.is_some() || checked.store.get(*s).is_some_and(Option::is_some));
    if ![&x, &v, &w, &y, &forward, &reverse].into_iter().all(|slots| made(slots)) {
        return Ok(());
    }
    let array = |slots: &[usize]| checked.array(slots[0]);
    // In 32 bits, wherever it is: also a conversion inside rounds to them.
    let narrow = |slots: &[usize]| checked.filled_by(slots[0]).is_some_and(|u| u.program.types.iter().any(|t| t.scalar == Scalar::F32));
    let single = narrow(&forward) || narrow(&reverse);
    let (v, w) = (array(&v), array(&w));
    let (jv, jw) = (array(&forward), array(&reverse));
    if [&jv, &jw, &array(&y)].into_iter().any(|a| numbers(a).iter().any(|x| !x.is_finite() || x.abs() > LARGE)) {
        tally.left_out += 1;
        return Ok(());
    }
    let (left, right) = (product(&w, &jv), product(&v, &jw));
    let size = left.1.max(right.1).max(1.0);
    // How much the results hang on the last digits of the point: an ill-conditioned program proves nothing.
    let near = |slots: &[usize]| {
        let step = if single { 1e-4 } else { 1e-9 };
        again(bench, checked, slots, &x, &[moved(&array(&x), &v, step), moved(&array(&x), &v, -step)])
    };
    let unsteady = |slots: &[usize], here: &Array| -> f64 {
        let here = numbers(here);
        let apart = |other: &Vec<f64>| other.iter().zip(&here).map(|(a, b)| if a.is_finite() { (a - b).abs() } else { f64::INFINITY }).fold(0.0, f64::max);
        near(slots).iter().flatten().map(apart).fold(0.0, f64::max)
    };
    tally.modes += 1;
    let rounding = (if single { ROUNDING_F32 } else { ROUNDING }) * size;
    if (left.0 - right.0).abs() > rounding {
        let sway = unsteady(&forward, &jv).max(unsteady(&reverse, &jw));
        let tolerance = rounding + 10.0 * sway * (numbers(&w).len() + numbers(&v).len()) as f64;
        if sway > 1e-3 * size {
            tally.modes -= 1;
            tally.left_out += 1;
        } else if (left.0 - right.0).abs() > tolerance {
            let what = format!("forward mode gives {:?}, reverse mode {:?} (tolerance {tolerance:e}) of derivative {k}", left.0, right.0);
            return Err(Complaint::new("forward against reverse", what));
        }
    }
    if which.smooth && !single { differences(bench, checked, which, [&x, &y], (&v, &jv), tally) } else { Ok(()) }
}

/// Central differences with two steps: if they agree, they are the derivative.
fn differences(bench: &Bench, checked: &Checked, which: &Derivative, [x, y]: [&[usize]; 2], (v, jv): (&Array, &Array), tally: &mut Tally) -> Result<(), Complaint> {
    let at = checked.array(x[0]);
    let steps = [1e-3, 3e-4, 1e-4];
    let points: Vec<Array> = steps.iter().flat_map(|h| [moved(&at, v, *h), moved(&at, v, -h)]).collect();
    let Some(values) = again(bench, checked, y, x, &points) else { return Ok(()) };
    let slope = |k: usize| -> Vec<f64> { values[2 * k].iter().zip(&values[2 * k + 1]).map(|(a, b)| (a - b) / (2.0 * steps[k])).collect() };
    let [coarse, middle, fine] = [slope(0), slope(1), slope(2)];
    let found = numbers(jv);
    let size = found.iter().chain(&fine).fold(1.0f64, |m, x| m.max(x.abs()));
    let settled = (0..found.len()).all(|k| {
        let all = [coarse[k], middle[k], fine[k]];
        all.iter().all(|x| x.is_finite()) && (coarse[k] - fine[k]).abs() < 1e-4 * size && (middle[k] - fine[k]).abs() < 2e-5 * size
    });
    if !settled {
        tally.left_out += 1;
        return Ok(());
    }
    tally.differences += 1;
    match (0..found.len()).find(|k| (found[*k] - fine[*k]).abs() > 3e-3 * size) {
        Some(k) => {
            let what = format!("the derivative {} gives {:?} as number {k}, finite differences {:?}", which.number, found[k], fine[k]);
            Err(Complaint::new("derivative against differences", what))
        }
        None => Ok(()),
    }
}

/// A statement's result again with other values of one of its inputs. The interpreter runs what the passes leave.
fn again(bench: &Bench, checked: &Checked, wanted: &[usize], changed: &[usize], values: &[Array]) -> Option<Vec<Vec<f64>>> {
    let unit: &Unit = checked.filled_by(wanted[0])?;
    let prepared = pipeline::prepare(&unit.program);
    let at = unit.outputs.iter().position(|slot| *slot == wanted[0])?;
    values.iter().map(|value| once(bench, checked, (unit, &prepared), changed, value).map(|results| numbers(&results[at]))).collect()
}

fn once(bench: &Bench, checked: &Checked, (unit, prepared): (&Unit, &Program), changed: &[usize], value: &Array) -> Option<Vec<Arc<Array>>> {
    let value = Arc::new(value.clone());
    let inputs: Vec<Arc<Array>> =
        unit.inputs.iter().map(|slot| if *slot == changed[0] { value.clone() } else { checked.array(*slot) }).collect();
    interpret::run(prepared, &inputs, &Context { seed: SEED, stop: &bench.stop }).ok()
}

fn moved(at: &Array, along: &Array, h: f64) -> Array {
    let mut moved = at.clone();
    match (&mut moved.data, &along.data) {
        (Data::Real(x), Data::Real(v)) => x.iter_mut().zip(v).for_each(|(x, v)| *x += h * v),
        (Data::F32(x), Data::F32(v)) => x.iter_mut().zip(v).for_each(|(x, v)| *x += h as f32 * v),
        _ => {}
    }
    moved
}

pub fn numbers(array: &Array) -> Vec<f64> {
    match &array.data {
        Data::Real(v) => v.clone(),
        Data::F32(v) => v.iter().map(|x| *x as f64).collect(),
        Data::Int(v) => v.iter().map(|x| *x as f64).collect(),
        Data::Bool(v) => v.iter().map(|x| *x as u8 as f64).collect(),
    }
}

/// The sum of products, and of their magnitudes.
fn product(a: &Array, b: &Array) -> (f64, f64) {
    let terms: Vec<f64> = numbers(a).iter().zip(numbers(b)).map(|(x, y)| x * y).collect();
    (terms.iter().sum(), terms.iter().map(|t| t.abs()).sum())
}
