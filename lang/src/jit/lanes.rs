//! The instructions of scalar primitives, for one number or for the lanes of one vector. Every method gives the bits of
//! the row's `run`.
//!
//! A bool is an `i8` of 0 or 1; among the lanes of a vector it is a mask as wide as the floats.

use cranelift::codegen::ir::{MemFlagsData, Type, Value, types};
use cranelift::prelude::{FloatCC, FunctionBuilder, InstBuilder, IntCC};
use moyal_runtime::array::Scalar;

pub struct Lanes<'f, 'b> {
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

impl Lanes<'_, '_> {
    fn is_float(&self) -> bool {
        self.scalar.is_float()
    }

    fn float(&mut self, x: f64) -> Value {
        let one = match self.scalar {
            Scalar::F32 => self.b.ins().f32const(x as f32),
            _ => self.b.ins().f64const(x),
        };
        self.spread(one)
    }

    /// One number in all lanes.
    pub fn spread(&mut self, one: Value) -> Value {
        if self.width == 1 {
            return one;
        }
        let ty = self.b.func.dfg.value_type(one).by(self.width).expect("a vector type");
        self.b.ins().splat(ty, one)
    }

    pub fn add(&mut self, x: Value, y: Value) -> Value {
        if self.is_float() { self.b.ins().fadd(x, y) } else { self.b.ins().iadd(x, y) }
    }

    pub fn sub(&mut self, x: Value, y: Value) -> Value {
        if self.is_float() { self.b.ins().fsub(x, y) } else { self.b.ins().isub(x, y) }
    }

    pub fn mul(&mut self, x: Value, y: Value) -> Value {
        if self.is_float() { self.b.ins().fmul(x, y) } else { self.b.ins().imul(x, y) }
    }

    pub fn div(&mut self, x: Value, y: Value) -> Value {
        self.b.ins().fdiv(x, y)
    }

    pub fn sqrt(&mut self, x: Value) -> Value {
        self.b.ins().sqrt(x)
    }

    pub fn floor(&mut self, x: Value) -> Value {
        self.b.ins().floor(x)
    }

    pub fn ceil(&mut self, x: Value) -> Value {
        self.b.ins().ceil(x)
    }

    pub fn nearest(&mut self, x: Value) -> Value {
        self.b.ins().nearest(x)
    }

    pub fn trunc(&mut self, x: Value) -> Value {
        self.b.ins().trunc(x)
    }

    pub fn neg(&mut self, x: Value) -> Value {
        if self.is_float() { self.b.ins().fneg(x) } else { self.b.ins().ineg(x) }
    }

    pub fn abs(&mut self, x: Value) -> Value {
        if self.is_float() { self.b.ins().fabs(x) } else { self.b.ins().iabs(x) }
    }

    pub fn floor_div(&mut self, x: Value, y: Value) -> Value {
        if self.is_float() {
            let quotient = self.b.ins().fdiv(x, y);
            return self.b.ins().floor(quotient);
        }
        self.integer_division(x, y).0
    }

    pub fn rem(&mut self, x: Value, y: Value) -> Value {
        if self.is_float() {
            let turns = self.floor_div(x, y);
            let whole = self.b.ins().fmul(y, turns);
            return self.b.ins().fsub(x, whole);
        }
        self.integer_division(x, y).1
    }

    /// Quotient rounded down and what remains; by zero both are zero.
    fn integer_division(&mut self, x: Value, y: Value) -> (Value, Value) {
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
        (quotient, rest)
    }

    pub fn sign(&mut self, x: Value) -> Value {
        if !self.is_float() {
            let positive = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, x, 0);
            let negative = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, x, 0);
            let (p, n) = (self.b.ins().uextend(types::I64, positive), self.b.ins().uextend(types::I64, negative));
            return self.b.ins().isub(p, n);
        }
        let (zero, one) = (self.float(0.0), self.float(1.0));
        let positive = self.compare(FloatCC::GreaterThan, IntCC::SignedGreaterThan, x, zero);
        let negative = self.compare(FloatCC::LessThan, IntCC::SignedLessThan, x, zero);
        let (p, n) = (self.choose(positive, one, zero), self.choose(negative, one, zero));
        self.b.ins().fsub(p, n)
    }

    /// `x` if it wins or is not a number, else `y`.
    pub fn extreme(&mut self, float: FloatCC, int: IntCC, x: Value, y: Value) -> Value {
        let wins = self.compare(float, int, x, y);
        if !self.is_float() {
            return self.choose(wins, x, y);
        }
        let lost = self.compare(FloatCC::Unordered, IntCC::Equal, x, x);
        let first = self.or(wins, lost);
        self.choose(first, x, y)
    }

    pub fn compare(&mut self, float: FloatCC, int: IntCC, x: Value, y: Value) -> Value {
        if self.is_float() { self.b.ins().fcmp(float, x, y) } else { self.b.ins().icmp(int, x, y) }
    }

    pub fn is_finite(&mut self, x: Value) -> Value {
        let size = self.b.ins().fabs(x);
        let infinity = self.float(f64::INFINITY);
        self.b.ins().fcmp(FloatCC::LessThan, size, infinity)
    }

    pub fn not(&mut self, x: Value) -> Value {
        if self.width == 1 { self.b.ins().bxor_imm_u(x, 1) } else { self.b.ins().bnot(x) }
    }

    pub fn and(&mut self, x: Value, y: Value) -> Value {
        self.b.ins().band(x, y)
    }

    pub fn or(&mut self, x: Value, y: Value) -> Value {
        self.b.ins().bor(x, y)
    }

    pub fn choose(&mut self, condition: Value, x: Value, y: Value) -> Value {
        if self.width == 1 {
            return self.b.ins().select(condition, x, y);
        }
        let ty = self.b.func.dfg.value_type(x);
        let mask = if self.b.func.dfg.value_type(condition) == ty {
            condition
        } else {
            self.b.ins().bitcast(ty, MemFlagsData::new().with_endianness(cranelift::codegen::ir::Endianness::Little), condition)
        };
        self.b.ins().bitselect(mask, x, y)
    }

    /// One number as another kind (never several at once).
    pub fn convert(&mut self, to: Scalar, x: Value) -> Value {
        let b = &mut *self.b;
        match (self.scalar, to) {
            (Scalar::Real, Scalar::F32) => b.ins().fdemote(types::F32, x),
            (Scalar::F32, Scalar::Real) => b.ins().fpromote(types::F64, x),
            (Scalar::Real | Scalar::F32, Scalar::Int) => b.ins().fcvt_to_sint_sat(types::I64, x),
            (Scalar::Int, Scalar::Real) => b.ins().fcvt_from_sint(types::F64, x),
            (Scalar::Int, Scalar::F32) => b.ins().fcvt_from_sint(types::F32, x),
            (Scalar::Bool, Scalar::Int) => b.ins().uextend(types::I64, x),
            (Scalar::Bool, _) => {
                let wide = b.ins().uextend(types::I64, x);
                b.ins().fcvt_from_sint(scalar_type(to), wide)
            }
            (Scalar::Int, Scalar::Bool) => b.ins().icmp_imm_s(IntCC::NotEqual, x, 0),
            (_, Scalar::Bool) => {
                let zero = self.float(0.0);
                self.b.ins().fcmp(FloatCC::NotEqual, x, zero)
            }
            _ => x,
        }
    }
}
