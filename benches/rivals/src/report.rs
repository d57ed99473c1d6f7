//! Runs contenders in turns, and tells what came of it.

use std::error::Error;
use std::fmt;
use std::fs;
use std::path::Path;

use crate::args::Args;
use crate::figures::{Figure, range, times};
use crate::machine::Machine;
use crate::sheet::{Sheet, folder};
use crate::stats::{Spread, ratios};
use crate::{Result, page, plot};

/// One thing that one measurement found out.
#[derive(Clone, Debug)]
pub struct Reading {
    /// "CPU per request"
    pub what: &'static str,
    /// "µs"
    pub unit: &'static str,
    /// Not a number where it could not be measured.
    pub value: f64,
}

impl Reading {
    /// That this was found to be so much.
    pub fn new(what: &'static str, unit: &'static str, value: f64) -> Reading {
        Reading { what, unit, value }
    }
}

/// Measures once.
pub type Run<'a> = Box<dyn FnMut() -> Result<Vec<Reading>> + 'a>;

/// One of those that are compared.
pub struct Contender<'a> {
    /// As the table calls it.
    pub name: &'static str,
    /// Measures it once.
    pub run: Run<'a>,
}

impl<'a> Contender<'a> {
    /// Measured by this closure.
    pub fn new(
        name: &'static str,
        run: impl FnMut() -> Result<Vec<Reading>> + 'a,
    ) -> Contender<'a> {
        Contender { name, run: Box::new(run) }
    }

    /// Not on this machine: a dash in the table, and a line that says why.
    pub fn missing(name: &'static str, why: &'static str) -> Contender<'a> {
        Contender::new(name, || Err(Missing(why.to_owned()).into()))
    }
}

/// Why a contender cannot be measured. As the error of a run it is a dash in the table and a line
/// below it, where any other error ends the bench.
#[derive(Clone, Debug)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Missing {}

/// What a bench found out, in the making.
pub struct Report {
    name: &'static str,
    title: &'static str,
    args: Args,
    rounds: usize,
    notes: Vec<String>,
    figures: Vec<Figure>,
    draw: Draw,
}

/// Draws a sheet into a folder.
type Draw = fn(&Sheet, &Path) -> Result<()>;

impl Report {
    /// `name` is that of its files.
    pub fn new(name: &'static str, title: &'static str, args: &Args) -> Report {
        println!("{title}");
        Report {
            name,
            title,
            args: args.clone(),
            rounds: args.rounds(),
            notes: Vec::new(),
            figures: Vec::new(),
            draw: plot::first_readings,
        }
    }

    /// Draws other plots than bars of the first readings.
    pub fn draw_with(&mut self, draw: Draw) {
        self.draw = draw;
    }

    /// How many times the contenders of the rows to come are measured, unless it is quick.
    pub fn set_rounds(&mut self, rounds: usize) {
        if !self.args.quick {
            self.rounds = rounds;
        }
    }

    /// A sentence below the table; the same one is told once.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Measures all contenders once a round, beginning with another one in each, and tells the
    /// middle of each reading. The first reading is also compared, round by round, with that of the
    /// contender called `base`. A row that was not asked for is left out.
    pub fn compare(&mut self, row: &str, base: &str, contenders: Vec<Contender<'_>>) -> Result<()> {
        if !self.args.picks(row) {
            return Ok(());
        }
        self.note(match self.rounds {
            1 => "one round".to_owned(),
            rounds => format!("medians of {rounds} rounds"),
        });
        let mut measured: Vec<Measured<'_>> = contenders.into_iter().map(Measured::new).collect();
        for round in 0..self.rounds {
            for at in 0..measured.len() {
                let at = (at + round) % measured.len();
                measured[at].run()?;
            }
        }
        let reference = measured.iter().find(|one| one.contender.name == base);
        let reference = reference.map(|one| one.values(0)).unwrap_or_default();
        let first = self.figures.len();
        for one in &measured {
            self.figures.extend(one.figures(row, base, &reference));
        }
        for Measured { contender, missing, .. } in measured {
            if let Some(why) = missing {
                self.note(format!("{}: {why}", contender.name));
            }
        }
        print_row(row, base, &self.figures[first..]);
        Ok(())
    }

    /// Prints the notes. After a full run, keeps the figures and the plots of them.
    pub fn finish(self) -> Result<()> {
        println!();
        for note in &self.notes {
            println!("{note}");
        }
        if self.args.quick || !self.args.only.is_empty() {
            println!("A full run of all rows would keep its figures in docs/benchmarks.");
            return Ok(());
        }
        let draw = self.draw;
        let sheet = self.sheet();
        fs::create_dir_all(folder())?;
        fs::write(folder().join(format!("{}.tsv", sheet.name)), sheet.to_tsv())?;
        draw(&sheet, &folder())?;
        page::rebuild()
    }

