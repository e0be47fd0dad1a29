//! The instructions of scalar primitives in Cranelift's form, for one number or for the lanes of one vector.
//!
//! A bool is an `i8` of 0 or 1; among the lanes of a vector it is a mask as wide as the floats.

use crate::jit::lanes::{Comparison, Lanes, Number};
use cranelift::codegen::ir::{Endianness, MemFlagsData, Type, Value, types};
use cranelift::prelude::{FloatCC, FunctionBuilder, InstBuilder, IntCC};
use moyal_runtime::array::Scalar;

pub struct Instructions<'f, 'b> {
    pub b: &'f mut FunctionBuilder<'b>,
    /// The kind of the first argument.
    pub scalar: Scalar,
    /// How many numbers at once.
    pub width: u32,
}

/// The Cranelift type of one number.
pub fn scalar_type(scalar: Scalar) -> Type {
    match scalar {
        Scalar::Real => types::F64,
        Scalar::F32 => types::F32,
        Scalar::Int => types::I64,
        Scalar::Bool => types::I8,
    }
}

pub fn value(number: Number) -> Value {
    Value::from_u32(number.0)
}

pub fn number(value: Value) -> Number {
    Number(value.as_u32())
}

impl Instructions<'_, '_> {
    /// One number in all lanes.
    pub fn spread(&mut self, one: Value) -> Value {
        if self.width == 1 {
            return one;
        }
        let ty = self.b.func.dfg.value_type(one).by(self.width).expect("a vector type");
        self.b.ins().splat(ty, one)
    }
}

/// `float` of floats, `int` of integers.
macro_rules! two {
    ($name:ident, $float:ident, $int:ident) => {
        fn $name(&mut self, x: Number, y: Number) -> Number {
            let (x, y) = (value(x), value(y));
            number(if self.is_float() { self.b.ins().$float(x, y) } else { self.b.ins().$int(x, y) })
        }
    };
}

macro_rules! one {
    ($name:ident) => {
        fn $name(&mut self, x: Number) -> Number {
            number(self.b.ins().$name(value(x)))
        }
    };
    ($name:ident, $float:ident, $int:ident) => {
        fn $name(&mut self, x: Number) -> Number {
            let x = value(x);
            number(if self.is_float() { self.b.ins().$float(x) } else { self.b.ins().$int(x) })
        }
    };
}

impl Lanes for Instructions<'_, '_> {
    fn is_float(&self) -> bool {
        self.scalar.is_float()
    }

    fn float(&mut self, x: f64) -> Number {
        let one = match self.scalar {
            Scalar::F32 => self.b.ins().f32const(x as f32),
            _ => self.b.ins().f64const(x),
        };
        number(self.spread(one))
    }

    two!(add, fadd, iadd);
    two!(sub, fsub, isub);
    two!(mul, fmul, imul);
    one!(sqrt);
    one!(floor);
    one!(ceil);
    one!(nearest);
    one!(trunc);
    one!(neg, fneg, ineg);
    one!(abs, fabs, iabs);

    fn div(&mut self, x: Number, y: Number) -> Number {
        number(self.b.ins().fdiv(value(x), value(y)))
    }

    fn integer_division(&mut self, x: Number, y: Number) -> (Number, Number) {
        let (x, y) = (value(x), value(y));
        let b = &mut *self.b;
        let zero = b.ins().iconst(types::I64, 0);
        let one = b.ins().iconst(types::I64, 1);
        let by_zero = b.ins().icmp_imm_s(IntCC::Equal, y, 0);
        let by_minus_one = b.ins().icmp_imm_s(IntCC::Equal, y, -1);
        let unsafe_divisor = b.ins().bor(by_zero, by_minus_one);
        let divisor = b.ins().select(unsafe_divisor, one, y);
        let quotient = b.ins().sdiv(x, divisor);
        let rest = b.ins().srem(x, divisor);
        let signs = b.ins().bxor(rest, divisor);
        let opposite = b.ins().icmp_imm_s(IntCC::SignedLessThan, signs, 0);
        let some = b.ins().icmp_imm_s(IntCC::NotEqual, rest, 0);
        let adjust = b.ins().band(opposite, some);
        let lower = b.ins().isub(quotient, one);
        let quotient = b.ins().select(adjust, lower, quotient);
        let minus = b.ins().ineg(x);
        let quotient = b.ins().select(by_minus_one, minus, quotient);
        let quotient = b.ins().select(by_zero, zero, quotient);
        let whole = b.ins().imul(quotient, y);
        let rest = b.ins().isub(x, whole);
        let rest = b.ins().select(by_zero, zero, rest);
        (number(quotient), number(rest))
    }

