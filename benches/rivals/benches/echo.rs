//! What it costs to send back a message: `cargo bench --bench echo`.
//!
//! Client and server share a core and are scheduled in batches, so that neither preempts the other
//! and no cache line crosses cores: the server's processor time per request then repeats to a few
//! percent, where requests per second would tell what the machine was doing besides. A latency is
//! for the same reason that of a batch: it tells how long a full round over all connections takes.

use std::time::Duration;

use unspin_rivals::Result;
use unspin_rivals::account::Instructions;
use unspin_rivals::args::Args;
use unspin_rivals::contenders::{self, BASE, Order, RIVALS, Rival, Service, THREADS};
use unspin_rivals::load::{Load, Shape, most_connections};
use unspin_rivals::machine::keep_still;
use unspin_rivals::report::{Contender, Missing, Reading, Report};
use unspin_rivals::server::Server;

const MANY: usize = 10_000;

/// The first is the one by which a change is judged.
const SHAPES: [Shape; 7] = [
    Shape { connections: 50, size: 64, depth: 1 },
    Shape { connections: 1, size: 64, depth: 1 },
    Shape { connections: 50, size: 4 << 10, depth: 1 },
    Shape { connections: 50, size: 64 << 10, depth: 1 },
    Shape { connections: 50, size: 64, depth: 16 },
    Shape { connections: 1_000, size: 64, depth: 1 },
    Shape { connections: MANY, size: 64, depth: 1 },
];

/// How long a measurement takes.
struct Plan {
    warm_up: Duration,
    measured: Duration,
    counted: Duration,
}

impl Plan {
    fn of(args: &Args, shape: Shape) -> Plan {
        // Each connection should have had its first answers before it counts.
        let rounds = if shape.connections == MANY { 2 } else { 1 };
        let millis = |full, quick| Duration::from_millis(if args.quick { quick } else { full });
        Plan {
            warm_up: millis(60, 30) * rounds,
            measured: millis(280, 60) * rounds,
            counted: millis(50, 20) * rounds,
        }
    }
}

fn main() -> Result<()> {
    contenders::serve_if_asked()?;
    let args = Args::from_env();
    let mut report = Report::new("echo", "Echo, the server's share of one core", &args);
    report.note(keep_still());
    let most = most_connections();
    for shape in SHAPES {
        let row = shape.to_string();
        if shape.connections > most {
            report.note(format!("{row}: a process may have {most} connections here"));
            continue;
        }
        report.set_rounds(if shape.connections == MANY { 5 } else { args.rounds() });
        let plan = Plan::of(&args, shape);
        let contenders = RIVALS.iter().map(|rival| contender(rival, shape, &plan));
        report.compare(&row, BASE, contenders.collect())?;
    }
    report.finish()
}

fn contender<'a>(rival: &'static Rival, shape: Shape, plan: &'a Plan) -> Contender<'a> {
    Contender::new(rival.name, move || {
        rival.prepare()?;
        let measured = measure(rival, shape, plan);
        if rival.name == THREADS && shape.connections == MANY {
            // Not every system lets a process have as many.
            return measured.map_err(|error| Missing(format!("{MANY} threads: {error}")).into());
        }
        measured
    })
}

fn measure(rival: &Rival, shape: Shape, plan: &Plan) -> Result<Vec<Reading>> {
    let server = Server::start(rival, Order { service: Service::Echo, message: shape.size })?;
    let account = server.account();
    let instructions = Instructions::of(server.process());
    let mut load = Load::connect(server.address(), shape)?;
    load.warm_up(plan.warm_up * rival.warm_up)?;
    let before = account.cpu()?;
    let served = load.run(plan.measured)?;
    let spent = account.cpu()? - before;
    let latency =
        |percent| load.latencies().percentile(percent).map_or(f64::NAN, |nanos| nanos / 1e3);
    let mut readings = vec![
        Reading::new("CPU per request", "µs", spent.as_secs_f64() * 1e6 / served.requests as f64),
        Reading::new("requests per second", "", served.requests as f64 / served.time.as_secs_f64()),
        Reading::new("latency, median", "µs", latency(50.0)),
        Reading::new("latency, 99 %", "µs", latency(99.0)),
        Reading::new("memory", "MiB", account.resident()? as f64 / f64::from(1 << 20)),
    ];
    let counted = instructions.map(|mut instructions| {
        let (counted, served) = instructions.during(|| load.run(plan.counted))?;
        Result::Ok(counted as f64 / served.requests as f64)
    });
    let each = counted.transpose()?.unwrap_or(f64::NAN);
    readings.push(Reading::new("user instructions per request", "", each));
    Ok(readings)
}
