//! Ports: when messages are delivered, how a channel is closed, what keeps the loop alive.

mod util;

use std::cell::Cell;
use std::rc::Rc;

use unspin::{Error, MessageChannel, Port, Resource, ResourceKind};
use util::{Drops, Log, millis, run_real, run_virtual, virtual_loop};

/// A channel of words.
fn words() -> (Port<&'static str>, Port<&'static str>) {
    MessageChannel::new()
}

/// Says each word that comes.
fn say_all(port: &Port<&'static str>, log: &Log) {
    let log = log.clone();
    port.on_message(move |word| log.say(word));
}

fn port_resources() -> Vec<Resource> {
    let all = unspin::resources().into_iter();
    all.filter(|resource| resource.kind == ResourceKind::Port).collect()
}

#[test]
fn each_message_is_a_task_and_immediates_wait_for_the_check_phase() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = words();
        let (said, closing) = (log.clone(), there.clone());
        there.on_message(move |word| {
            said.say(word);
            unspin::queue_microtask(said.add("micro"));
            unspin::next_tick(said.add("tick"));
            unspin::set_immediate(said.add("immediate"));
            closing.close();
        });
        for word in ["one", "two", "three"] {
            assert!(here.post(word));
        }
        there.on_close(log.add("closed"));
        unspin::set_timeout(millis(150), move || here.close());
        log.say("main");
    });
    log.expect(&[
        "main",
        "one",
        "tick",
        "micro",
        "two",
        "tick",
        "micro",
        "three",
        "tick",
        "micro",
        "immediate",
        "immediate",
        "immediate",
        "closed",
    ]);
}

#[test]
fn messages_wait_until_there_is_a_handler() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = words();
        here.post("one");
        here.post("two");
        assert!(unspin::why_alive().is_empty());
        let said = log.clone();
        unspin::set_timeout(millis(5), move || {
            say_all(&there, &said);
            here.post("three");
            unspin::set_immediate(said.add("immediate"));
            here.close();
        });
    });
    log.expect(&["one", "two", "three", "immediate"]);
}

#[test]
fn a_message_posted_in_poll_comes_in_the_next_turn() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = words();
        let (said, again) = (log.clone(), here.clone());
        there.on_message(move |word| {
            said.say(word);
            unspin::set_immediate(said.add("immediate"));
            if word == "first" {
                again.post("second");
                again.close();
            }
        });
        here.post("first");
    });
    log.expect(&["first", "immediate", "second", "immediate"]);
}

#[test]
fn ports_that_answer_each_other_leave_room_for_timers() {
    let rounds = Rc::new(Cell::new(0));
    run_virtual(|| {
        let (here, there) = MessageChannel::new();
        for (port, other) in [(&here, &there), (&there, &here)] {
            let (back, rounds) = (port.clone(), Rc::clone(&rounds));
            port.on_message(move |()| {
                rounds.set(rounds.get() + 1);
                unspin::advance(millis(1)).expect("the clock is virtual");
                back.post(());
            });
            other.post(());
        }
        unspin::set_timeout(millis(20), move || here.close());
    });
    assert!((20..=24).contains(&rounds.get()), "{} rounds", rounds.get());
}

#[test]
fn ports_have_their_turns_in_the_order_in_which_their_mail_came() {
    let log = Log::new();
    run_virtual(|| {
        let channels: Vec<_> = (0..3).map(|_| words()).collect();
        for (_, there) in &channels {
            say_all(there, &log);
        }
        channels[2].0.post("three");
        channels[0].0.post("one");
        channels[2].0.post("three again");
        channels[1].0.post("two");
        channels.iter().for_each(|(here, _)| here.close());
    });
    log.expect(&["three", "three again", "one", "two"]);
}

#[test]
fn messages_go_both_ways() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = MessageChannel::new();
        let (back, said) = (there.clone(), log.clone());
        there.on_message(move |number: u32| {
            said.say(format!("there {number}"));
            back.post(number + 1);
        });
        let (again, said) = (here.clone(), log.clone());
        here.on_message(move |number| {
            said.say(format!("here {number}"));
            if number == 4 || !again.post(number + 1) {
                again.close();
            }
        });
        here.post(1);
    });
    log.expect(&["there 1", "here 2", "there 3", "here 4"]);
}

#[test]
fn closing_tells_both_sides_in_the_close_phase() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = words();
        here.on_close(log.add("here"));
        there.on_close(log.add("there"));
        unspin::set_immediate(log.add("immediate"));
        here.close();
        here.close();
        assert!(here.is_closed() && there.is_closed());
        log.say("main");
    });
    log.expect(&["main", "immediate", "here", "there"]);
}

