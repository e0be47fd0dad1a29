//! Array routines: what needs a whole array at once and is no sum of products, one row each. A row is all there is to know
//! about a routine; passes and engines ask its fields and never its name.
//!
//! A routine acts on one member. A step has `batch` leading dimensions, the same for all arguments and results, that count
//! members. A complex array is two arguments or results: real and imaginary parts.

pub mod determinant;
pub mod estimate;
pub mod fourier;
pub mod hermitian;
pub mod linear;
pub mod matrix;
pub mod order;

use crate::core::build::Builder;
use crate::core::{Type, Var};
use crate::engine::{Around, Failure, FailureKind};
use moyal_runtime::array::{Array, Data, Scalar};

pub struct Routine {
    /// What Core's text calls it.
    pub name: &'static str,
    pub doc: &'static str,
    /// The results' types for arguments of these types, all of one member; or what is wrong.
    pub types: fn(&[Type]) -> Result<Vec<Type>, String>,
    /// Computes all members one after the other.
    pub run: fn(&mut Members) -> Result<(), Fault>,
    pub derivative: Derivative,
    /// An argument of these types for which the routine does not fail, if it may fail for others. A member that a filter leaves
    /// out is computed for it instead.
    pub harmless: Option<fn(&[Type]) -> Vec<Array>>,
    /// A better way to compute many members than one after the other, for arguments of which some are the same for all of
    /// them (not batched): what the results, batched, are.
    pub together: Option<fn(&mut Builder, &[Argument]) -> Option<Vec<Var>>>,
    /// Arguments on which tests try the row.
    pub samples: &'static [&'static [Sample]],
}

/// What stands for the fields that a row does not give.
pub const ROUTINE: Routine = Routine {
    name: "",
    doc: "",
    types: |_| Err("a row without types".into()),
    run: |_| Ok(()),
    derivative: Derivative::Constant,
    harmless: None,
    together: None,
    samples: &[],
};

pub enum Derivative {
    Smooth {
        /// The tangents of the results for those of the arguments; None is zero, not all are.
        push: fn(&mut Builder, &Step, &[Option<Var>]) -> Vec<Option<Var>>,
        /// The cotangents of the arguments for those of the results; None is zero, not all are.
        pull: fn(&mut Builder, &Step, &[Option<Var>]) -> Vec<Option<Var>>,
    },
    /// Results are integers: no derivative flows.
    Constant,
}

/// One step that a derivative is taken of.
pub struct Step<'a> {
    pub batch: usize,
    pub args: &'a [Var],
    pub outs: &'a [Var],
}

/// An argument of a batch of members.
#[derive(Clone, Copy)]
pub struct Argument {
    pub value: Var,
    /// Whether it has a leading dimension that counts the members, or is the same for all.
    pub batched: bool,
}

/// What tests give as one argument.
#[derive(Clone, Copy, Debug)]
pub enum Sample {
    Any(&'static [usize]),
    /// A symmetric matrix of n rows.
    Symmetric(usize),
    /// A symmetric matrix with positive eigenvalues.
    Positive(usize),
    /// The imaginary part of a Hermitian matrix.
    Antisymmetric(usize),
}

/// Why a member could not be computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub member: usize,
    pub message: String,
}

impl Fault {
    /// The failure of the step that stands at `span`, inside `around`; the leading dimensions `lead` count members.
    pub fn failure(self, span: u32, lead: &[usize], mut around: Vec<Around>) -> Failure {
        let below = |d: usize| lead[d + 1..].iter().product::<usize>();
        around.extend((0..lead.len()).map(|d| Around::Member((self.member / below(d) % lead[d]) as i64, None)));
        Failure { span, kind: FailureKind::Required(self.message), around }
    }
}

