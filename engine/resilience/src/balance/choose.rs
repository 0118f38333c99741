//! Where a call goes: power of two choices among the liked endpoints, the best chance of a few among the doubted ones.
//!
//! A choice looks at a bounded number of endpoints, whatever their number: two where load decides, eight where health does. While
//! it looks, it also notices who has fallen silent, and stops liking him: nobody sweeps over all endpoints to find that out.

use std::time::Duration;

use homeostat_reactor::Moment;

use super::core::BalanceCore;
use super::roster::{EndpointId, Slot, Standing};
use crate::chance::Chance;

/// Among liked endpoints two are compared: the second choice brings nearly all of the gain (Mitzenmacher 1996).
const CHOICES: usize = 2;
/// Among doubted ones eight are: there, one that works is worth the look.
const DOUBTED_CHOICES: usize = 8;
/// A list of up to this many is looked through; in longer ones places are drawn, and as many draws may miss.
const LOOKED_THROUGH: usize = 16;
/// How often a choice is made anew because the chosen one turned out to have fallen silent.
const RETRIES_MAX: usize = 4;
/// Each call under way at a doubted endpoint counts as a tenth against another call there: they would share its fate.
const CROWDING: f32 = 0.1;
/// Under this chance nobody waits for an endpoint: it is what one has that failed a few times in a row a moment ago.
const HOPE_MIN: f32 = 0.15;
/// An endpoint that starts slowly begins with this part of its share.
const SLOW_START_FROM: f32 = 0.1;
/// Explorations that may be saved up while nothing is doubted.
const EXPLORATIONS_MAX: f32 = 3.0;
/// A call to be made once explores only an endpoint that has waited this many times the longest pause: somebody has to.
const OVERDUE: u32 = 2;

/// What a choice must know of a call.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// What is left until its deadline.
    pub within: Option<Duration>,
    /// Whether it may be made twice.
    pub is_idempotent: bool,
    /// Where it is or was tried already.
    pub tried: &'a [EndpointId],
}

/// Where a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// To this endpoint.
    At(EndpointId),
    /// Here, or wherever a place becomes free: all that are likely to answer are full.
    NoRoom(EndpointId),
    /// There is no endpoint.
    Nobody,
}

impl BalanceCore {
    /// The endpoint for a call; `None` only if there is none at all. One that was tried is chosen again only if all were, and one
    /// that is full only where no other is likely to answer.
    pub fn choose(&mut self, now: Moment, wish: Wish<'_>, chance: &Chance) -> Option<EndpointId> {
        match self.choose_with_room(now, wish, true, chance) {
            Choice::At(id) | Choice::NoRoom(id) => Some(id),
            Choice::Nobody => None,
        }
    }

    /// The same for a call that would rather wait than be told that there is no room. Whoever cannot pay for a second attempt must
    /// not be sent to explore.
    pub fn choose_with_room(&mut self, now: Moment, wish: Wish<'_>, may_explore: bool, chance: &Chance) -> Choice {
        self.settle(now);
        if let Some(id) = self.explore(now, wish, may_explore) {
            return Choice::At(id);
        }
        let choice = self.choose_among(now, wish, chance);
        // What would wait is better spent on an endpoint that may have come back.
        if !may_explore || !matches!(choice, Choice::NoRoom(_)) {
            return choice;
        }
        self.explore_instead(now, wish).map_or(choice, Choice::At)
    }

    fn choose_among(&mut self, now: Moment, wish: Wish<'_>, chance: &Chance) -> Choice {
        for wish in [wish, Wish { tried: &[], ..wish }] {
            let liked = self.choose_liked(now, wish, chance);
            if liked != Choice::Nobody {
                return liked;
            }
            let doubted = self.choose_doubted(now, wish, chance);
            if doubted != Choice::Nobody {
                return doubted;
            }
        }
        // With a cap of all endpoints all may be left out: then the call is made all the same.
        self.roster.list(Standing::Ejected).last().copied().map_or(Choice::Nobody, Choice::At)
    }

    /// How many calls the liked endpoints have room for, and how long one takes there in the middle; `None` if one of them never
    /// said. Of many a sample is looked at.
    pub(super) fn room(&self) -> Option<(f32, Duration)> {
        let liked = self.roster.list(Standing::Liked);
        let seen = liked.len().min(LOOKED_THROUGH);
        let rooms = liked.iter().take(seen).filter_map(|id| self.roster.get(*id)).map(|slot| slot.learned.room());
        let sum = rooms.sum::<Option<f32>>().filter(|_| seen > 0)?;
        Some((sum * liked.len() as f32 / seen as f32, self.pool.good_within(0.5)?))
    }

