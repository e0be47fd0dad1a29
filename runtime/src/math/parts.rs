//! What the bodies for `f64` and for `f32` have in common, letter by letter.

/// The parts for one kind of float, of so many bits of mantissa, in a module that has its `SHIFT`, `ONE` and `HALF_PI`.
macro_rules! parts {
    ($t:ident, $bits:ty, $mantissa:literal) => {
        /// c₀ + c₁x + c₂x² + … by Horner's rule.
        #[inline(always)]
        pub fn polynomial<const N: usize>(x: $t, c: &[$t; N]) -> $t {
            let mut value = c[N - 1];
            for i in (0..N - 1).rev() {
                value = value.mul_add(x, c[i]);
            }
            value
        }

        /// a + b and its rounding error, for any sizes.
        #[inline(always)]
        pub fn two_sum(a: $t, b: $t) -> ($t, $t) {
            let sum = a + b;
            let part = sum - a;
            (sum, (a - (sum - part)) + (b - part))
        }

        #[inline(always)]
        fn select(condition: bool, yes: $t, no: $t) -> $t {
            if condition { yes } else { no }
        }

        /// 2ⁿ for z = n + SHIFT and normal 2ⁿ; the n below gives 0.
        #[inline(always)]
        fn power_of_two(z: $t) -> $t {
            $t::from_bits((z.to_bits() << $mantissa).wrapping_add(ONE))
        }

        /// p·2ⁿ for integer n in about twice the range of exponents, rounded once even where it is subnormal.
        #[inline(always)]
        fn scale(p: $t, n: $t) -> $t {
            let half = n.mul_add(0.5, SHIFT);
            let rest = n - (half - SHIFT);
            p * power_of_two(half) * power_of_two(rest + SHIFT)
        }

        /// (z, r, e): x = n π/2 + r + e with |r| ≤ π/4 and n in the low bits of z, for |x| < FAR (Cody and Waite).
        #[inline(always)]
        fn reduce_half_pi(x: $t) -> ($bits, $t, $t) {
            let z = x.mul_add(std::$t::consts::FRAC_2_PI, SHIFT);
            let n = z - SHIFT;
            let high = n.mul_add(-HALF_PI.0, x);
            let low = n * HALF_PI.1;
            let low_error = n.mul_add(HALF_PI.1, -low);
            let (r, e) = two_sum(high, -low);
            (z.to_bits(), r, e - n.mul_add(HALF_PI.2, low_error))
        }

        /// sin x for |x| < FAR.
        #[inline(always)]
        pub fn sin_near(x: $t) -> $t {
            let (n, r, e) = reduce_half_pi(x);
            select(x == 0.0, x, sin_reduced(n, r, e))
        }

        /// cos x for |x| < FAR.
        #[inline(always)]
        pub fn cos_near(x: $t) -> $t {
            let (n, r, e) = reduce_half_pi(x);
            sin_reduced(n.wrapping_add(1), r, e)
        }
    };
}

pub(super) use parts;
