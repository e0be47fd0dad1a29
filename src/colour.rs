//! Colours of figures. Lines: those of Okabe and Ito, which differ for every kind of eye. Fields: `viridis`, or for
//! numbers of both signs blue over white to red; both grow evenly in lightness from their middle or end.

use crate::axis::Axis;

pub type Colour = (u8, u8, u8);

pub const LINES: [Colour; 7] =
    [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (60, 60, 60)];

/// Where a field has no number.
pub const NOTHING: Colour = (208, 208, 208);

const VIRIDIS: [Colour; 10] = [
    (68, 1, 84),
    (72, 40, 120),
    (62, 74, 137),
    (49, 104, 142),
    (38, 130, 142),
    (31, 158, 137),
    (53, 183, 121),
    (109, 205, 89),
    (180, 222, 44),
    (253, 231, 37),
];

const BLUE_WHITE_RED: [Colour; 11] = [
    (5, 48, 97),
    (33, 102, 172),
    (67, 147, 195),
    (146, 197, 222),
    (209, 229, 240),
    (247, 247, 247),
    (253, 219, 199),
    (244, 165, 130),
    (214, 96, 77),
    (178, 24, 43),
    (103, 0, 31),
];

/// From numbers to colours.
#[derive(Clone, Debug)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
    stops: &'static [Colour],
}

impl Scale {
    /// Symmetric about zero if the numbers lie on both sides of it.
    pub fn over(values: &[f64]) -> Scale {
        let finite = values.iter().copied().filter(|x| x.is_finite()).map(|x| x.clamp(-1e300, 1e300));
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        if low > high {
            return Scale { low: 0.0, high: 1.0, stops: &VIRIDIS };
        }
        let size = low.abs().max(high.abs());
        if low < -0.2 * size && high > 0.2 * size {
            return Scale { low: -size, high: size, stops: &BLUE_WHITE_RED };
        }
        if high - low <= size * 1e-13 {
            let free = if size == 0.0 { 0.5 } else { size * 0.1 };
            return Scale { low: low - free, high: high + free, stops: &VIRIDIS };
        }
        Scale { low, high, stops: &VIRIDIS }
    }

    /// 0 … 255, or nothing for what is not finite.
    pub fn level(&self, x: f64) -> Option<u8> {
        x.is_finite().then(|| ((x.clamp(self.low, self.high) - self.low) / (self.high - self.low) * 255.0).round() as u8)
    }

    /// What is written along the scale.
    pub fn axis(&self) -> Axis {
        Axis { low: self.low, high: self.high, log: false }
    }

    pub fn colour(&self, level: u8) -> Colour {
        let place = level as f64 / 255.0 * (self.stops.len() - 1) as f64;
        let k = (place as usize).min(self.stops.len() - 2);
        let (a, b) = (self.stops[k], self.stops[k + 1]);
        let mix = |a: u8, b: u8| (a as f64 + (b as f64 - a as f64) * (place - k as f64)).round() as u8;
        (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
    }

    pub fn of(&self, x: f64) -> Colour {
        self.level(x).map_or(NOTHING, |level| self.colour(level))
    }
}

/// `#0072b2`.
pub fn hex((r, g, b): Colour) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_signs_are_symmetric() {
        let scale = Scale::over(&[-1.0, 2.0, f64::NAN]);
        assert_eq!((scale.low, scale.high), (-2.0, 2.0));
        assert_eq!(scale.of(f64::NAN), NOTHING);
        let white = scale.of(0.0);
        assert!(white.0 > 240 && white.1 > 240 && white.2 > 240);
    }

    #[test]
    fn one_sign_uses_the_whole_scale() {
        let scale = Scale::over(&[3.0, 5.0]);
        assert_eq!((scale.of(3.0), scale.of(5.0)), (VIRIDIS[0], VIRIDIS[9]));
        for values in [&[][..], &[4.0, 4.0], &[0.0], &[-1e308, 1e308], &[f64::INFINITY]] {
            let scale = Scale::over(values);
            assert!(scale.low < scale.high);
        }
    }
}