#[test]
fn what_was_posted_before_is_delivered_before_the_end() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = words();
        say_all(&there, &log);
        there.on_close(log.add("closed"));
        here.post("one");
        here.post("two");
        here.close();
        assert!(!here.post("too late") && !there.post("too late"));
    });
    log.expect(&["one", "two", "closed"]);
}

#[test]
fn a_receiver_that_closes_itself_gets_what_it_has() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = words();
        say_all(&there, &log);
        there.on_close(log.add("closed"));
        here.post("one");
        there.close();
    });
    log.expect(&["one", "closed"]);
}

#[test]
fn a_closed_channel_delivers_to_a_handler_that_comes_later() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = words();
        there.on_close(log.add("closed"));
        here.post("one");
        here.close();
        let said = log.clone();
        unspin::set_timeout(millis(5), move || {
            said.say("timer");
            say_all(&there, &said);
        });
    });
    log.expect(&["timer", "one", "closed"]);
}

#[test]
fn messages_that_nobody_will_take_are_dropped_once() {
    let drops = Drops::new();
    run_virtual(|| {
        let (here, there) = MessageChannel::new();
        here.post(drops.guard());
        there.close();
        assert!(!here.post(drops.guard()));
        assert_eq!(drops.count(), 1, "the channel is closed");
        let (here, there) = MessageChannel::new();
        here.post(drops.guard());
        here.close();
        drop(there);
    });
    assert_eq!(drops.count(), 3);
}

#[test]
fn dropping_the_last_handle_of_a_port_without_a_handler_closes_it() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = words();
        say_all(&there, &log);
        there.on_close(log.add("closed"));
        here.post("one");
        let clone = here.clone();
        drop(here);
        assert!(!there.is_closed(), "a handle is left");
        drop(clone);
        assert!(there.is_closed());
    });
    log.expect(&["one", "closed"]);
}

#[test]
fn a_port_with_a_handler_lives_without_handles() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = words();
        say_all(&there, &log);
        drop(there);
        unspin::set_timeout(millis(5), move || {
            here.post("one");
            here.close();
        });
    });
    log.expect(&["one"]);
}

#[test]
fn a_receiving_port_keeps_the_loop_alive_and_names_its_line() {
    run_virtual(|| {
        let (here, there) = words();
        assert!(unspin::why_alive().is_empty());
        assert!(!there.has_ref());
        let line = line!() + 1;
        there.on_message(|_| ());
        let alive = unspin::why_alive();
        assert_eq!(alive.len(), 1);
        assert_eq!((alive[0].kind, alive[0].at.line()), (ResourceKind::Port, line));
        assert_eq!(alive[0].state, "receiving");
        here.post("one");
        assert_eq!(unspin::why_alive()[0].state, "receiving, 1 queued");
        assert!(there.has_ref() && !there.unref().has_ref());
        assert!(unspin::why_alive().is_empty());
        assert!(there.ref_().ref_().has_ref());
        here.close();
        unspin::set_timeout(millis(5), move || {
            assert!(!there.has_ref());
            assert!(port_resources().is_empty());
        });
    });
}

#[test]
fn an_unreferenced_port_delivers_only_while_the_loop_lives() {
    let log = Log::new();
    let kept = std::cell::OnceCell::new();
    run_virtual(|| {
        let (here, there) = words();
        say_all(&there, &log);
        there.unref();
        here.post("one");
        let (said, later) = (log.clone(), here.clone());
        unspin::set_timeout(millis(5), move || {
            said.say("timer");
            later.post("never");
        });
        kept.set(here).expect("it is set once");
    });
    log.expect(&["one", "timer"]);
}

#[test]
fn a_virtual_clock_jumps_although_a_port_receives_and_an_idle_port_costs_no_turns() {
    let event_loop = virtual_loop();
    let run = event_loop.run(|| {
        let (here, there) = words();
        there.on_message(|_| ());
        unspin::set_timeout(millis(60_000), move || here.close());
    });
    run.expect("nothing in it fails");
    assert!(event_loop.metrics().turns <= 3, "{:?}", event_loop.metrics());
}

#[test]
fn a_sleeping_loop_is_not_kept_awake_by_an_idle_port() {
    run_real(|| {
        let (here, there) = words();
        there.on_message(|_| ());
        unspin::set_timeout(millis(20), move || {
            let metrics = unspin::metrics();
            assert!(metrics.turns <= 3, "{metrics:?}");
            here.close();
        });
    });
}

