//! What rows of scalar primitives say to whoever makes machine code: the same text serves one number, the lanes of a vector and
//! each kind of code. Every method gives the bits of the row's `run`.

/// A number, or one in each lane, of the code that is being made; a bool among lanes is a mask as wide as the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(pub u32);

/// What two numbers are compared for. With not-a-number only `NotEqual` and `Unordered` hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Whether one of them is not a number.
    Unordered,
}

pub trait Lanes {
    /// Whether the numbers are floats, not integers.
    fn is_float(&self) -> bool;
    /// A float of the kind at hand.
    fn float(&mut self, x: f64) -> Number;
    fn add(&mut self, x: Number, y: Number) -> Number;
    fn sub(&mut self, x: Number, y: Number) -> Number;
    fn mul(&mut self, x: Number, y: Number) -> Number;
    fn div(&mut self, x: Number, y: Number) -> Number;
    fn sqrt(&mut self, x: Number) -> Number;
    fn floor(&mut self, x: Number) -> Number;
    fn ceil(&mut self, x: Number) -> Number;
    fn nearest(&mut self, x: Number) -> Number;
    fn trunc(&mut self, x: Number) -> Number;
    fn neg(&mut self, x: Number) -> Number;
    fn abs(&mut self, x: Number) -> Number;
    fn compare(&mut self, how: Comparison, x: Number, y: Number) -> Number;
    fn not(&mut self, x: Number) -> Number;
    fn and(&mut self, x: Number, y: Number) -> Number;
    fn or(&mut self, x: Number, y: Number) -> Number;
    fn choose(&mut self, condition: Number, x: Number, y: Number) -> Number;
    /// Of integers: the quotient rounded down and what remains; by zero both are zero.
    fn integer_division(&mut self, x: Number, y: Number) -> (Number, Number);
    /// Of integers: 1, 0 or -1.
    fn integer_sign(&mut self, x: Number) -> Number;
    /// One number as another kind (never several at once).
    fn convert(&mut self, to: moyal_runtime::array::Scalar, x: Number) -> Number;

    fn floor_div(&mut self, x: Number, y: Number) -> Number {
        if self.is_float() {
            let quotient = self.div(x, y);
            return self.floor(quotient);
        }
        self.integer_division(x, y).0
    }

    fn rem(&mut self, x: Number, y: Number) -> Number {
        if self.is_float() {
            let turns = self.floor_div(x, y);
            let whole = self.mul(y, turns);
            return self.sub(x, whole);
        }
        self.integer_division(x, y).1
    }

    fn sign(&mut self, x: Number) -> Number {
        if !self.is_float() {
            return self.integer_sign(x);
        }
        let (zero, one) = (self.float(0.0), self.float(1.0));
        let positive = self.compare(Comparison::Greater, x, zero);
        let negative = self.compare(Comparison::Less, x, zero);
        let (p, n) = (self.choose(positive, one, zero), self.choose(negative, one, zero));
        self.sub(p, n)
    }

    /// `x` if it wins or is not a number, else `y`.
    fn extreme(&mut self, wins: Comparison, x: Number, y: Number) -> Number {
        let mut first = self.compare(wins, x, y);
        if self.is_float() {
            let lost = self.compare(Comparison::Unordered, x, x);
            first = self.or(first, lost);
        }
        self.choose(first, x, y)
    }

    fn is_finite(&mut self, x: Number) -> Number {
        let size = self.abs(x);
        let infinity = self.float(f64::INFINITY);
        self.compare(Comparison::Less, size, infinity)
    }
}
