//! Processes that are not let run: they are waited for, not judged.

use std::time::Duration;

use super::{Story, WELL};
use crate::reload::deadline::{EXCUSES, SERVING_MISSES};
use crate::reload::event::{Event, Said, WorkerId};
use crate::reload::state::Stage;

/// It may hold connections: however the reload ends, they are not cut.
#[test]
fn a_new_worker_without_a_processor_in_the_switch_is_waited_for() {
    for stage in [Stage::SwitchOn, Stage::SwitchOff, Stage::Handover] {
        let mut story = Story::switching(stage);
        story.starve(WorkerId(2), Duration::from_secs(9));
        let waits = story.orders.is_empty();
        // What the switch waits for in between is the old worker, which is well and does not do it.
        assert!(waits || stage == Stage::SwitchOff, "{stage:?}: {:?}", story.orders);
        assert!(!story.orders.contains(&"kill 2".to_owned()), "{stage:?}: {:?}", story.orders);
        story.feed(Event::Said(WorkerId(2), WELL));
        story.say(Said::Accepting);
        story.feed(Event::Said(WorkerId(1), Said::Stopped));
        story.feed(Event::Said(WorkerId(1), Said::HandedOver { moved: 0, left: 0 }));
        let end = if waits { "commit 2; drain 1; answer" } else { "drain 2; unbind; answer" };
        assert!(story.orders.join("; ").ends_with(end), "{stage:?}: {:?}", story.orders);
    }
}

#[test]
fn an_old_worker_without_a_processor_in_the_switch_is_waited_for() {
    for stage in [Stage::SwitchOff, Stage::Handover] {
        let mut story = Story::switching(stage);
        story.starve(WorkerId(1), Duration::from_secs(9));
        assert_eq!(story.orders.join("; "), "", "{stage:?}");
    }
}

#[test]
fn a_new_worker_that_never_gets_a_processor_gives_way_at_last() {
    let mut story = Story::switching(Stage::Handover);
    story.starve(WorkerId(2), Duration::from_secs(30));
    let wanted = "Resume 1; StopAccept 2; hand over 2 to 1; drain 2; unbind; answer; kill 2";
    assert_eq!(story.orders.join("; "), wanted);
}

/// Deadlines that passed while we slept are nobody's fault: those who should have answered slept, too.
#[test]
fn a_supervisor_that_was_not_let_run_judges_nobody_before_they_had_a_moment() {
    for stage in [Stage::SwitchOn, Stage::SwitchOff, Stage::Handover] {
        let mut story = Story::switching(stage);
        story.oversleep(Duration::from_secs(20));
        assert_eq!(story.orders.join("; "), "", "{stage:?}");
        story.say(Said::Accepting);
        story.feed(Event::Said(WorkerId(1), Said::Stopped));
        story.feed(Event::Said(WorkerId(1), Said::HandedOver { moved: 0, left: 0 }));
        assert!(story.orders.join("; ").ends_with("commit 2; drain 1; answer"), "{stage:?}");
    }
    let mut story = Story::switching(Stage::SwitchOff);
    story.oversleep(Duration::from_secs(20));
    story.oversleep(Duration::from_secs(20)); // always late: that is how it is here
    assert!(story.orders.contains(&"Resume 1".to_owned()), "{:?}", story.orders);
}

#[test]
fn a_worker_without_a_processor_is_not_stuck_for_a_while() {
    let mut story = Story::begin();
    let seconds = |pings: u32| Duration::from_secs(pings.into());
    story.starve(WorkerId(1), seconds(EXCUSES));
    story.say(WELL); // once is enough: all begins anew
    story.starve(WorkerId(1), seconds(EXCUSES));
    assert_eq!(story.orders.join("; "), "");
    story.starve(WorkerId(1), seconds(SERVING_MISSES + 1));
    assert_eq!(story.orders.join("; "), "kill 1; spawn 2 of generation 1");
}