    /// Whether a liked endpoint has room. Of many a sample is looked at.
    pub(super) fn has_room(&self, now: Moment) -> bool {
        let liked = self.roster.list(Standing::Liked).iter().take(LOOKED_THROUGH);
        liked.filter_map(|id| self.roster.get(*id)).any(|slot| !slot.learned.is_full(now))
    }

    /// Whether an endpoint that is none of these may well answer. Of many a sample is looked at.
    pub(super) fn has_hope(&self, now: Moment, tried: &[EndpointId]) -> bool {
        let standings = [Standing::Liked, Standing::Doubted];
        let mut seen =
            standings.into_iter().flat_map(|standing| self.roster.list(standing).iter().take(LOOKED_THROUGH));
        seen.any(|id| !tried.contains(id) && self.succeeds(now, *id, None) >= HOPE_MIN)
    }

    /// A doubted endpoint whose time has come, for a call that would wait otherwise.
    pub(super) fn explore_instead(&mut self, now: Moment, wish: Wish<'_>) -> Option<EndpointId> {
        if !wish.is_idempotent {
            return None;
        }
        let id = self.roster.first_due(Standing::Doubted, now).filter(|id| !wish.tried.contains(id))?;
        self.put_off(now, id);
        Some(id)
    }

    /// The share of good calls that are done within this time; all, where nobody knows.
    pub(super) fn in_time(&self, within: Duration) -> f32 {
        self.pool.good_sketch().share_within(within).unwrap_or(1.0)
    }

    /// When the first of the endpoints that asked to be left alone may be asked again.
    pub(super) fn full_until(&self, now: Moment) -> Option<Moment> {
        let liked = self.roster.list(Standing::Liked).iter().take(LOOKED_THROUGH);
        let until = liked.filter_map(|id| self.roster.get(*id)).map(|slot| slot.learned.full_until());
        until.filter(|until| *until > now).min()
    }

    /// Endpoints for attempts that begin at once, the best first: as many as it takes to be sure enough that one of them succeeds,
    /// and at most `most`.
    pub fn plan(&mut self, now: Moment, wish: Wish<'_>, most: usize, chance: &Chance) -> Vec<EndpointId> {
        let most = if wish.is_idempotent { most.min(self.settings.predictor.parallel_max).max(1) } else { 1 };
        let mut tried = wish.tried.to_vec();
        let mut chosen = Vec::new();
        let mut all_fail = 1.0;
        while chosen.len() < most && 1.0 - all_fail < self.settings.predictor.sure_enough {
            let Some(id) = self.choose(now, Wish { tried: &tried, ..wish }, chance).filter(|id| !tried.contains(id))
            else {
                break;
            };
            all_fail *= 1.0 - self.succeeds(now, id, wish.within);
            tried.push(id);
            chosen.push(id);
        }
        if chosen.is_empty() { self.choose(now, wish, chance).into_iter().collect() } else { chosen }
    }

    /// How likely a call that begins there now succeeds within that time.
    pub fn succeeds(&self, now: Moment, id: EndpointId, within: Option<Duration>) -> f32 {
        let predict = |slot: &Slot| slot.learned.succeeds_within(now, within, &self.pool, &self.settings.predictor);
        self.roster.get(id).map_or(0.0, predict)
    }

    /// A doubted endpoint whose time has come, if this call may be spent on it. Never a second attempt: that is to succeed.
    fn explore(&mut self, now: Moment, wish: Wish<'_>, may_explore: bool) -> Option<EndpointId> {
        if !may_explore || !wish.tried.is_empty() || self.roster.list(Standing::Liked).is_empty() {
            return None;
        }
        self.explorations = (self.explorations + self.settings.explore_share.clamp(0.0, 1.0)).min(EXPLORATIONS_MAX);
        let overdue = self.settings.explore_pause_max * OVERDUE;
        let by = if wish.is_idempotent { now } else { now.before(overdue) };
        let id = self.roster.first_due(Standing::Doubted, by)?;
        if self.explorations < 1.0 {
            return None;
        }
        self.explorations -= 1.0;
        self.put_off(now, id);
        Some(id)
    }

