//! Arithmetic, comparison, logic, choice and conversion.

use super::Slope::*;
use super::*;
use crate::jit::lanes::Comparison;

pub static ROWS: &[&Prim] = &[
    &ADD, &SUB, &MUL, &DIV, &NEG, &FLOOR_DIV, &REM, &ABS, &SIGN, &MIN, &MAX, &EQ, &NE, &LT, &LE, &GT, &GE, &NOT, &AND, &OR,
    &SELECT, &DETACH, &IS_FINITE, &TO_REAL, &TO_F32, &TO_INT, &TO_BOOL,
];

const BOTH: &[(f64, f64)] = &[(-3.0, 3.0), (-3.0, 3.0)];

pub static ADD: Prim = Prim {
    name: "add",
    doc: "The sum.",
    run: Run::Num2(|x, y| x + y, |x, y| x + y, i64::wrapping_add),
    partials: Partials::Smooth(|_, _, _| vec![One, One]),
    domain: BOTH,
    emit: Emit::Inline(|l, x| l.add(x[0], x[1])), 
    ..ROW
};

pub static SUB: Prim = Prim {
    name: "sub",
    doc: "The difference.",
    run: Run::Num2(|x, y| x - y, |x, y| x - y, i64::wrapping_sub),
    partials: Partials::Smooth(|_, _, _| vec![One, MinusOne]),
    domain: BOTH,
    emit: Emit::Inline(|l, x| l.sub(x[0], x[1])), 
    ..ROW
};

pub static MUL: Prim = Prim {
    name: "mul",
    doc: "The product.",
    run: Run::Num2(|x, y| x * y, |x, y| x * y, i64::wrapping_mul),
    partials: Partials::Smooth(|_, x, _| vec![Is(x[1]), Is(x[0])]),
    neutral: Some((Some(1.0), Some(1.0))),
    domain: BOTH,
    emit: Emit::Inline(|l, x| l.mul(x[0], x[1])), 
    ..ROW
};

pub static DIV: Prim = Prim {
    name: "div",
    doc: "The quotient of two floats.",
    run: Run::Float2(|x, y| x / y, |x, y| x / y),
    partials: Partials::Smooth(|b, x, y| {
        let one = b.number(b.scalar_of(y), 1.0);
        let inverse = b.div(one, x[1]);
        let slope = b.mul(y, inverse);
        vec![Is(inverse), Is(b.neg(slope))]
    }),
    neutral: Some((None, Some(1.0))),
    domain: &[(-3.0, 3.0), (0.5, 3.0)],
    guard: Some(&[1.0, 1.0]),
    emit: Emit::Inline(|l, x| l.div(x[0], x[1])), 
    cost: 4.0,
    ..ROW
};

pub static NEG: Prim = Prim {
    name: "neg",
    doc: "The opposite number.",
    run: Run::Num1(|x| -x, |x| -x, i64::wrapping_neg),
    partials: Partials::Smooth(|_, _, _| vec![MinusOne]),
    domain: &[(-3.0, 3.0)],
    emit: Emit::Inline(|l, x| l.neg(x[0])), 
    ..ROW
};

pub static FLOOR_DIV: Prim = Prim {
    name: "floor_div",
    doc: "The quotient rounded down; of integers by zero, zero.",
    run: Run::Num2(|x, y| (x / y).floor(), |x, y| (x / y).floor(), floor_div),
    domain: &[(-3.0, 3.0), (0.5, 3.0)],
    guard: Some(&[1.0, 1.0]),
    emit: Emit::Inline(|l, x| l.floor_div(x[0], x[1])), 
    ..ROW
};

pub static REM: Prim = Prim {
    name: "rem",
    doc: "What remains of x after the quotient by y rounded down: x - y * floor(x / y), of the sign of y.",
    run: Run::Num2(|x, y| x - y * (x / y).floor(), |x, y| x - y * (x / y).floor(), rem),
    partials: Partials::Smooth(|b, x, _| {
        let turns = b.prim(&FLOOR_DIV, &[x[0], x[1]]);
        vec![One, Is(b.neg(turns))]
    }),
    domain: &[(0.1, 0.9), (1.5, 2.0)],
    guard: Some(&[1.0, 1.0]),
    jumps: true,
    emit: Emit::Inline(|l, x| l.rem(x[0], x[1])), 
    ..ROW
};

