//! Faults that random seeds once found, each told by a script of its own, so that it stays found when the seeds change.

use homeostat_simulator::{Luck, Mood, Simulation, scenario};
use homeostat_vocabulary::Millis;

fn run(text: &str, change: impl FnOnce(&mut homeostat_simulator::Setup)) {
    let mut scenario = scenario::parse(text).unwrap();
    change(&mut scenario.setup);
    let mut simulation = Simulation::new(scenario.setup);
    simulation.trace();
    let result = simulation.run_for(scenario.length);
    assert_eq!(result, Ok(()), "{}", simulation.story());
}

fn tell(text: &str) {
    run(text, |_| {});
}

#[test]
fn a_raised_level_takes_up_what_waits_for_approval() {
    // The repair would wait for an hour for a word that nobody has to give any more.
    tell(
        "service web autonomy=approve\n\
         at 10s crash web/0\n\
         at 20s reload web autonomy=auto\n\
         at 30s expect web/0 ready\n\
         end 30s",
    );
}

#[test]
fn a_retry_that_is_due_under_a_pause_lets_the_engine_sleep() {
    // A timer that stays due would have the engine turn without end.
    tell(
        "service web\n\
         at 5s calls web/0 impossible\n\
         at 6s reload web removed\n\
         at 6500ms pause\n\
         end 1m",
    );
}

#[test]
fn a_plan_that_is_due_without_a_journal_lets_the_engine_sleep() {
    // The same, when nothing may be begun because nothing can be written down.
    tell(
        "service web\n\
         at 10s dies-after web/0 100ms\n\
         at 12s journal breaks\n\
         at 13s pause\n\
         end 2m",
    );
}

#[test]
fn a_life_is_not_ready_because_the_one_before_was() {
    // The word of the old life's end came after that of the new one's begin, and its readiness counted as success.
    let text = "repair verify_window=1s\n\
                service web health warm-up=2s stop-takes=4s\n\
                at 10s sicken web/0 3s\n\
                end 1m";
    for seed in 1..=20 {
        run(text, |setup| {
            setup.seed = seed;
            setup.luck = Luck { exit_news_late_max: Millis(200), ..Luck::default() };
        });
    }
}

#[test]
fn without_its_health_check_what_runs_is_ready() {
    // It would be waited for without end, and its episode would never close.
    tell(
        "service web health autonomy=observe\n\
         at 10s sicken web/0\n\
         at 20s expect episodes 1\n\
         at 30s reload web no-health\n\
         at 31s expect web/0 ready\n\
         at 31s expect episodes 0\n\
         end 31s",
    );
}

#[test]
fn what_becomes_unhealthy_while_it_is_started_is_found_when_the_start_is_over() {
    // A finding is made once; made while nobody may act on it, it was lost, and the instance neglected for ever.
    let text = "service web health autonomy=observe\n\
                at 15ms kill-engine\n\
                at 900ms calls web/0 fail\n\
                at 1s start-engine\n\
                at 20s expect episodes 1\n\
                end 20s";
    run(text, |setup| {
        setup.natures[0].1.born = Mood::Closed;
        let web = setup.policy.services.values_mut().next().unwrap();
        let check = web.health.as_mut().unwrap();
        (check.failures, check.start_grace) = (1, Millis(0));
    });
}

#[test]
fn a_saga_goes_on_although_the_policy_changed_between_two_engines() {
    // Handed over again under other limits it was taken for failed: a second action began beside it, and with it a second life.
    tell(
        "service web health grace=3s\n\
         at 10s hang web/0\n\
         at 14s kill-engine\n\
         at 14500ms reload web grace=6s\n\
         at 15s start-engine\n\
         at 25s expect web/0 lives 2\n\
         at 25s expect repairs 1\n\
         at 1m expect web/0 ready\n\
         at 1m expect repairs 1\n\
         at 1m expect episodes 0\n\
         end 1m",
    );
}

#[test]
fn an_episode_about_what_nobody_declares_any_more_closes() {
    // It never ran, so a new engine knew of it by its episode alone, and the episode stayed open for ever.
    tell(
        "service db\n\
         service web autonomy=propose\n\
         at 0s calls web/0 impossible\n\
         at 5s expect episodes 1\n\
         at 10s kill-engine\n\
         at 11s reload web removed\n\
         at 12s start-engine\n\
         at 20s expect episodes 0\n\
         end 20s",
    );
}
