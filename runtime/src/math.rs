//! Stand-in until the real functions land.
pub fn acos(x: f64) -> f64 { x.acos() }
pub fn acos_f32(x: f32) -> f32 { x.acos() }
pub fn asin(x: f64) -> f64 { x.asin() }
pub fn asin_f32(x: f32) -> f32 { x.asin() }
pub fn atan(x: f64) -> f64 { x.atan() }
pub fn atan2(x: f64, y: f64) -> f64 { x.atan2(y) }
pub fn atan2_f32(x: f32, y: f32) -> f32 { x.atan2(y) }
pub fn atan_f32(x: f32) -> f32 { x.atan() }
pub fn bessel_i0e(x: f64) -> f64 { x }
pub fn bessel_i0e_f32(x: f32) -> f32 { x }
pub fn bessel_i1e(x: f64) -> f64 { x }
pub fn bessel_i1e_f32(x: f32) -> f32 { x }
pub fn cos(x: f64) -> f64 { x.cos() }
pub fn cos_f32(x: f32) -> f32 { x.cos() }
pub fn cosh(x: f64) -> f64 { x.cosh() }
pub fn cosh_f32(x: f32) -> f32 { x.cosh() }
pub fn digamma(x: f64) -> f64 { x }
pub fn digamma_f32(x: f32) -> f32 { x }
pub fn erf(x: f64) -> f64 { x }
pub fn erf_f32(x: f32) -> f32 { x }
pub fn erfc(x: f64) -> f64 { x }
pub fn erfc_f32(x: f32) -> f32 { x }
pub fn exp(x: f64) -> f64 { x.exp() }
pub fn exp_f32(x: f32) -> f32 { x.exp() }
pub fn expm1(x: f64) -> f64 { x.exp_m1() }
pub fn expm1_f32(x: f32) -> f32 { x.exp_m1() }
pub fn lgamma(x: f64) -> f64 { x }
pub fn lgamma_f32(x: f32) -> f32 { x }
pub fn log(x: f64) -> f64 { x.ln() }
pub fn log1p(x: f64) -> f64 { x.ln_1p() }
pub fn log1p_f32(x: f32) -> f32 { x.ln_1p() }
pub fn log_f32(x: f32) -> f32 { x.ln() }
pub fn pow(x: f64, y: f64) -> f64 { x.powf(y) }
pub fn pow_f32(x: f32, y: f32) -> f32 { x.powf(y) }
pub fn sigmoid(x: f64) -> f64 { x }
pub fn sigmoid_f32(x: f32) -> f32 { x }
pub fn sin(x: f64) -> f64 { x.sin() }
pub fn sin_f32(x: f32) -> f32 { x.sin() }
pub fn sinh(x: f64) -> f64 { x.sinh() }
pub fn sinh_f32(x: f32) -> f32 { x.sinh() }
pub fn softplus(x: f64) -> f64 { x }
pub fn softplus_f32(x: f32) -> f32 { x }
pub fn tan(x: f64) -> f64 { x.tan() }
pub fn tan_f32(x: f32) -> f32 { x.tan() }
pub fn tanh(x: f64) -> f64 { x.tanh() }
pub fn tanh_f32(x: f32) -> f32 { x.tanh() }
pub fn trigamma(x: f64) -> f64 { x }
pub fn trigamma_f32(x: f32) -> f32 { x }