pub static ABS: Prim = Prim {
    name: "abs",
    doc: "The absolute value; its slope at 0 is 0, the mean of both sides.",
    public: true,
    run: Run::Num1(f64::abs, f32::abs, i64::wrapping_abs),
    partials: Partials::Smooth(|b, x, _| vec![Is(b.prim(&SIGN, &[x[0]]))]),
    domain: &[(0.5, 3.0)],
    emit: Emit::Inline(|l, x| l.abs(x[0])), 
    ..ROW
};

pub static SIGN: Prim = Prim {
    name: "sign",
    doc: "1 for positive numbers, -1 for negative ones, 0 for 0.",
    public: true,
    run: Run::Num1(
        |x| (x > 0.0) as u8 as f64 - (x < 0.0) as u8 as f64,
        |x| (x > 0.0) as u8 as f32 - (x < 0.0) as u8 as f32,
        i64::signum,
    ),
    domain: &[(0.5, 3.0)],
    emit: Emit::Inline(|l, x| l.sign(x[0])), 
    ..ROW
};

pub static MIN: Prim = Prim {
    name: "min",
    doc: "The smaller of two numbers; where they are equal each has slope 1/2.",
    run: Run::Num2(
        |x, y| if x < y || x != x { x } else { y },
        |x, y| if x < y || x != x { x } else { y },
        |x, y| x.min(y),
    ),
    partials: Partials::Smooth(|b, x, _| share(b, x[0], x[1], &LT)),
    domain: &[(-3.0, -1.0), (1.0, 3.0)],
    emit: Emit::Inline(|l, x| l.extreme(Comparison::Less, x[0], x[1])), 
    ..ROW
};

pub static MAX: Prim = Prim {
    name: "max",
    doc: "The larger of two numbers; where they are equal each has slope 1/2.",
    run: Run::Num2(
        |x, y| if x > y || x != x { x } else { y },
        |x, y| if x > y || x != x { x } else { y },
        |x, y| x.max(y),
    ),
    partials: Partials::Smooth(|b, x, _| share(b, x[0], x[1], &GT)),
    domain: &[(-3.0, -1.0), (1.0, 3.0)],
    emit: Emit::Inline(|l, x| l.extreme(Comparison::Greater, x[0], x[1])), 
    ..ROW
};

pub static EQ: Prim =
    Prim { name: "eq", doc: "Whether two numbers are equal.", run: Run::Compare(|x, y| x == y, |x, y| x == y, |x, y| x == y), emit: Emit::Inline(|l, x| l.compare(Comparison::Equal, x[0], x[1])), ..ROW };
pub static NE: Prim =
    Prim { name: "ne", doc: "Whether two numbers differ.", run: Run::Compare(|x, y| x != y, |x, y| x != y, |x, y| x != y), emit: Emit::Inline(|l, x| l.compare(Comparison::NotEqual, x[0], x[1])), ..ROW };
pub static LT: Prim =
    Prim { name: "lt", doc: "Whether x is below y.", run: Run::Compare(|x, y| x < y, |x, y| x < y, |x, y| x < y), emit: Emit::Inline(|l, x| l.compare(Comparison::Less, x[0], x[1])), ..ROW };
pub static LE: Prim =
    Prim { name: "le", doc: "Whether x is not above y.", run: Run::Compare(|x, y| x <= y, |x, y| x <= y, |x, y| x <= y), emit: Emit::Inline(|l, x| l.compare(Comparison::LessOrEqual, x[0], x[1])), ..ROW };
pub static GT: Prim =
    Prim { name: "gt", doc: "Whether x is above y.", run: Run::Compare(|x, y| x > y, |x, y| x > y, |x, y| x > y), emit: Emit::Inline(|l, x| l.compare(Comparison::Greater, x[0], x[1])), ..ROW };
pub static GE: Prim =
    Prim { name: "ge", doc: "Whether x is not below y.", run: Run::Compare(|x, y| x >= y, |x, y| x >= y, |x, y| x >= y), emit: Emit::Inline(|l, x| l.compare(Comparison::GreaterOrEqual, x[0], x[1])), ..ROW };

