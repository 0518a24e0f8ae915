//! Runs a workload. The other modules here implement the shapes.

use super::{Channel, Kind, Plan, Shape, Workload, cold, go_own, hand_off, latency, memory, pairs, pools, threads};
use crate::contender::Contender;
use crate::item::{self, Buffer, Costly, Large, Nothing, Page};
use crate::sample::Sample;

/// Runs `workload` once with a new pool.
pub(crate) fn run<C: Contender<Item = Buffer>>(workload: &Workload, plan: Plan) -> Sample {
    item::take_made();
    let mut sample = match workload.item {
        Kind::Buffer => buffers::<C>(workload, plan),
        Kind::Nothing => sized::<C::With<Nothing>>(workload, plan),
        Kind::Page => sized::<C::With<Page>>(workload, plan),
        Kind::Large => match workload.shape {
            Shape::AfterBurst(size) => memory::after_burst::<C::With<Large>>(size, plan),
            _ => sized::<C::With<Large>>(workload, plan),
        },
        Kind::Costly => match workload.shape {
            Shape::Work(size) => go_own::work::<C::With<Costly>>(size, workload.threads, plan),
            other => unreachable!("no {other:?} with costly items"),
        },
    };
    // The working threads have counted their own items. This thread made its items before they began.
    sample.add("warm_up_made", item::take_made() as f64);
    sample
}

fn buffers<C: Contender>(workload: &Workload, plan: Plan) -> Sample {
    let threads = workload.threads;
    match workload.shape {
        Shape::Pair | Shape::Burst(_) => sized::<C>(workload, plan),
        Shape::Window(size) => pairs::window::<C>(size, threads, plan),
        Shape::HandOff(size, Channel::Spinning) => hand_off::spinning::<C>(size, plan),
        Shape::HandOff(size, Channel::Blocking) => hand_off::blocking::<C>(size, plan),
        Shape::PutGet => go_own::put_get::<C>(threads, plan),
        Shape::PutFirst { puts, gets } => go_own::put_first::<C>(puts, gets, threads, plan),
        Shape::Pause(size) => go_own::pause::<C>(size, plan),
        Shape::Pools(pools) => pools::in_turn::<C>(pools, plan),
        Shape::BesidePools(others) => pools::pairs_beside::<C>(others, plan),
        Shape::BesideThreads(idle) => threads::pairs_beside::<C>(idle, plan),
        Shape::SweepThreads(idle) => threads::sweeps_beside::<C>(idle, plan),
        Shape::Churn(size) => threads::churn::<C>(size, plan),
        Shape::FirstUse => threads::first_use::<C>(plan),
        Shape::Cold(every) => cold::cold::<C>(every, plan),
        Shape::Latency { size, sweeps } => latency::latency::<C>(size, threads, sweeps, plan),
        Shape::Weight => memory::weight::<C>(plan),
        Shape::Work(_) | Shape::AfterBurst(_) => unreachable!("no {:?} with buffers", workload.shape),
        Shape::Bounded(..) => unreachable!("{} is for pools with a limit", workload.name),
    }
}

/// The shapes for items of every size.
fn sized<C: Contender>(workload: &Workload, plan: Plan) -> Sample {
    match workload.shape {
        Shape::Pair => pairs::pairs::<C>(workload.threads, plan),
        Shape::Burst(size) => pairs::bursts::<C>(size, workload.threads, plan),
        other => unreachable!("{other:?} is for one kind of item only"),
    }
}
