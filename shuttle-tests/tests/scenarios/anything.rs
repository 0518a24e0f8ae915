//! Random programs: threads that call a pool's operations at random.

use crate::common::{Watched, explore, join};
use ebbtide::{Pooled, Settings};
use shuttle::rand::{Rng, thread_rng};

/// Five threads of six operations each, on a pool with few or no private slots. Shuttle's random numbers are part of
/// the schedule, so a replay draws the same ones.
#[test]
fn any_program_keeps_the_promises() {
    explore(|| {
        let pool = Watched::new(settings());
        run(&pool);
        pool.close();
    });
}

/// The same with `max_idle`.
#[test]
fn any_program_keeps_to_max_idle() {
    explore(|| {
        let bound = 3;
        let pool = Watched::limited(settings().max_idle(bound));
        run(&pool);
        assert_eq!(pool.prefill(bound + 1), bound, "the room of an empty pool");
        pool.age_out();
        pool.close();
    });
}

fn settings() -> Settings<ebbtide::Manual> {
    Settings::new().manual().private_slots(thread_rng().gen_range(0..=4))
}

fn run(pool: &Watched) {
    join([(); 5].map(|()| pool.spawn(use_at_random)));
    pool.age_out();
}

/// Holds no more items than the model's queues have places.
fn use_at_random(pool: Watched) {
    let mut held = Vec::new();
    for _ in 0..6 {
        match thread_rng().gen_range(0..10) {
            0 | 1 => held.push(pool.get()),
            2 => held.extend(pool.try_get()),
            3 if pool.alive() < 12 => pool.put_new(),
            4 => pool.burst(3),
            5 => drop(held.pop()),
            6 => held.clear(),
            7 => drop(held.pop().map(Pooled::detach)),
            8 => {
                pool.advance();
            }
            _ => {
                pool.clear();
            }
        }
    }
}
