//! smoke
use std::time::Duration;
fn main() -> unspin::Result<()> {
    unspin::run(|| {
        println!("main");
        unspin::set_timeout(Duration::ZERO, || println!("timeout"));
        unspin::set_immediate(|| {
            println!("immediate");
            println!("{}", unspin::stack());
        });
        unspin::next_tick(|| println!("tick"));
        unspin::queue_microtask(|| {
            println!("micro");
            unspin::next_tick(|| println!("tick from micro"));
        });
        let mut n = 0;
        unspin::set_interval(Duration::from_millis(20), move |t| {
            n += 1;
            println!("interval {n}");
            for r in unspin::resources() {
                println!("  {r}");
            }
            if n == 3 {
                t.clear();
            }
        });
        unspin::on_exit(|c| println!("exit {c} {:?}", unspin::metrics()));
        unspin::request_frame(|t| println!("frame {t:?}"));
    })
}