/// Numbers of one array that are read.
#[derive(Clone, Copy)]
pub enum Numbers<'a> {
    Real(&'a [f64]),
    F32(&'a [f32]),
    Int(&'a [i64]),
}

/// Numbers of one array that are written.
pub enum NumbersMut<'a> {
    Real(&'a mut [f64]),
    F32(&'a mut [f32]),
    Int(&'a mut [i64]),
}

/// Consecutive members: their arguments, and their results to be written.
pub struct Members<'a> {
    pub count: usize,
    /// Types of the arguments of one member.
    pub types: &'a [Type],
    pub args: Vec<Numbers<'a>>,
    pub outs: Vec<NumbersMut<'a>>,
}

impl std::fmt::Debug for Routine {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Routine {
    /// Whether it may fail.
    pub fn may_fail(&self) -> bool {
        self.harmless.is_some()
    }

    pub fn is_constant(&self) -> bool {
        matches!(self.derivative, Derivative::Constant)
    }

    /// The results' types for arguments with `batch` leading dimensions.
    pub fn results(&self, batch: usize, args: &[Type]) -> Result<Vec<Type>, String> {
        let lead = args.first().map_or(&[][..], |a| &a.shape[..batch.min(a.rank())]);
        if args.iter().any(|a| a.rank() < batch || &a.shape[..batch] != lead) {
            return Err(format!("{}: leading dimensions differ", self.name));
        }
        let results = (self.types)(&member_types(batch, args))?;
        Ok(results.into_iter().map(|t| Type::new(t.scalar, [lead, &t.shape].concat())).collect())
    }
}

/// Types without their first `batch` dimensions.
pub fn member_types(batch: usize, types: &[Type]) -> Vec<Type> {
    types.iter().map(|t| Type::new(t.scalar, &t.shape[batch..])).collect()
}

/// What a routine gives for whole arrays; `types` are those of the results.
pub fn evaluate(routine: &Routine, batch: usize, args: &[&Array], types: &[Type]) -> Result<Vec<Array>, Fault> {
    let given: Vec<Type> = args.iter().map(|a| Type::new(a.scalar(), a.shape.clone())).collect();
    let count = given[0].shape[..batch].iter().product();
    let mut outs: Vec<Array> = types.iter().map(|t| Array::zeros(t.scalar, t.shape.to_vec())).collect();
    let mut members = Members {
        count,
        types: &member_types(batch, &given),
        args: args.iter().map(|a| numbers(&a.data)).collect(),
        outs: outs.iter_mut().map(|a| numbers_mut(&mut a.data)).collect(),
    };
    (routine.run)(&mut members)?;
    drop(members);
    Ok(outs)
}

fn numbers(data: &Data) -> Numbers<'_> {
    match data {
        Data::Real(v) => Numbers::Real(v),
        Data::F32(v) => Numbers::F32(v),
        Data::Int(v) => Numbers::Int(v),
        Data::Bool(_) => unreachable!("routines take numbers"),
    }
}

fn numbers_mut(data: &mut Data) -> NumbersMut<'_> {
    match data {
        Data::Real(v) => NumbersMut::Real(v),
        Data::F32(v) => NumbersMut::F32(v),
        Data::Int(v) => NumbersMut::Int(v),
        Data::Bool(_) => unreachable!("routines give numbers"),
    }
}

// ---- for rows: members as slices of floats ----

impl Members<'_> {
    /// Calls `f` with the floats of A arguments and O results of each member. What has 32 bits is computed in 64 and rounded.
    pub fn each<const A: usize, const O: usize>(
        &mut self,
        mut f: impl FnMut([&[f64]; A], [&mut [f64]; O]) -> Result<(), String>,
    ) -> Result<(), Fault> {
        let wide: Vec<Vec<f64>> = self.args.iter().map(widened).collect();
        let mut results: Vec<Vec<f64>> = self.outs.iter().map(|o| if let NumbersMut::F32(v) = o { vec![0.0; v.len()] } else { vec![] }).collect();
        let args: Vec<&[f64]> = self.args.iter().zip(&wide).map(|(a, w)| if let Numbers::Real(v) = a { v } else { &w[..] }).collect();
        let mut outs: Vec<&mut [f64]> = self
            .outs
            .iter_mut()
            .zip(&mut results)
            .map(|(o, w)| if let NumbersMut::Real(v) = o { &mut **v } else { &mut w[..] })
            .collect();
        let sizes: [usize; A] = std::array::from_fn(|k| args[k].len() / self.count.max(1));
        let places: [usize; O] = std::array::from_fn(|k| outs[k].len() / self.count.max(1));
        for member in 0..self.count {
            let args: [&[f64]; A] = std::array::from_fn(|k| &args[k][member * sizes[k]..(member + 1) * sizes[k]]);
            let mut outs = outs.iter_mut();
            let outs: [&mut [f64]; O] = std::array::from_fn(|k| {
                let out = outs.next().expect("as many results");
                &mut out[member * places[k]..(member + 1) * places[k]]
            });
            f(args, outs).map_err(|message| Fault { member, message })?;
        }
        for (out, wide) in self.outs.iter_mut().zip(results) {
            if let NumbersMut::F32(out) = out {
                out.iter_mut().zip(wide).for_each(|(x, y)| *x = y as f32);
            }
        }
        Ok(())
    }

    /// The precision of the first argument.
    pub fn is_single(&self) -> bool {
        self.types[0].scalar == Scalar::F32
    }
}

fn widened(numbers: &Numbers) -> Vec<f64> {
    match numbers {
        Numbers::F32(v) => v.iter().map(|x| *x as f64).collect(),
        _ => vec![],
    }
}

/// Every row.
pub fn all() -> impl Iterator<Item = &'static Routine> {
    [linear::ROWS, determinant::ROWS, hermitian::ROWS, order::ROWS, fourier::ROWS, estimate::ROWS].into_iter().flatten().copied()
}
