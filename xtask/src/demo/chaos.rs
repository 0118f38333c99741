//! What breaks when: the demo's schedule of faults, the same for the same seed.
//!
//! Pure; the demo carries it out. The first two faults are always one of each kind, so that even a short demo shows both.

/// Between two faults, in seconds: long enough to see the repair verified, short enough to keep watching.
const PAUSE_S_MIN: u64 = 8;
const PAUSE_S_MAX: u64 = 15;
/// Before the first fault: a moment to see everything healthy.
const FIRST_PAUSE_S: u64 = 5;

/// How something is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`: the process is gone at once.
    Kill,
    /// `kill -STOP`: the process is there and answers nobody.
    Hang,
}

/// One thing to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    /// Seconds after the one before.
    pub after_s: u64,
    /// Chooses the victim: this number modulo how many there are then.
    pub pick: u64,
    /// How.
    pub fault: Fault,
}

/// An endless schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    state: u64,
    told: u64,
}

impl Schedule {
    /// The schedule of a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed, told: 0 }
    }

    /// SplitMix64: a few lines, even over its whole range, and the same everywhere.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Iterator for Schedule {
    type Item = Break;

    fn next(&mut self) -> Option<Break> {
        let (pause, pick, kind) = (self.draw(), self.draw(), self.draw());
        let after_s = match self.told {
            0 => FIRST_PAUSE_S,
            _ => PAUSE_S_MIN + pause % (PAUSE_S_MAX - PAUSE_S_MIN + 1),
        };
        let fault = match self.told {
            0 => Fault::Kill,
            1 => Fault::Hang,
            // A crash is the more frequent fault in the world too.
            _ if kind % 3 == 0 => Fault::Hang,
            _ => Fault::Kill,
        };
        self.told += 1;
        Some(Break { after_s, pick, fault })
    }
}