pub static NOT: Prim = Prim { name: "not", doc: "True for false.", run: Run::Logic1(|x| !x), emit: Emit::Inline(|l, x| l.not(x[0])), ..ROW };
pub static AND: Prim = Prim {
    name: "and",
    doc: "Whether both hold.",
    run: Run::Logic2(|x, y| x & y),
    neutral: Some((Some(1.0), Some(1.0))),
    emit: Emit::Inline(|l, x| l.and(x[0], x[1])), 
    ..ROW
};
pub static OR: Prim = Prim {
    name: "or",
    doc: "Whether at least one holds.",
    run: Run::Logic2(|x, y| x | y),
    neutral: Some((Some(0.0), Some(0.0))),
    emit: Emit::Inline(|l, x| l.or(x[0], x[1])), 
    ..ROW
};

pub static SELECT: Prim = Prim {
    name: "select",
    doc: "The second argument where the first holds, else the third.",
    run: Run::Select,
    partials: Partials::Smooth(|_, x, _| vec![Zero, Where(x[0], true), Where(x[0], false)]),
    domain: BOTH,
    emit: Emit::Inline(|l, x| l.choose(x[0], x[1], x[2])), 
    ..ROW
};

pub static DETACH: Prim = Prim {
    name: "detach",
    doc: "The number itself, held fixed: no derivative, and no error of an estimate, goes through.",
    run: Run::Num1(|x| x, |x| x, |x| x),
    domain: &[(-3.0, 3.0)],
    emit: Emit::Inline(|_, x| x[0]), 
    ..ROW
};

pub static IS_FINITE: Prim = Prim {
    name: "is_finite",
    doc: "Whether a number is neither infinite nor not-a-number.",
    public: true,
    run: Run::Test(f64::is_finite, f32::is_finite),
    emit: Emit::Inline(|l, x| l.is_finite(x[0])), 
    ..ROW
};

pub static TO_REAL: Prim = Prim {
    name: "to_real",
    doc: "A number as `real`.",
    run: Run::Convert(Scalar::Real),
    partials: Partials::Smooth(|_, _, _| vec![One]),
    domain: &[(-3.0, 3.0)],
    emit: Emit::Inline(|l, x| l.convert(Scalar::Real, x[0])), 
    ..ROW
};
pub static TO_F32: Prim = Prim {
    name: "to_f32",
    doc: "A number as `f32`, rounded to the nearest.",
    run: Run::Convert(Scalar::F32),
    partials: Partials::Smooth(|_, _, _| vec![One]),
    domain: &[(-3.0, 3.0)],
    emit: Emit::Inline(|l, x| l.convert(Scalar::F32, x[0])), 
    ..ROW
};
pub static TO_INT: Prim = Prim { name: "to_int", doc: "A number as `int`, toward zero.", run: Run::Convert(Scalar::Int), emit: Emit::Inline(|l, x| l.convert(Scalar::Int, x[0])), ..ROW };
pub static TO_BOOL: Prim = Prim { name: "to_bool", doc: "Whether a number is not 0.", run: Run::Convert(Scalar::Bool), emit: Emit::Inline(|l, x| l.convert(Scalar::Bool, x[0])), ..ROW };

/// The row that converts to a kind.
pub fn conversion(to: Scalar) -> &'static Prim {
    match to {
        Scalar::Real => &TO_REAL,
        Scalar::F32 => &TO_F32,
        Scalar::Int => &TO_INT,
        Scalar::Bool => &TO_BOOL,
    }
}

fn floor_div(x: i64, y: i64) -> i64 {
    if y == 0 { 0 } else { x.wrapping_div_euclid(y) - ((y < 0 && x.wrapping_rem_euclid(y) != 0) as i64) }
}

fn rem(x: i64, y: i64) -> i64 {
    if y == 0 { 0 } else { x.wrapping_sub(floor_div(x, y).wrapping_mul(y)) }
}

/// Slopes of `min` and `max`: one for the argument that wins, a half for each of two equal ones.
fn share(b: &mut Builder, x: Var, y: Var, wins: &'static Prim) -> Vec<Slope> {
    let scalar = b.scalar_of(x);
    if !scalar.is_float() {
        return vec![Zero, Zero];
    }
    let first = b.prim(wins, &[x, y]);
    let second = b.prim(wins, &[y, x]);
    let (one, half, zero) = (b.number(scalar, 1.0), b.number(scalar, 0.5), b.number(scalar, 0.0));
    let other = b.select(second, zero, half);
    let left = b.select(first, one, other);
    let right = b.sub(one, left);
    vec![Is(left), Is(right)]
}