    fn choose_liked(&mut self, now: Moment, wish: Wish<'_>, chance: &Chance) -> Choice {
        for _ in 0..RETRIES_MAX {
            let (drawn, full) = self.draw::<CHOICES>(Standing::Liked, now, wish.tried, chance);
            let mut best: Option<(EndpointId, f32, f32)> = None;
            let mut is_someone_silent = false;
            for id in drawn.into_iter().flatten() {
                let Some(slot) = self.roster.get(id) else { continue };
                let predictor = &self.settings.predictor;
                let works = slot.learned.works(now, &self.pool, predictor);
                if works < predictor.doubted_below {
                    self.doubt(now, id);
                    is_someone_silent = true;
                    continue;
                }
                let cost = self.cost(now, slot, works * slot.learned.in_time(wish.within, &self.pool));
                let grown = self.grown(now, slot);
                best = Some(match best {
                    None => (id, cost, grown),
                    Some(other) => one_of(other, (id, cost, grown), chance),
                });
            }
            match (best, full) {
                (Some((id, ..)), _) => return Choice::At(id),
                (None, _) if is_someone_silent => {}
                (None, Some(full)) => return Choice::NoRoom(full),
                (None, None) => break,
            }
        }
        Choice::Nobody
    }

    fn choose_doubted(&mut self, now: Moment, wish: Wish<'_>, chance: &Chance) -> Choice {
        let (drawn, full) = self.draw::<DOUBTED_CHOICES>(Standing::Doubted, now, wish.tried, chance);
        let scored = drawn.into_iter().flatten().filter_map(|id| {
            let slot = self.roster.get(id)?;
            let succeeds = slot.learned.succeeds_within(now, wish.within, &self.pool, &self.settings.predictor);
            Some((id, succeeds * slot.learned.hope(now) / (1.0 + CROWDING * slot.learned.in_flight() as f32)))
        });
        let best = scored.max_by(|left, right| left.1.total_cmp(&right.1)).map(|(id, _)| Choice::At(id));
        best.or(full.map(Choice::NoRoom)).unwrap_or(Choice::Nobody)
    }

    /// What a call costs there: its wait, made longer by the chance that it is in vain. The fourth power, so that an endpoint that
    /// fails every fifth call gets less than half of the calls of one that never does.
    fn cost(&self, now: Moment, slot: &Slot, succeeds: f32) -> f32 {
        slot.learned.load_secs(now, &self.pool) / succeeds.max(0.01).powi(4)
    }

    fn grown(&self, now: Moment, slot: &Slot) -> f32 {
        let Some(since) = slot.grows_since else { return 1.0 };
        let part = now.since(since).as_secs_f32() / self.settings.slow_start.as_secs_f32().max(f32::MIN_POSITIVE);
        part.clamp(SLOW_START_FROM, 1.0)
    }

    /// Different endpoints of a list that were not tried and have room, and one that has not.
    fn draw<const COUNT: usize>(
        &self,
        standing: Standing,
        now: Moment,
        tried: &[EndpointId],
        chance: &Chance,
    ) -> ([Option<EndpointId>; COUNT], Option<EndpointId>) {
        let list = self.roster.list(standing);
        let mut drawn = [None; COUNT];
        let mut full = None;
        let mut count = 0;
        // A short list is looked through in a shuffled order, shuffled as far as it is looked at: every pair is equally likely.
        let mut order: [usize; LOOKED_THROUGH] = std::array::from_fn(|place| place);
        for look in 0..list.len().min(LOOKED_THROUGH) {
            let place = if list.len() <= LOOKED_THROUGH {
                order.swap(look, look + chance.below(list.len() - look));
                order[look]
            } else {
                chance.below(list.len())
            };
            let id = list[place];
            if tried.contains(&id) || drawn.contains(&Some(id)) {
                continue;
            }
            if self.roster.get(id).is_some_and(|slot| slot.learned.is_full(now)) {
                full = Some(id);
                continue;
            }
            drawn[count] = Some(id);
            count += 1;
            if count == COUNT {
                break;
            }
        }
        (drawn, full)
    }
}

/// One of two, the cheaper one the more likely the cheaper it is; one that starts slowly is passed over for one that does not as
/// often as its share is smaller.
///
/// Always the cheaper one would be a little better for the load, and would leave an endpoint without calls for ever whose only fault
/// is that less good is known of it. With the cube, twice the cost is one call in nine.
fn one_of(left: (EndpointId, f32, f32), right: (EndpointId, f32, f32), chance: &Chance) -> (EndpointId, f32, f32) {
    let (left_cost, right_cost) = (left.1.powi(3), right.1.powi(3));
    let is_left = chance.fraction() as f32 * (left_cost + right_cost) < right_cost;
    let (chosen, other) = if is_left { (left, right) } else { (right, left) };
    if chosen.2 < other.2 && chance.fraction() as f32 * other.2 > chosen.2 { other } else { chosen }
}