#[test]
fn a_failing_handler_is_uncaught_and_the_rest_is_delivered() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::on_uncaught(move |uncaught| {
            said.say(format!("{} {}", uncaught.kind(), uncaught.error()));
        });
        let (here, there) = words();
        let said = log.clone();
        there.on_message(move |word| {
            unspin::next_tick(said.add("tick"));
            match word {
                "fails" => Err(Error::new("failed")),
                "panics" => panic!("panicked"),
                word => {
                    said.say(word);
                    Ok(())
                }
            }
        });
        for word in ["fails", "panics", "one"] {
            here.post(word);
        }
        here.close();
    });
    log.expect(&[
        "message failed",
        "tick",
        "message a callback panicked: panicked",
        "tick",
        "one",
        "tick",
    ]);
}

#[test]
fn a_handler_may_put_another_in_its_place() {
    let (log, drops) = (Log::new(), Drops::new());
    run_virtual(|| {
        let (here, there) = words();
        let (port, said, guard) = (there.clone(), log.clone(), drops.guard());
        let count = drops.clone();
        there.on_message(move |word| {
            guard.keep();
            said.say(format!("first handler {word}"));
            let (said, count) = (said.clone(), count.clone());
            port.on_message(move |word| {
                assert_eq!(count.count(), 1);
                said.say(format!("second handler {word}"));
            });
        });
        here.post("one");
        here.post("two");
        here.close();
    });
    log.expect(&["first handler one", "second handler two"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn handlers_and_messages_are_dropped_once_when_the_channel_is_closed() {
    let drops = Drops::new();
    run_virtual(|| {
        let (here, there) = MessageChannel::new();
        // Each handler owns its own port: closing parts them.
        for port in [&here, &there] {
            let (itself, guard) = (port.clone(), drops.guard());
            port.on_message(move |message| {
                guard.keep();
                drop((message, itself.clone()));
            });
            let (itself, guard) = (port.clone(), drops.guard());
            port.on_close(move || drop((itself, guard)));
        }
        here.post(drops.guard());
        here.close();
        let drops = drops.clone();
        unspin::set_timeout(millis(5), move || {
            assert_eq!(drops.count(), 5);
            there.on_message(|_| unreachable!("it is closed"));
            there.on_close(|| unreachable!("it is closed"));
        });
    });
    assert_eq!(drops.count(), 5);
}

#[test]
fn a_loop_that_is_dropped_drops_all_of_its_ports() {
    let drops = Drops::new();
    let event_loop = virtual_loop();
    let kept = Rc::new(Cell::new(None));
    let place = Rc::clone(&kept);
    let drops_in = drops.clone();
    let run = event_loop.run(move || {
        let (here, there) = MessageChannel::new();
        let (itself, guard) = (there.clone(), drops_in.guard());
        there.on_message(move |message| drop((message, itself.clone(), &guard)));
        // A port that never received, which owns itself.
        let (idle, other) = MessageChannel::<()>::new();
        let (itself, guard) = (idle.clone(), drops_in.guard());
        idle.on_close(move || drop((itself, guard)));
        unspin::set_immediate(move || {
            here.post(drops_in.guard());
            place.set(Some((here, other)));
            unspin::stop();
        });
    });
    run.expect("nothing in it fails");
    assert_eq!(drops.count(), 0);
    drop(event_loop);
    assert_eq!(drops.count(), 3);
    let (here, _other) = kept.take().expect("the immediate has left them");
    assert!(here.is_closed() || !here.post(drops.guard()));
    here.on_close(|| ());
    here.close();
}

#[test]
fn exit_in_a_handler_is_the_end_and_the_other_messages_are_dropped() {
    let (log, drops) = (Log::new(), Drops::new());
    let event_loop = virtual_loop();
    let code = event_loop.run(|| {
        let (here, there) = MessageChannel::new();
        let said = log.clone();
        there.on_message(move |_| {
            said.say("message");
            unspin::exit(3);
        });
        there.on_close(log.add("never"));
        here.post(drops.guard());
        here.post(drops.guard());
    });
    assert_eq!(code.expect("nothing fails"), 3);
    drop(event_loop);
    log.expect(&["message"]);
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_handler_dropped_in_place_may_use_the_port() {
    let log = Log::new();
    run_virtual(|| {
        let (here, there) = words();
        let (again, said) = (here.clone(), log.clone());
        let says = util::OnDrop(move || {
            again.post("posted by a drop");
            said.say("dropped");
        });
        there.on_message(move |_| says.keep());
        say_all(&there, &log);
        unspin::set_immediate(move || here.close());
    });
    log.expect(&["dropped", "posted by a drop"]);
}