    fn sheet(self) -> Sheet {
        let facts = Machine::describe().facts.into_iter();
        Sheet {
            name: self.name.to_owned(),
            title: self.title.to_owned(),
            facts: facts.map(|(name, value)| (name.to_owned(), value)).collect(),
            notes: self.notes,
            figures: self.figures,
        }
    }
}

/// A contender, and what each round said of it.
struct Measured<'a> {
    contender: Contender<'a>,
    rounds: Vec<Vec<Reading>>,
    missing: Option<String>,
}

impl<'a> Measured<'a> {
    fn new(contender: Contender<'a>) -> Measured<'a> {
        Measured { contender, rounds: Vec::new(), missing: None }
    }

    fn run(&mut self) -> Result<()> {
        if self.missing.is_some() {
            return Ok(());
        }
        match (self.contender.run)() {
            Ok(readings) => self.rounds.push(readings),
            Err(error) => match error.downcast::<Missing>() {
                Ok(missing) => self.missing = Some(missing.0),
                Err(error) => return Err(format!("{}: {error}", self.contender.name).into()),
            },
        }
        Ok(())
    }

    /// One value a round, of the reading at this place.
    fn values(&self, at: usize) -> Vec<f64> {
        let value = |round: &Vec<Reading>| round.get(at).map_or(f64::NAN, |reading| reading.value);
        self.rounds.iter().map(value).collect()
    }

    fn figures(&self, row: &str, base: &str, reference: &[f64]) -> Vec<Figure> {
        let figure = |what: &str, unit: &str, value, ratio| Figure {
            row: row.to_owned(),
            contender: self.contender.name.to_owned(),
            what: what.to_owned(),
            unit: unit.to_owned(),
            value,
            ratio,
            base: base.to_owned(),
        };
        let Some(readings) = self.rounds.first().filter(|readings| !readings.is_empty()) else {
            return vec![figure("", "", None, None)];
        };
        let each = readings.iter().enumerate().map(|(at, reading)| {
            let values = self.values(at);
            let ratio = if at == 0 { ratios(&values, reference) } else { None };
            figure(reading.what, reading.unit, Spread::of(values), ratio)
        });
        each.collect()
    }
}

/// A line for each contender: the first reading in full, and of the others the middle.
fn print_row(row: &str, base: &str, figures: &[Figure]) {
    println!("\n{row}");
    for of_one in figures.chunk_by(|one, next| one.contender == next.contender) {
        let (first, others) = (&of_one[0], &of_one[1..]);
        let mut line = format!(
            "  {:<28} {:>16} {:>19} {:>6} × {base}",
            first.contender,
            first.middle(),
            format!("[{}]", range(first.value)),
            times(first.ratio),
        );
        for beside in others.iter().filter_map(Figure::beside) {
            line += "; ";
            line += &beside;
        }
        println!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::{Contender, Missing, Reading, Report};
    use crate::args::Args;
    use crate::stats::Spread;

    fn reading(value: f64) -> super::Result<Vec<Reading>> {
        Ok(vec![Reading { what: "time", unit: "s", value }])
    }

    const FULL: Args = Args { quick: false, only: Vec::new() };

    #[test]
    fn each_round_begins_with_another_contender() {
        let order = RefCell::new(String::new());
        let mut report = Report::new("test", "A test", &FULL);
        let contenders = [("a", 1.0), ("b", 2.0), ("c", 3.0)].map(|(name, value)| {
            let order = &order;
            Contender::new(name, move || {
                order.borrow_mut().push_str(name);
                reading(value)
            })
        });
        report.compare("row", "a", contenders.into()).unwrap();
        assert_eq!(*order.borrow(), "abcbcacababcbcacababc");
        let ratios: Vec<_> =
            report.figures.iter().map(|figure| figure.ratio.unwrap().median).collect();
        assert_eq!(ratios, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_missing_contender_is_a_dash_and_a_note() {
        let quick = Args { quick: true, ..FULL };
        let mut report = Report::new("test", "A test", &quick);
        let here = Contender::new("here", || reading(1.0));
        report.compare("row", "here", vec![here, Contender::missing("gone", "not here")]).unwrap();
        assert_eq!(report.notes, ["one round", "gone: not here"]);
        assert_eq!(report.figures[1].value, None);
        let one = Spread { median: 1.0, min: 1.0, max: 1.0 };
        assert_eq!(report.figures[0].value, Some(one));
    }

    #[test]
    fn any_other_error_ends_the_bench() {
        let mut report = Report::new("test", "A test", &FULL);
        let broken = Contender::new("broken", || Err("it broke".into()));
        let error = report.compare("row", "broken", vec![broken]).unwrap_err();
        assert_eq!(error.to_string(), "broken: it broke");
        assert!(error.downcast_ref::<Missing>().is_none());
    }
}