    fn integer_sign(&mut self, x: Number) -> Number {
        let x = value(x);
        let positive = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, x, 0);
        let negative = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, x, 0);
        let (p, n) = (self.b.ins().uextend(types::I64, positive), self.b.ins().uextend(types::I64, negative));
        number(self.b.ins().isub(p, n))
    }

    fn compare(&mut self, how: Comparison, x: Number, y: Number) -> Number {
        let (float, int) = match how {
            Comparison::Equal => (FloatCC::Equal, IntCC::Equal),
            Comparison::NotEqual => (FloatCC::NotEqual, IntCC::NotEqual),
            Comparison::Less => (FloatCC::LessThan, IntCC::SignedLessThan),
            Comparison::LessOrEqual => (FloatCC::LessThanOrEqual, IntCC::SignedLessThanOrEqual),
            Comparison::Greater => (FloatCC::GreaterThan, IntCC::SignedGreaterThan),
            Comparison::GreaterOrEqual => (FloatCC::GreaterThanOrEqual, IntCC::SignedGreaterThanOrEqual),
            Comparison::Unordered => (FloatCC::Unordered, IntCC::NotEqual),
        };
        let (x, y) = (value(x), value(y));
        number(if self.is_float() { self.b.ins().fcmp(float, x, y) } else { self.b.ins().icmp(int, x, y) })
    }

    fn not(&mut self, x: Number) -> Number {
        let x = value(x);
        number(if self.width == 1 { self.b.ins().bxor_imm_u(x, 1) } else { self.b.ins().bnot(x) })
    }

    fn and(&mut self, x: Number, y: Number) -> Number {
        number(self.b.ins().band(value(x), value(y)))
    }

    fn or(&mut self, x: Number, y: Number) -> Number {
        number(self.b.ins().bor(value(x), value(y)))
    }

    fn choose(&mut self, condition: Number, x: Number, y: Number) -> Number {
        let (condition, x, y) = (value(condition), value(x), value(y));
        if self.width == 1 {
            return number(self.b.ins().select(condition, x, y));
        }
        let ty = self.b.func.dfg.value_type(x);
        let mask = if self.b.func.dfg.value_type(condition) == ty {
            condition
        } else {
            self.b.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), condition)
        };
        number(self.b.ins().bitselect(mask, x, y))
    }

    fn convert(&mut self, to: Scalar, x: Number) -> Number {
        let given = value(x);
        let b = &mut *self.b;
        number(match (self.scalar, to) {
            (Scalar::Real, Scalar::F32) => b.ins().fdemote(types::F32, given),
            (Scalar::F32, Scalar::Real) => b.ins().fpromote(types::F64, given),
            (Scalar::Real | Scalar::F32, Scalar::Int) => b.ins().fcvt_to_sint_sat(types::I64, given),
            (Scalar::Int, Scalar::Real) => b.ins().fcvt_from_sint(types::F64, given),
            (Scalar::Int, Scalar::F32) => b.ins().fcvt_from_sint(types::F32, given),
            (Scalar::Bool, Scalar::Int) => b.ins().uextend(types::I64, given),
            (Scalar::Bool, _) => {
                let wide = b.ins().uextend(types::I64, given);
                b.ins().fcvt_from_sint(scalar_type(to), wide)
            }
            (Scalar::Int, Scalar::Bool) => b.ins().icmp_imm_s(IntCC::NotEqual, given, 0),
            (_, Scalar::Bool) => {
                let zero = self.float(0.0);
                return self.compare(Comparison::NotEqual, x, zero);
            }
            _ => given,
        })
    }
}
