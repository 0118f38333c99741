//! Where numbers are going, and how sure that is. It never names a direction that its interval does not bear out, and takes times
//! in any order.

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::aggregate::reading::{Reading, Tally};
use crate::clock::Moment;

/// How often the interval of a slope holds the true one, when what the numbers scatter by is independent of each other.
pub const CONFIDENCE: f64 = 0.95;

/// What 95 % of a normal distribution lie within, in standard deviations.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// The line that fits numbers best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slope {
    /// By how much the numbers grow each second.
    pub per_second: f64,
    /// From where to where the true slope lies with [`CONFIDENCE`]; `None` of two numbers, which any line fits.
    pub interval: Option<(f64, f64)>,
}

/// Where a slope leads, as far as it is sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The whole interval is above zero.
    Rising,
    /// The whole interval is below zero.
    Falling,
    /// The numbers may as well not change, or there are too few to tell.
    Unclear,
}

impl Slope {
    /// Where it leads, if that is sure.
    pub fn direction(&self) -> Direction {
        match self.interval {
            Some((low, _)) if low > 0.0 => Direction::Rising,
            Some((_, high)) if high < 0.0 => Direction::Falling,
            _ => Direction::Unclear,
        }
    }
}

/// The slope of the least-squares line through numbers over time, each second, and how sure it is.
///
/// It takes numbers at two different moments. The order of adding and merging matters no more than rounding does, so a clock that
/// goes back only makes a point further left; numbers at the same moment are points above each other. The interval takes the
/// scatter about the line for independent and alike everywhere: of numbers that follow each other it says too much.
///
/// It keeps means, squares about them and what the line leaves over, all as distances: adding a number is merging a trend of one
/// point, and nothing large is ever subtracted from something large.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    tally: Tally,
    points: Points,
}

/// What is known of points (x, y). Times are seconds from the first moment seen: an f64 cannot tell nanoseconds since 1970 apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Points {
    origin: Moment,
    count: f64,
    mean_x: f64,
    mean_y: f64,
    squares_x: f64,
    products: f64,
    /// The squares of the distances of the points from the best line.
    residual: f64,
}

impl Points {
    fn one(at: Moment, y: f64) -> Self {
        Self { origin: at, count: 1.0, mean_y: y, ..Self::default() }
    }

    /// The slope of the best line; of points above each other, level.
    fn slope(&self) -> f64 {
        if self.squares_x > 0.0 { self.products / self.squares_x } else { 0.0 }
    }

    fn merged(&self, other: &Self) -> Self {
        if self.count == 0.0 {
            return *other;
        }
        if other.count == 0.0 {
            return *self;
        }
        let count = self.count + other.count;
        let share = other.count / count;
        let apart_x = seconds(self.origin, other.origin) + other.mean_x - self.mean_x;
        let apart_y = other.mean_y - self.mean_y;
        let weight = self.count * share;

        // First one slope for both, each about its own mean: what it leaves over is more by how much the two slopes differ.
        let within = self.squares_x + other.squares_x;
        let differ = self.slope() - other.slope();
        let bent = if within > 0.0 { differ * differ * self.squares_x * (other.squares_x / within) } else { 0.0 };
        let slope = if within > 0.0 { (self.products + other.products) / within } else { 0.0 };
        // Then one line for both: more by how far the second mean lies from the line through the first, less what turning the
        // line towards it gives back.
        let squares_x = within + weight * apart_x * apart_x;
        let off = apart_y - slope * apart_x;
        let turned = if squares_x > 0.0 { within / squares_x } else { 1.0 };
        Self {
            origin: self.origin,
            count,
            mean_x: self.mean_x + apart_x * share,
            mean_y: self.mean_y + apart_y * share,
            squares_x,
            products: self.products + other.products + weight * apart_x * apart_y,
            residual: self.residual + other.residual + bent + weight * off * off * turned,
        }
    }

    fn best_line(&self) -> Option<Slope> {
        let freedom = self.count - 2.0;
        (self.squares_x > 0.0).then(|| {
            let slope = self.slope();
            let interval = (freedom >= 1.0).then(|| {
                let margin = student_95(freedom) * (self.residual / freedom / self.squares_x).sqrt();
                (slope - margin, slope + margin)
            });
            Slope { per_second: slope, interval }
        })
    }
}

impl Trend {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Aggregator for Trend {
    type Input = f64;
    type Output = Reading<Slope>;

    fn add(&mut self, at: Moment, value: &f64) {
        if self.tally.admits(*value) {
            self.points = self.points.merged(&Points::one(at, *value));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.tally.merge(other.tally);
        self.points = self.points.merged(&other.points);
    }

    fn output(&self) -> Reading<Slope> {
        self.tally.reading(self.points.best_line())
    }
}

/// From one moment to another, in seconds; negative when it is earlier.
fn seconds(from: Moment, to: Moment) -> f64 {
    if to >= from { to.since(from).as_secs_f64() } else { -from.since(to).as_secs_f64() }
}

/// What 95 % of Student's distribution lie within, by its expansion about the normal one (Fisher and Cornish): within 0.2 % of it
/// from 3 degrees of freedom on, and for one and two, where it does not serve, the values themselves.
fn student_95(freedom: f64) -> f64 {
    if freedom < 1.5 {
        return 12.706_204_736_432_1;
    }
    if freedom < 2.5 {
        return 4.302_652_729_911_28;
    }
    let z = NORMAL_95;
    let square = z * z;
    let first = z * (square + 1.0) / 4.0;
    let second = z * ((5.0 * square + 16.0) * square + 3.0) / 96.0;
    let third = z * (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0;
    let fourth = z * ((((79.0 * square + 776.0) * square + 1482.0) * square - 1920.0) * square - 945.0) / 92_160.0;
    z + (first + (second + (third + fourth / freedom) / freedom) / freedom) / freedom
}

#[cfg(test)]
mod tests {
    use super::student_95;

    #[test]
    fn students_distribution_is_the_one_in_the_tables() {
        // Would break: an interval too narrow or too wide for few points.
        for (freedom, table) in [
            (1.0, 12.706),
            (2.0, 4.303),
            (3.0, 3.182),
            (4.0, 2.776),
            (5.0, 2.571),
            (10.0, 2.228),
            (30.0, 2.042),
            (1e9, 1.960),
        ] {
            assert!((student_95(freedom) / table - 1.0).abs() < 0.002, "{freedom}: {}", student_95(freedom));
        }
    }
}
